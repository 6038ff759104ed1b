"""Rows of the public data sets' files to posts.

| file | how it is known | text, id |
| --- | --- | --- |
| `.csv` | ends in `.csv` | the columns with such a name in its header |
| `.tsv` with a header | ends in `.tsv`, a column has the name of one with text | the same |
| GoEmotions | first line: text TAB numbers TAB id | first and third column |
| emotion6 | ends in `.txt`, first line: text, `;`, one of six emotions | before the `;`, line |
| TweetEval | ends in `_text.txt` | the line, its number |

Platform `dataset`; native id = the folder, `/`, the name of the file without endings, `:`, and the
row's own id. In a table without ids it is the number of the row's (first) line; where only the row
has none, `line-` and that number. Where an id is taken already, the later row's has `#` and its
line too.
"""

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import count

from ingest.inputs import Line
from ingest.payloads import clean_text, decode
from ingest.sightings import Sighting
from ingest.texts import undated
from stream.codec import MAX_RECORD
from stream.errors import InvalidRecord, UserError
from stream.posts import Post

PLATFORM = "dataset"

TEXT_COLUMNS = ("text", "content", "sentence", "tweet")
ID_COLUMNS = ("id", "tweet_id", "comment_id")

_GOEMOTIONS = re.compile(r"[^\t]*\t\d+(,\d+)*\t\S+")
_EMOTION6 = re.compile(r".*;(sadness|joy|love|anger|fear|surprise)")


@dataclass(frozen=True, slots=True)
class Columns:
    """Where a row has its text and its id."""

    text: int
    id: int | None
    number: int
    """Of columns in every row."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row, or why it is none."""

    line: Line
    text: str = ""
    own_id: str | None = None
    """None in a table without ids; empty where only the row has none."""
    refused: str | None = None

    def post(self, data_set: str, sighting: Sighting) -> Post:
        """Makes the post; raises InvalidRecord."""
        if self.refused is not None:
            raise InvalidRecord(self.refused)
        decode(self.line.data)
        native_id = f"{data_set}:{self.own_id or self.line.number}"
        platform = sighting.platform or PLATFORM
        return undated(clean_text(self.text), native_id, platform, sighting)


Rows = Callable[[Iterator[Line]], Iterator[Row]]


def told_apart(rows: Iterator[Row]) -> Iterator[Row]:
    """Gives each row; in a table with ids no two get the same, whatever the ids look like."""
    taken: set[str] = set()
    for row in rows:
        if row.own_id is None:
            yield row
            continue
        own_id = row.own_id or f"line-{row.line.number}"
        while own_id in taken:
            own_id += f"#{row.line.number}"
        taken.add(own_id)
        yield replace(row, own_id=own_id)


def recognise(file_name: str, ending: str, first: str) -> Rows | None:
    """Says how to read the rows of a table, by its name and first line; None for no table.

    Raises:
        UserError: it is a table in which we find no text.
    """
    if ending == ".csv":
        if (columns := _columns(_cells(first))) is None:
            raise _no_text_column(file_name)
        return partial(_comma_separated, columns=columns)
    if file_name.endswith("_text.txt"):
        return _text_lines
    if ending in ("", ".tsv") and _GOEMOTIONS.fullmatch(first):
        return partial(_tab_separated, columns=Columns(text=0, id=2, number=3))
    if ending in ("", ".tsv") and "\t" in first and (columns := _columns(first.split("\t"))):
        return partial(_tab_separated, columns=columns, header=True)
    if ending == ".txt" and _EMOTION6.fullmatch(first):
        return _labelled
    if ending == ".tsv":
        raise _no_text_column(file_name)
    return None


def _no_text_column(file_name: str) -> UserError:
    return UserError(
        f"{file_name}: its first line names no column with text (one of {', '.join(TEXT_COLUMNS)})"
    )


def _columns(header: list[str]) -> Columns | None:
    names = [name.strip().lower() for name in header]
    text = next((names.index(name) for name in TEXT_COLUMNS if name in names), None)
    own_id = next((names.index(name) for name in ID_COLUMNS if name in names), None)
    return None if text is None else Columns(text, own_id, len(names))


def _row(line: Line, cells: list[str], columns: Columns) -> Row:
    if not line.whole:
        return Row(line, refused=f"{line.size} bytes are more than a record may have")
    if len(cells) != columns.number:
        return Row(line, refused=f"{len(cells)} columns where there should be {columns.number}")
    own_id = cells[columns.id].strip() if columns.id is not None else None
    return Row(line, cells[columns.text], own_id)


def _tab_separated(lines: Iterator[Line], columns: Columns, header: bool = False) -> Iterator[Row]:
    for line in lines:
        if header:
            header = False
        elif not line.blank:
            yield _row(line, _text(line).split("\t"), columns)


def _labelled(lines: Iterator[Line]) -> Iterator[Row]:
    for line in lines:
        text, mark, _label = _text(line).rpartition(";")
        if mark:
            yield _row(line, [text], Columns(text=0, id=None, number=1))
        elif not line.blank:
            yield Row(line, refused="no ';' with a label after the text")


def _text_lines(lines: Iterator[Line]) -> Iterator[Row]:
    for line in lines:
        if not line.blank:
            yield _row(line, [_text(line)], Columns(text=0, id=None, number=1))


class _Feed:
    """The lines of one row after another, as text; a row has no more bytes than a record."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self.taken: list[Line] = []
        """Of the row so far."""
        self._size = 0

    def begin(self) -> None:
        """Begins a row."""
        self.taken.clear()
        self._size = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.taken.append(line)
        self._size += line.size
        if len(self.taken) > 1 and self._size > MAX_RECORD:
            raise csv.Error("a row with more bytes than a record may have")
        return _text(line) + "\n"


def _comma_separated(lines: Iterator[Line], columns: Columns) -> Iterator[Row]:
    """Reads rows that may go over several lines; the first is the header."""
    feed = _Feed(lines)
    reader = csv.reader(feed, strict=True)
    for number in count():
        feed.begin()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(_joined(feed.taken), refused=f"not comma-separated values: {error}")
            continue
        row = _joined(feed.taken)
        if number and not row.blank:
            yield _row(row, cells, columns)


def _cells(first: str) -> list[str]:
    try:
        return next(csv.reader([first]), [])
    except csv.Error:
        return []


def _joined(lines: list[Line]) -> Line:
    if len(lines) == 1:
        return lines[0]
    return Line(
        lines[0].number,
        b"\n".join(line.data for line in lines),
        sum(line.size for line in lines) + len(lines) - 1,
    )


def _text(line: Line) -> str:
    # Bytes that are no UTF-8 come through as surrogates; Row.post refuses their row.
    return line.data.removesuffix(b"\r").decode(errors="surrogateescape")
