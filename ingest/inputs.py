"""Files, folders, buckets and standard input to numbered lines of bytes.

Gzip is known by its first bytes, whatever the name. A line is never held whole beyond the size a
record may have.
"""

import gzip
import io
import re
import select
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from ingest.bucket import Bucket, is_bucket
from stream.codec import MAX_RECORD
from stream.errors import UserError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

ENDINGS = (".ndjson", ".jsonl", ".json", ".txt", ".csv", ".tsv")
STDIN = "-"
IDLE_SECONDS = 0.2

# What lies beside the texts of a data set and holds none.
_NO_TEXTS = re.compile(
    r"(README|LICEN[CS]E).*|.*_labels\.txt|mapping\.txt"  # TweetEval
    r"|emotions\.txt|(ekman|sentiment)_mapping\.json",  # GoEmotions
    re.IGNORECASE,
)
_NOTHING = f"no file to replay (known endings: {', '.join(ENDINGS)}, .gz)"
_GZIP = b"\x1f\x8b"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Line:
    """One line, or several that belong together, without the last line end."""

    number: int
    """Of the first line, counted from 1; 0 for a payload that is no line of a file."""
    data: bytes
    size: int
    """Bytes in the file; more than `data` holds where the line is longer than a record may be."""

    @property
    def whole(self) -> bool:
        """Says whether `data` is all of it."""
        return len(self.data) == self.size

    @property
    def blank(self) -> bool:
        """Says whether there is nothing on it."""
        return not self.data.strip()


@dataclass(frozen=True, slots=True)
class Input:
    """One file, or standard input."""

    name: str
    """As the user gave it; names the source of dead letters."""
    open: Callable[[], io.BufferedReader]
    again: bool
    """Whether it can be opened again."""

    @property
    def file_name(self) -> str:
        """The name without its folders and without `.gz`."""
        return "stdin" if self.name == STDIN else Path(self.name).name.removesuffix(".gz")

    @property
    def data_set(self) -> str:
        """The folder's and the file's name without endings: `goemotions/test`."""
        if self.name == STDIN:
            return "stdin"
        return f"{Path(self.name).resolve().parent.name}/{Path(self.file_name).stem}".lstrip("/")

    @property
    def ending(self) -> str:
        """One of ENDINGS, or empty."""
        ending = Path(self.file_name).suffix.lower()
        return ending if ending in ENDINGS else ""

    def lines(self) -> Iterator[Line]:
        """Gives every line.

        Raises:
            UserError: it cannot be read, or its compression is damaged.
        """
        try:
            with self.open() as stream:
                packed = stream.peek(2)[:2] == _GZIP
                yield from read_lines(gzip.GzipFile(fileobj=stream) if packed else stream)
        except (OSError, EOFError, zlib.error) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise UserError(f"{self.name}: cannot be read: {reason}") from None


def find(paths: Sequence[str], stop: Event, idle: Callable[[], None]) -> list[Input]:
    """Lists the inputs behind the paths, each once.

    A pipe ends when `stop` is set; `idle` is called now and then while nothing comes from it.

    Raises:
        UserError: a path is missing, or a folder holds nothing to replay.
    """
    found: dict[str, Input] = {}
    for given in paths:
        if is_bucket(given):
            found |= {one.name: one for one in _objects(given)}
            continue
        try:
            files = [Path(STDIN)] if given == STDIN else _files(Path(given))
        except OSError as error:
            raise UserError(f"{given}: {(error.strerror or str(error)).lower()}") from None
        for file in files:
            name = str(file)
            if name != STDIN and file.is_file():
                found[name] = Input(name, partial(_open_file, file), again=True)
            else:
                found[name] = Input(name, partial(_open_pipe, name, stop, idle), again=False)
    return list(found.values())


@contextmanager
def kept(source: Input, stop: Event) -> Iterator[Input]:
    """Gives an input that can be read more than once, by way of a temporary file if need be."""
    if source.again:
        yield source
        return
    with tempfile.NamedTemporaryFile(prefix="emostream-replay-") as copy:
        try:
            with source.open() as stream:
                while not stop.is_set() and (block := stream.read1(1 << 16)):
                    copy.write(block)
            copy.flush()
        except OSError as error:
            reason = error.strerror or str(error)
            raise UserError(f"{source.name}: cannot be kept for a second pass: {reason}") from None
        yield Input(source.name, partial(_open_file, Path(copy.name)), again=True)


def read_lines(stream: io.BufferedIOBase) -> Iterator[Line]:
    """Gives the lines of a stream; of one beyond the size of a record only its beginning."""
    number = 0
    while chunk := stream.readline(MAX_RECORD + 1):
        number += 1
        data, size = chunk.removesuffix(b"\n")[:MAX_RECORD], len(chunk)
        while not chunk.endswith(b"\n") and (chunk := stream.readline(MAX_RECORD + 1)):
            size += len(chunk)
        size -= chunk.endswith(b"\n")
        if number == 1 and data.startswith(_BYTE_ORDER_MARK):
            data, size = data[len(_BYTE_ORDER_MARK) :], size - len(_BYTE_ORDER_MARK)
        yield Line(number, data, size)


class _Pipe(io.RawIOBase):
    """A pipe or a terminal whose reader never sleeps through a request to stop."""

    def __init__(self, file: io.FileIO, stop: Event, idle: Callable[[], None]) -> None:
        self._file = file
        self._stop, self._idle = stop, idle

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int | None:
        while not select.select([self._file], [], [], IDLE_SECONDS)[0]:
            self._idle()
            if self._stop.is_set():
                return 0
        return 0 if self._stop.is_set() else self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()


def _open_file(path: Path) -> io.BufferedReader:
    return path.open("rb")


def _open_pipe(name: str, stop: Event, idle: Callable[[], None]) -> io.BufferedReader:
    file = io.FileIO(sys.stdin.fileno(), closefd=False) if name == STDIN else io.FileIO(name)
    return io.BufferedReader(_Pipe(file, stop, idle), 1 << 16)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        path.stat()  # says what is wrong where nothing is there
        return [path]
    files = [file for file in sorted(path.iterdir()) if file.is_file() and _has_texts(file.name)]
    if not files:
        raise UserError(f"{path}: {_NOTHING}")
    return files


def _objects(url: str) -> list[Input]:
    """Gives the objects under a prefix, or the one of this name."""
    if _has_texts(url.rpartition("/")[2]):
        folder, _slash, name = url.rpartition("/")
        names = [name]
    else:
        folder = url
        names = [name for name in Bucket(folder).names() if _has_texts(name)]
    bucket = Bucket(folder)
    if not names:
        raise UserError(f"{bucket.url}: {_NOTHING}")
    return [Input(f"{bucket.url}/{name}", partial(bucket.open, name), again=True) for name in names]


def _has_texts(name: str) -> bool:
    known = name.lower().removesuffix(".gz").endswith(ENDINGS)
    return known and not _NO_TEXTS.fullmatch(name)
