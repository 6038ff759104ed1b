"""A record as it came from a topic, and what becomes of it in a station."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

from stream.dead_letters import DeadLetter, Source, Stage, dead_letter
from stream.errors import InvalidRecord
from stream.metrics import Progress

In = TypeVar("In")
Out = TypeVar("Out")
Out_contra = TypeVar("Out_contra", contravariant=True)
T_co = TypeVar("T_co", covariant=True)

CRAWL_HEADER = "crawl"
REPLAY_HEADER = "replay-of"
"""On a dead letter's original that was put back: the place it had at first, and how often. Anybody
may write it, so only who has the letter of that place believes it (`stream/workbench/letters.py`).
"""

MAX_KEY, MAX_NAME, MAX_HEADERS = 1024, 512, 20
"""Characters of a key and of a header, and headers, that a dead letter keeps: it must fit its
topic, whatever the record it stands for brought along. A post's key always fits."""


# A named tuple, for there is one for each record: a frozen dataclass takes twice as long to make.
class Received(NamedTuple):
    """One record of a topic, its bytes untouched."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp: int = 0
    """When it was written, in milliseconds since 1970."""

    @property
    def crawl(self) -> str | None:
        """The crawl that collected the record, from its header."""
        return _text(dict(self.headers).get(CRAWL_HEADER), MAX_NAME) or None

    @property
    def place(self) -> str:
        """Names the place in a few characters."""
        return f"{self.topic}-{self.partition}-{self.offset}"

    @property
    def replay_of(self) -> tuple[str | None, int]:
        """The place where it says it was at first, and how often it was put back since."""
        header = dict(self.headers).get(REPLAY_HEADER, b"").decode(errors="replace")
        found = re.fullmatch(re.escape(self.topic) + r"-\d{1,9}-\d{1,18} \d{1,9}", header)
        if found is None:
            return None, 0
        place, replays = header.split(" ")
        return place, int(replays)


@dataclass(frozen=True, slots=True)
class Item(Generic[T_co]):
    """A decoded record together with the bytes it came from."""

    record: T_co
    received: Received


@dataclass(frozen=True, slots=True)
class Rejected:
    """A received record that cannot be used, with the stage and the reason."""

    received: Received
    stage: Stage
    reason: str

    def letter(self, station: str) -> DeadLetter:
        """Makes the dead letter that keeps the original bytes, key and headers."""
        received = self.received
        first, replays = received.replay_of
        return dead_letter(
            station,
            self.stage,
            self.reason,
            # Its own place, whatever it says of itself: no record can replace another's letter.
            Source(topic=received.topic, partition=received.partition, offset=received.offset),
            received.value,
            original_key=_text(received.key, MAX_KEY),
            headers={
                name[:MAX_NAME]: _text(value, MAX_NAME) or ""
                for name, value in received.headers[:MAX_HEADERS]
                if name != REPLAY_HEADER
            },
            crawl=received.crawl,
            replay_of=first,
            replays=replays,
        )


class Outgoing(NamedTuple):
    """One record on its way to a topic."""

    key: str | bytes | None
    value: bytes | None
    crawl: str | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


class RecordSource(Protocol):
    """Gives batches of records and remembers, when told, how far we have come."""

    progress: Progress

    def poll(self) -> Sequence[Received]:
        """Waits a moment for records; an empty batch means none came."""
        ...

    def rewind(self, batch: Sequence[Received]) -> None:
        """Makes the next poll return this batch again."""
        ...

    def keep(self) -> None:
        """Keeps our place without giving records, while a batch is written or waited for."""
        ...

    def commit(self, batch: Sequence[Received]) -> None:
        """Remembers that everything up to the end of this batch is done."""
        ...


class Sink(Protocol[Out_contra]):
    """Writes records somewhere. Must bear repeats; raises Backpressure when it cannot now."""

    def write(self, items: Sequence[Item[Out_contra]]) -> Sequence[Rejected]:
        """Returns only when every item is durable or returned as rejected."""
        ...


class DeadLetters(Protocol):
    """Takes the records nobody could use."""

    def write(self, letters: Sequence[DeadLetter]) -> None:
        """Returns only when every letter is durable; raises Backpressure when it cannot now."""
        ...


Transform = Callable[[Sequence[Item[In]]], Sequence[Item[Out]]]


def decoded(
    batch: Sequence[Received], decode: Callable[[bytes | None], In]
) -> tuple[list[Item[In]], list[Rejected]]:
    """Parts a batch into the records we understand and those we do not."""
    accepted: list[Item[In]] = []
    rejected: list[Rejected] = []
    for received in batch:
        try:
            accepted.append(Item(decode(received.value), received))
        except InvalidRecord as error:
            rejected.append(Rejected(received, "receiving", str(error)))
    return accepted, rejected


def _text(value: bytes | None, characters: int) -> str | None:
    return None if value is None else value.decode(errors="replace")[:characters]
