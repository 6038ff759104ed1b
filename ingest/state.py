"""What a crawl must still know after a crash: where to read on, and what it has used up.

One JSON file for each crawl, replaced whole at every save, so that a reader finds the old state or
the new one. Whoever has it open holds a lock; the system lets go of it when the process dies.
"""

import fcntl
import json
import os
import re
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from ingest.sources import Cursor
from stream.errors import UserError

NAME = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}"


class State:
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
            raise _unusable(file, error) from None
        return cls(file, lock, kept)

    @property
    def cursor(self) -> Cursor | None:
        """Where to read on; None at the first start."""
        cursor: Cursor | None = self._kept.get("cursor")
        return cursor

    def save(self, cursor: Cursor) -> None:
        """Keeps where to read on; it is on the disk when this returns."""
        self._write({**self._kept, "cursor": cursor})

    def ledger(self, name: str) -> dict[str, Any]:
        """Gives a copy of what was kept under a name: a budget, a quota; empty at first."""
        found: dict[str, Any] = self._kept.get("ledgers", {}).get(name, {})
        return json.loads(json.dumps(found)) if found else {}

    def save_ledger(self, name: str, ledger: dict[str, Any]) -> None:
        """Keeps a ledger; it is on the disk when this returns.

        Called before what it counts is spent: then a crash can only count too much.
        """
        self._write({**self._kept, "ledgers": {**self._kept.get("ledgers", {}), name: ledger}})

    def close(self) -> None:
        """Lets another crawl have it."""
        if self._lock is not None:
            self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _write(self, kept: dict[str, Any]) -> None:
        self._kept = json.loads(json.dumps(kept))
        if self._lock is None:
            return
        new = self._file.with_suffix(".new")
        try:
            with new.open("w", encoding="utf-8") as stream:
                json.dump(kept, stream, ensure_ascii=False, indent=1)
                stream.write("\n")
                stream.flush()
                os.fsync(stream.fileno())
            new.replace(self._file)
            _sync_folder(self._file.parent)
        except OSError as error:
            raise _unusable(self._file, error) from None


def _read(file: Path, source: str) -> dict[str, Any]:
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {"source": source}
    except ValueError:
        kept = None
    if not isinstance(kept, dict):
        raise UserError(f"{file}: is no state of a crawl: move it away to begin anew")
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


def _unusable(file: Path, error: OSError) -> UserError:
    reason = error.strerror or str(error)
    return UserError(
        f"{file}: the state cannot be kept: {reason} (EMOSTREAM_STATE_DIR names where)"
    )
