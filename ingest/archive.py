"""The raw payloads of a crawl, kept in a folder as compressed lines that `replay` reads back.

One payload is one line. Every flush ends a gzip member, and members in a row are one gzip file
(RFC 1952, 2.2): a file that was cut off is whole up to its last flush, and is mended by cutting off
the rest when the same crawl starts again.
"""

import gzip
import os
import re
import zlib
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from stream.errors import UserError

ENDING = ".ndjson.gz"
MAX_BYTES = 64_000_000
MAX_AGE = timedelta(hours=1)
READ_BYTES = 1 << 20
_NUMBER = re.compile(r"-([0-9]{3,7})$")
"""Of a file that began in the same second as others; a mark has eight digits."""


class Archive:
    """Files of one crawl: `NAME-20261121T130500Z.ndjson.gz`, a new one each hour or 64 MB.

    Every byte of a payload is kept but the line feed, which JSON allows only between its parts: it
    becomes a space.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        now: Callable[[], datetime],
        max_bytes: int = MAX_BYTES,
        max_age: timedelta = MAX_AGE,
        mark: str = "",
        ended: Callable[[Path], object] = lambda _file: None,
    ) -> None:
        """Makes the folder if need be, and mends the file that a crash cut off.

        Args:
            folder: where the files go.
            name: of the crawl; what the files' names begin with.
            now: the time.
            max_bytes: from which a new file begins.
            max_age: after which a new file begins.
            mark: what the files' names end with.
            ended: called with each file that gets nothing more.

        Raises:
            UserError: the folder cannot be used.
        """
        self._folder, self._name, self._now = folder, name, now
        self._max_bytes, self._max_age = max_bytes, max_age
        self._mark, self._ended = mark, ended
        self._file: Path | None = None
        self._stream: IO[bytes] | None = None
        self._began = now()
        self._lines: list[bytes] = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for file in files(folder, name)[-1:]:
                mend(file)
        except OSError as error:
            raise self._unusable(error) from None

    def add(self, data: bytes) -> None:
        """Takes one payload; one with nothing in it is left out."""
        if line := data.replace(b"\n", b" ").strip():
            self._lines.append(line)

    def flush(self) -> None:
        """Returns when all that was added is on the disk.

        Raises:
            UserError: it cannot be written.
        """
        self._end_if_due()
        if not self._lines:
            return
        member = gzip.compress(b"\n".join(self._lines) + b"\n", mtime=0)
        try:
            stream = self._open()
            stream.write(member)
            stream.flush()
            os.fsync(stream.fileno())
        except OSError as error:
            raise self._unusable(error) from None
        self._lines = []

    def close(self) -> None:
        """Flushes and ends the file."""
        self.flush()
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _end_if_due(self) -> None:
        """Ends a file that is full or old."""
        if self._stream is not None and (
            self._stream.tell() >= self._max_bytes or self._now() - self._began >= self._max_age
        ):
            self._end()

    def _end(self) -> None:
        if self._stream is not None and self._file is not None:
            self._stream.close()
            self._stream = None
            self._ended(self._file)

    def _open(self) -> IO[bytes]:
        """Gives the file to write to, a new one where there is none."""
        if self._stream is None:
            self._began = now = self._now()
            self._file = self._new(f"{self._name}-{now:%Y%m%dT%H%M%SZ}{self._mark}")
            self._stream = self._file.open("xb")
        return self._stream

    def _new(self, stem: str) -> Path:
        file, more = self._folder / (stem + ENDING), 0
        while file.exists():
            more += 1
            file = self._folder / f"{stem}-{more:03d}{ENDING}"
        return file

    def _unusable(self, error: OSError) -> UserError:
        return UserError(f"{self._folder}: cannot be archived to: {error.strerror or error}")


def files(folder: Path, name: str) -> list[Path]:
    """Gives the files of a crawl, the oldest first."""
    # The name is checked (ingest/state.py): nothing in it means anything to glob.
    stamp = "[0-9]" * 8 + "T" + "[0-9]" * 6 + "Z"
    return sorted(folder.glob(f"{name}-{stamp}*{ENDING}"), key=_order)


def _order(file: Path) -> tuple[str, int]:
    """Orders files: by their time, and within a second by their number, which the first has not."""
    stem = file.name.removesuffix(ENDING)
    number = _NUMBER.search(stem)
    return (stem[: number.start()], int(number[1])) if number else (stem, 0)


def mend(file: Path) -> int:
    """Cuts a file off behind its last whole gzip member; gives the bytes cut off."""
    with file.open("r+b") as stream:
        whole = _whole(stream)
        size = stream.seek(0, os.SEEK_END)
        stream.truncate(whole)
    if not whole:
        file.unlink()
    return size - whole


def _whole(stream: IO[bytes]) -> int:
    """Gives the length of the whole members at the beginning of a file."""
    whole = position = 0
    rest = b""
    unpacker = zlib.decompressobj(wbits=31)
    while True:
        data = rest or stream.read(READ_BYTES)
        if not data:
            return whole
        try:
            unpacker.decompress(data)
        except zlib.error:
            return whole
        rest = unpacker.unused_data
        position += len(data) - len(rest)
        if unpacker.eof:
            whole = position
            unpacker = zlib.decompressobj(wbits=31)
