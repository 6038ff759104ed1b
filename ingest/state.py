"""What a crawl must still know after a crash: where to read on.

One JSON file for each crawl, replaced whole at every save, so that a reader finds the old state or
the new one. Whoever has it open holds a lock; the system lets go of it when the process dies.
"""

import fcntl
import json
import os
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any, Self

from ingest.sources import Cursor
from stream.crash import reached
from stream.errors import UserError

NAME = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}"


class State(AbstractContextManager["State"]):
    """The state of the crawl of one name; `open` it, and close it after."""

    def __init__(self, file: Path, lock: IO[str] | None, kept: dict[str, Any]) -> None:
        self._file, self._lock, self._kept = file, lock, kept

    @classmethod
    def open(cls, folder: Path, name: str, source: str = "", *, share: bool = False) -> Self:
        """Opens what the crawl of this name left, or begins anew.

        Args:
            folder: holds one file for each crawl; made if need be.
            name: of the crawl.
            source: whose it is; a state of another source is refused.
            share: where it is in use, gives a copy whose changes are not kept.

        Raises:
            UserError: another process has it open, it is another source's, or it cannot be read
                or written.
        """
        if not re.fullmatch(NAME, name):
            raise UserError(f"{name}: no name of a crawl: up to 64 of A-Z, a-z, 0-9, '.', '_', '-'")
        file = folder / f"{name}.json"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = (folder / f"{name}.lock").open("w")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                kept = _read(file, source)
            except BaseException:
                lock.close()
                raise
        except BlockingIOError:
            if share:
                return cls(file, None, _read(file, source))
            raise UserError(
                f"a crawl named {name} is running already ({file} is in use): stop it, or give "
                "this one another name with --name"
            ) from None
        except OSError as error:
            raise unusable(file, error) from None
        return cls(file, lock, kept)

    def damaged(self) -> UserError:
        """Says that what it holds is none of ours, and the mend."""
        return _damaged(self._file)

    @property
    def shared(self) -> bool:
        """Whether another process has it open, and this is a copy."""
        return self._lock is None

    @property
    def folder(self) -> Path:
        """Where the states are, and beside them the ledgers."""
        return self._file.parent

    @property
    def cursor(self) -> Cursor | None:
        """Where to read on; None at the first start."""
        cursor: Cursor | None = self._kept.get("cursor")
        return cursor

    def save(self, cursor: Cursor) -> None:
        """Keeps where to read on; it is on the disk when this returns."""
        self._write({**self._kept, "cursor": cursor})
        reached("ingest.saved")

    def hand_over(self, name: str, take: Callable[[dict[str, Any]], object]) -> None:
        """Gives away what was counted here under a name before there were ledgers, and forgets it.

        Taken first: a crash between can only count it twice. A copy gives nothing away.
        """
        counted = self._kept.get("ledgers", {})
        if self._lock is None or name not in counted:
            return
        take(counted[name])
        rest = {other: kept for other, kept in counted.items() if other != name}
        kept = {key: value for key, value in self._kept.items() if key != "ledgers"}
        self._write({**kept, "ledgers": rest} if rest else kept)

    def close(self) -> None:
        """Lets another crawl have it."""
        if self._lock is not None:
            self._lock.close()

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _write(self, kept: dict[str, Any]) -> None:
        self._kept = json.loads(json.dumps(kept))
        if self._lock is None:
            return
        try:
            keep(self._file, kept)
        except OSError as error:
            raise unusable(self._file, error) from None


def keep(file: Path, kept: dict[str, Any]) -> None:
    """Replaces a file of JSON whole; it is on the disk when this returns.

    Raises:
        OSError: it cannot be written; the file is as it was.
    """
    new = file.with_suffix(".new")
    with new.open("w", encoding="utf-8") as stream:
        json.dump(kept, stream, indent=1)
        stream.write("\n")
        stream.flush()
        os.fsync(stream.fileno())
    reached("ingest.saving")
    new.replace(file)
    _sync_folder(file.parent)


def read_json(file: Path, what: str) -> dict[str, Any] | None:
    """Reads a file that `keep` wrote; None if there is none.

    Raises:
        UserError: it holds something else.
        OSError: it cannot be read.
    """
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError):
        kept = None
    if not isinstance(kept, dict):
        raise UserError(f"{file}: is no {what} of a crawl: move it away to begin anew")
    return kept


def unusable(file: Path, error: OSError) -> UserError:
    """Says that a file of the state cannot be read or written, and the mend."""
    reason = error.strerror or str(error)
    return UserError(
        f"{file}: the state cannot be kept: {reason} (EMOSTREAM_STATE_DIR names where)"
    )


def _damaged(file: Path) -> UserError:
    return UserError(f"{file}: is no state of a crawl: move it away to begin anew")


def _read(file: Path, source: str) -> dict[str, Any]:
    kept = read_json(file, "state")
    if kept is None:
        return {"source": source}
    if not (
        isinstance(kept.get("cursor"), dict | None)
        and kept.get("cursor") != {}
        and isinstance(kept.get("source", ""), str)
        and isinstance(ledgers := kept.get("ledgers", {}), dict)
        and all(isinstance(one, dict) for one in ledgers.values())
    ):
        raise _damaged(file)
    if source and kept.setdefault("source", source) != source:
        raise UserError(
            f"{file}: belongs to a crawl of {kept['source']}: give this one another name (--name)"
        )
    return kept


def _sync_folder(folder: Path) -> None:
    # A rename is on the disk only when its folder is.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
