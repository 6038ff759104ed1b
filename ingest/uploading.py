"""The archive in S3-compatible storage: files on the disk first, each an object once it has ended.

An object cannot grow, so what is flushed is durable on the disk, beside the crawl's cursor; the
file goes only when its object is there. A crash leaves files, which the next start of the same
crawl uploads under the same names: nothing is lost, and nothing is there twice.
"""

import logging
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread
from types import TracebackType
from typing import Self

from ingest.archive import MAX_AGE, Archive, files, mend
from ingest.bucket import Bucket, Unreachable
from stream.backoff import Backoff
from stream.errors import UserError

logger = logging.getLogger(__name__)

MAX_BYTES = 16_000_000
"""Of one object: it is sent from memory, in one request."""
MOST_WAITING = 100
"""Files on the disk, beside those of earlier runs, at which the crawl ends: the storage has taken
too few for days, or 1.6 GB are there."""
CLOSE_SECONDS = 5.0
"""For the upload of the rest when we must stop; then the next start does it."""


class UploadedArchive:
    """Files of one crawl in a folder of ours, moved to a bucket one by one in the background."""

    def __init__(
        self,
        bucket: Bucket,
        spool: Path,
        name: str,
        now: Callable[[], datetime],
        stop: Event,
        max_bytes: int = MAX_BYTES,
        max_age: timedelta = MAX_AGE,
        backoff: Backoff | None = None,
    ) -> None:
        """Begins with what an earlier run has left in the folder.

        Raises:
            UserError: the bucket cannot be written to, or the folder not be used.
        """
        self._bucket, self._spool, self._name, self._stop = bucket, spool, name, stop
        self._backoff = backoff or Backoff(first=1.0, longest=60.0)
        self._waiting: SimpleQueue[Path | None] = SimpleQueue()
        self._closing = Event()
        self._refused: UserError | None = None
        self._try()
        # Two machines with crawls of one name would otherwise overwrite each other's objects.
        mark = f"-{secrets.token_hex(4)}"
        self._archive = Archive(spool, name, now, max_bytes, max_age, mark, self._waiting.put)
        for file in files(spool, name):
            mend(file)
            if file.exists():
                self._waiting.put(file)
        self._most = self._waiting.qsize() + MOST_WAITING
        self._thread = Thread(target=self._upload_all, name="archive", daemon=True)
        self._thread.start()

    def add(self, data: bytes) -> None:
        """Takes one payload."""
        self._archive.add(data)

    def flush(self) -> None:
        """Returns when all that was added is on the disk.

        Raises:
            UserError: it cannot be written there, or the storage refuses us for good.
        """
        self._archive.flush()
        if self._refused:
            raise self._refused
        if (waiting := self._waiting.qsize()) >= self._most:
            raise UserError(
                f"{self._bucket.url} has taken so little for so long that {waiting} files wait "
                f"in {self._spool}: the next start uploads them, once the storage answers"
            )

    def close(self) -> None:
        """Ends the file and uploads what there is; says what stays for the next start."""
        self._archive.close()
        self._closing.set()
        self._waiting.put(None)
        self._thread.join(CLOSE_SECONDS)
        while self._thread.is_alive() and not self._stop.is_set():
            self._thread.join(0.1)
        if left := len(files(self._spool, self._name)):
            logger.warning(
                "files of the archive that wait in %s for the next start with --archive: %d",
                self._spool,
                left,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _try(self) -> None:
        """Writes a small object, so that a refusal is known now and not in an hour."""
        try:
            self._bucket.put(f"{self._name}.check", b"emostream may write here\n")
        except Unreachable as error:
            raise UserError(str(error)) from None

    def _upload_all(self) -> None:
        while (file := self._waiting.get()) is not None:
            if not self._upload(file):
                return

    def _upload(self, file: Path) -> bool:
        """Moves a file to the bucket; False where no other need be tried."""
        while True:
            try:
                self._bucket.put(file.name, file.read_bytes())
                file.unlink()
            except Unreachable as error:
                wait = self._backoff.next()
                if self._closing.is_set():
                    logger.warning("%s", error)
                    return False
                logger.warning("%s; the archive tries again in %.0f s", error, wait)
                self._closing.wait(wait)
            except OSError as error:
                self._refused = UserError(f"{file}: cannot be uploaded: {error.strerror or error}")
                return False
            except UserError as error:
                self._refused = error
                return False
            else:
                self._backoff.reset()
                return True
