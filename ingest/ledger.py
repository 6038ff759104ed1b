"""What is used up of a budget or a quota: one file for each token, shared by all crawls with it.

A platform counts by account, not by our crawls. So the file is named by a digest of the token, and
is read and replaced under a lock that is held only meanwhile: crawls with one token count together.
"""

import fcntl
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ValidationError

from ingest.state import State, keep, read_json, unusable
from stream.errors import UserError

FOLDER = "ledgers"
Kept = dict[str, Any]
"""What the file holds: JSON, meaningful to the budget or quota alone; empty at first."""


class Damaged(ValueError):
    """What a ledger holds is not what its budget or quota once kept."""


class Ledger:
    """The counts of one token. Its change is on the disk before what it counts is spent."""

    def __init__(self, file: Path) -> None:
        self._file = file

    @classmethod
    def of(
        cls,
        state: State,
        platform: str,
        token: str,
        own: str = "",
        add: Callable[[Kept, Kept], Kept] = lambda kept, _old: kept,
    ) -> Self:
        """Gives the ledger of a token, beside the crawl's state.

        Args:
            state: of the crawl.
            platform: whose token it is.
            token: is digested, and kept nowhere.
            own: the name under which a crawl once counted for itself, in its state.
            add: what the ledger becomes with that: (kept, own) to both.
        """
        digest = hashlib.sha256(f"{platform} {token}".encode()).hexdigest()[:16]
        ledger = cls(state.folder / FOLDER / f"{platform}-{digest}.json")
        state.hand_over(own, lambda old: ledger.change(lambda kept: add(kept, old)))
        return ledger

    def read(self, check: Callable[[Kept], Kept] = lambda kept: kept) -> Kept:
        """Gives what is kept now.

        Args:
            check: gives it back; raises Damaged where it is something else.

        Raises:
            UserError: it cannot be read.
        """
        try:
            return check(read_json(self._file, "ledger") or {})
        except OSError as error:
            raise unusable(self._file, error) from None
        except Damaged:
            raise no_ledger(self._file) from None

    def change(self, change: Callable[[Kept], Kept]) -> Kept:
        """Keeps what `change` makes of what is kept; nothing else changes it meanwhile.

        Where `change` raises, all stays as it is.

        Raises:
            UserError: it cannot be read or written.
        """
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            # A lock of its own, as the file is replaced; the system lets go of it with the process.
            with self._file.with_suffix(".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                changed = change(self.read())
                keep(self._file, changed)
        except OSError as error:
            raise unusable(self._file, error) from None
        except Damaged:
            raise no_ledger(self._file) from None
        return changed


def no_ledger(file: Path) -> UserError:
    """Says that a file is something else, and the mend."""
    return UserError(f"{file}: is no ledger of a crawl: move it away to begin anew")


def checked(form: type[BaseModel], kept: Kept) -> Kept:
    """Gives what a ledger holds if it has this form, or raises Damaged."""
    try:
        form.model_validate(kept)
    except ValidationError:
        raise Damaged from None
    return kept
