"""The contract of a live source: what a platform's module gives, and what the crawl does with it.

A source reads a platform from a cursor on and gives what arrives, in order. The crawl
(`ingest/crawl.py`) sends it, and only when everything up to an arrival is durable in Kafka does it
save that arrival's cursor. So a source keeps nothing itself, a crash repeats a little, and nothing
is lost: docs/sources.md.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from ingest.sightings import Outcome

Cursor = dict[str, Any]
"""Where to read on: JSON, meaningful to its source alone."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One payload as it came off the wire, with what is in it."""

    data: bytes
    """The original bytes: for the archive, and for the dead letter if it is unusable."""
    outcomes: Sequence[Outcome] = ()
    """Posts, deletions, and a refusal for each part that is neither; none for what says nothing."""
    place: str = ""
    """Names the payload among those of its source, in dead letters: never what it says."""
    cursor: Cursor | None = None
    """Where to read on once this and everything before it is durable; None: as before."""
    at: datetime | None = None
    """The platform's own time of it, for the lag."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch that the platform no longer gives us: posts are missing, and nobody may hide it."""

    reason: str
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing now. Given at least once a second while a source waits, for whatever it waits."""

    reason: str = ""
    """Why, where it is not simply quiet: `rate limited until 14:05`; told once per reason."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What credentials or a budget still allow; shown in the live line and by `check`."""

    name: str
    used: float
    of: float | None = None
    unit: str = "posts"
    until: datetime | None = None


@dataclass
class Told:
    """What `python -m ingest check SOURCE` says: one sentence for each thing it found."""

    sentences: list[str] = field(default_factory=list)


class LiveSource(Protocol):
    """One platform, read live. `read` is the whole of it for most."""

    platform: str

    def read(self, cursor: Cursor | None) -> Iterator[Arrival | Gap | Pause]:
        """Gives what arrives from the cursor on, for ever, or until there is no more to ask for.

        It reconnects and waits by itself (`ingest/waiting.py`), giving `Pause` meanwhile. Closing
        the iterator closes its connection.

        Raises:
            UserError: the platform refuses us (401, 403), a rule or an option is wrong, or a budget
                is spent: one line that says what to do.
        """
        ...

    def check(self) -> Told:
        """Tries the credentials with the cheapest request there is, and says what they allow.

        Raises:
            UserError: they allow nothing.
        """
        ...

    def plan(self) -> Sequence[str]:
        """Says, before anything is asked for, what the crawl will cost and cover; may be empty."""
        ...

    def allowances(self) -> Sequence[Allowance]:
        """Gives what is used up so far; may be empty."""
        ...
