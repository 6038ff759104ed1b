"""Posts for every command of the laboratory, whatever holds them: Kafka, the index, or a file.

    kafka                  `posts.classified`, or `kafka:posts.collected`
    elasticsearch          the documents behind the alias `emotions`
    FILE, -                a text a line, the last column of a .tsv, or NDJSON; .gz is taken too

NDJSON holds records of the topics, what `classify` writes, or objects with `text`. Posts come one
by one: what is kept meanwhile is the ids of deleted posts, which are left out, and, of a limit of
Kafka's, the newest posts by their own time.
"""

import gzip
import heapq
import logging
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from classifier.lab import shapes
from classifier.lab.shapes import Gone, Sample
from stream import elastic
from stream.broker import read_to_end
from stream.codec import MAX_RECORD
from stream.errors import Backpressure, InvalidRecord, UserError
from stream.index import ALIAS, scan
from stream.settings import Settings
from stream.topics import CLASSIFIED, COLLECTED, Topic

logger = logging.getLogger(__name__)

STDIN = "-"
_TOPICS = {"kafka": CLASSIFIED} | {f"kafka:{one.name}": one for one in (COLLECTED, CLASSIFIED)}
_FIELDS = ["message", "@timestamp", "event.provider", "user.id", "emostream.language",
           "emostream.distant_labels"]  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """Which posts of a source are read."""

    where: str  # `kafka`, `elasticsearch`, a file, or - for standard input
    limit: int | None = None  # the newest ones of Kafka and of the index, the first of a file
    since: datetime | None = None  # of the posts' own time, as `until`; undated texts pass both
    until: datetime | None = None


def read(wanted: Wanted, settings: Settings) -> Iterator[Sample]:
    """Gives the posts of a source; those of the index, and Kafka's of a limit, from the newest on.

    Records that cannot be read are left out, and their number is logged at the end.

    Raises:
        UserError: the source is not there, or does not answer.
    """
    if wanted.limit is not None and wanted.limit < 1:
        raise UserError(f"--limit must be 1 or more, not {wanted.limit}")
    if wanted.where in _TOPICS:
        found = _of_topic(settings, _TOPICS[wanted.where])
    elif wanted.where.startswith("kafka:"):
        raise UserError(f"--from {wanted.where}: write {' or '.join(_TOPICS)}")
    elif wanted.where == "elasticsearch":
        found = _of_index(settings, wanted)
    else:
        found = _of_file(Path(wanted.where))
    timely = (one for one in found if _in_time(one, wanted))
    if wanted.where in _TOPICS and wanted.limit:
        return iter(heapq.nlargest(wanted.limit, timely, key=_moment))
    return islice(timely, wanted.limit)


def _in_time(one: Sample, wanted: Wanted) -> bool:
    if one.time is None:
        return True
    return not (
        (wanted.since and one.time < wanted.since) or (wanted.until and one.time >= wanted.until)
    )


def _moment(one: Sample) -> datetime:
    return one.time or datetime.min.replace(tzinfo=UTC)


def _of_topic(settings: Settings, topic: Topic) -> Iterator[Sample]:
    def values() -> Iterator[tuple[str, bytes]]:
        try:
            for record in read_to_end(settings, topic):
                yield record.place, record.value or b""
        except Backpressure as pressure:
            raise UserError(f"--from kafka: {pressure}") from None

    return _records(values(), shapes.deleted(value for _, value in values()))


def _of_index(settings: Settings, wanted: Wanted) -> Iterator[Sample]:
    span = {"gte": wanted.since, "lt": wanted.until}
    asked = {name: moment.isoformat() for name, moment in span.items() if moment}
    query = {"range": {"@timestamp": asked}} if asked else {"match_all": {}}
    with elastic.asking(settings), elastic.connect(settings) as client:
        newest = [{"@timestamp": "desc"}]
        for hit in scan(client, ALIAS, query, source={"includes": _FIELDS}, sort=newest):
            yield shapes.of_document(hit)


def _of_file(path: Path) -> Iterator[Sample]:
    if str(path) == STDIN:
        lines = _numbered(sys.stdin.buffer)
        return _of_lines(path, lines, Gone())  # it can be read only once: a deletion counts later
    gone = Gone()
    with _opened(path) as stream:
        if _is_ndjson(_first(_numbered(stream))):
            gone = shapes.deleted(line for _, line in _lines_of(path))
    return _of_lines(path, _lines_of(path), gone)


def _of_lines(path: Path, lines: Iterable[tuple[int, bytes]], gone: Gone) -> Iterator[Sample]:
    pending = iter(lines)
    number, first = next(((n, line) for n, line in pending if line.strip()), (0, b""))
    every = _again(number, first, pending)
    if _is_ndjson(first):
        named = ((f"line {number}", line) for number, line in every if line.strip())
        yield from _records(named, gone)
        return
    table = ".tsv" in path.suffixes
    for place, line in every:
        text = line.decode("utf-8", "replace").removesuffix("\r")
        if table:
            header = place == 1 and text.endswith("\ttext")
            text = "" if header else text.rpartition("\t")[2]
        if text.strip():
            yield Sample(text)


def _again(
    number: int, first: bytes, rest: Iterator[tuple[int, bytes]]
) -> Iterator[tuple[int, bytes]]:
    if number:
        yield number, first
        yield from rest


def _records(values: Iterable[tuple[str, bytes]], gone: Gone) -> Iterator[Sample]:
    """The posts among records, and how many of these could not be read."""
    bad, told = 0, ""
    for place, value in values:
        try:
            found = shapes.of_record(value)
        except InvalidRecord as error:
            bad, told = bad + 1, told or f"{place}: {error}"
            continue
        if found is not None and not gone.has(found):
            yield found
    if bad:
        logger.warning("%d records could not be read and were left out; the first, %s", bad, told)


def _lines_of(path: Path) -> Iterator[tuple[int, bytes]]:
    with _opened(path) as stream:
        yield from _numbered(stream)


def _numbered(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The lines of a file; of one that is longer than a record may be, as much as shows it."""
    number = 0
    while line := stream.readline(MAX_RECORD + 1):
        number += 1
        more = line
        while more and not more.endswith(b"\n"):
            more = stream.readline(MAX_RECORD + 1)
        line = line.removesuffix(b"\n")
        yield number, line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with path.open("rb") as raw:
            packed = raw.peek(2)[:2] == b"\x1f\x8b"
            with gzip.open(raw) if packed else raw as stream:
                yield stream
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(
            f"--from {path}: cannot be read: {reason}; name a file, kafka or elasticsearch"
        ) from None


def _first(lines: Iterable[tuple[int, bytes]]) -> bytes:
    return next((line for _, line in lines if line.strip()), b"")


def _is_ndjson(line: bytes) -> bool:
    content = shapes.parsed(line)
    return isinstance(content, Mapping) and ("text" in content or "kind" in content)
