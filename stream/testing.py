"""Small real implementations of a station's edges, for tests and for reading how they behave."""

from collections.abc import Callable, Sequence
from threading import Event
from typing import Generic, TypeVar

from stream.dead_letters import DeadLetter
from stream.metrics import Progress
from stream.records import Item, Received, Rejected

T = TypeVar("T")


class Crash(BaseException):
    """The process dies here: as with kill -9, nothing after it happens."""


class MemorySource:
    """A topic of one partition in memory, which remembers its committed offset.

    When everything has been read it sets `stop`, so that `stream.worker.run` returns.
    """

    def __init__(
        self,
        values: Sequence[bytes | None],
        stop: Event,
        batch_records: int = 2,
        headers: tuple[tuple[str, bytes], ...] = (),
    ) -> None:
        self.records = [
            Received("memory", 0, offset, b"key", value, headers)
            for offset, value in enumerate(values)
        ]
        self.stop = stop
        self.batch_records = batch_records
        self.position = 0
        self.committed = 0
        self.kept = 0
        self.progress = Progress("memory")

    def poll(self) -> Sequence[Received]:
        """Gives the next batch."""
        batch = self.records[self.position : self.position + self.batch_records]
        self.position += len(batch)
        if not batch:
            self.stop.set()
        return batch

    def rewind(self, batch: Sequence[Received]) -> None:
        """Goes back to the first record of the batch."""
        self.position = batch[0].offset

    def keep(self) -> None:
        """Counts how often our place was kept."""
        self.kept += 1

    def commit(self, batch: Sequence[Received]) -> None:
        """Remembers the offset after the batch."""
        self.committed = batch[-1].offset + 1

    def restarted(self) -> "MemorySource":
        """Gives the source as a new process finds it: at the committed offset."""
        source = MemorySource([], self.stop, self.batch_records)
        source.records, source.position, source.committed = (
            self.records,
            self.committed,
            self.committed,
        )
        return source


class MemorySink(Generic[T]):
    """Keeps what is written; `before` may raise in place of a write, or crash after it."""

    def __init__(
        self,
        before: Callable[[int], None] = lambda _nth: None,
        after: Callable[[int], None] = lambda _nth: None,
    ) -> None:
        self.items: list[Item[T]] = []
        self.refuse: Callable[[T], str | None] = lambda _record: None
        self.writes = 0
        self._before, self._after = before, after

    def write(self, items: Sequence[Item[T]]) -> Sequence[Rejected]:
        """Keeps every item that `refuse` has no reason against."""
        self.writes += 1
        self._before(self.writes)
        rejected = []
        for item in items:
            reason = self.refuse(item.record)
            if reason:
                rejected.append(Rejected(item.received, "sending", reason))
            else:
                self.items.append(item)
        self._after(self.writes)
        return rejected


class MemoryDeadLetters:
    """Keeps the dead letters."""

    def __init__(self) -> None:
        self.letters: list[DeadLetter] = []

    def write(self, letters: Sequence[DeadLetter]) -> None:
        """Keeps every letter."""
        self.letters.extend(letters)
