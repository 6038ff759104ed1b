"""The raw payloads of a crawl, kept in a folder as compressed lines that `replay` reads back.

One payload is one line. Every flush ends a gzip member, and members in a row are one gzip file
(RFC 1952, 2.2): a file that was cut off is whole up to its last flush, and is mended by cutting off
the rest when the same crawl starts again.
"""

import gzip
import os
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
    ) -> None:
        """Makes the folder if need be, and mends the file that a crash cut off.

        Raises:
            UserError: the folder cannot be used.
        """
        self._folder, self._name, self._now = folder, name, now
        self._max_bytes, self._max_age = max_bytes, max_age
        self._stream: IO[bytes] | None = None
        self._began = now()
        self._lines: list[bytes] = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for file in self._files()[-1:]:
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
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _open(self) -> IO[bytes]:
        """Gives the file to write to, a new one where the last is full or old."""
        now = self._now()
        if self._stream is not None and (
            self._stream.tell() >= self._max_bytes or now - self._began >= self._max_age
        ):
            self._stream.close()
            self._stream = None
        if self._stream is None:
            self._began = now
            self._stream = self._new(f"{self._name}-{now:%Y%m%dT%H%M%SZ}").open("xb")
        return self._stream

    def _new(self, stem: str) -> Path:
        file, more = self._folder / (stem + ENDING), 0
        while file.exists():
            more += 1
            file = self._folder / f"{stem}-{more:03d}{ENDING}"
        return file

    def _files(self) -> list[Path]:
        # The name is checked (ingest/state.py): nothing in it means anything to glob.
        stamp = "[0-9]" * 8 + "T" + "[0-9]" * 6 + "Z"
        return sorted(self._folder.glob(f"{self._name}-{stamp}*{ENDING}"))

    def _unusable(self, error: OSError) -> UserError:
        return UserError(f"{self._folder}: cannot be archived to: {error.strerror or error}")


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
