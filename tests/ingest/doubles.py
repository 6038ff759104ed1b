"""Small real parts for the tests of ingest: a destination in memory, a clock one sets, inputs."""

import io
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from ingest.inputs import Input
from ingest.reading import Found, read
from ingest.shapes import Sight
from ingest.sightings import Sighting
from stream.dead_letters import DeadLetter
from stream.posts import AuthorDeletion, Collected, Deletion, Origin, Post

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DATA = Path(__file__).parent / "data"

SIGHTING = Sighting(Origin(crawl="c1", stream="here"), observed_at=NOW, created_at=NOW)


class SettableClock:
    """Time that passes only when someone waits."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.waits: list[float] = []

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.seconds += seconds


class MemoryDestination:
    """Keeps what is sent; `before` may raise in place of a write, `refuse` finds one too large."""

    def __init__(
        self,
        before: Callable[[int], None] = lambda _nth: None,
        refuse: Callable[[Collected], bool] = lambda _record: False,
    ) -> None:
        self.records: list[Collected] = []
        self.letters: list[DeadLetter] = []
        self.batches: list[int] = []
        self._before, self._refuse = before, refuse
        self.calls = 0

    def write(self, records: Sequence[Collected]) -> Sequence[tuple[int, str]]:
        self.calls += 1
        self._before(self.calls)
        self.batches.append(len(records))
        self.records.extend(record for record in records if not self._refuse(record))
        return [(n, "too large") for n, record in enumerate(records) if self._refuse(record)]

    def bury(self, letters: Sequence[DeadLetter]) -> None:
        self.letters.extend(letters)

    @property
    def posts(self) -> list[Post]:
        return [record for record in self.records if isinstance(record, Post)]


def given(data: bytes, name: str = "posts.ndjson") -> Input:
    """An input with these bytes."""
    return Input(name, partial(_opened, data), again=True)


def _opened(data: bytes) -> io.BufferedReader:
    return io.BufferedReader(io.BytesIO(data))


def sight(_source: Input) -> Sighting:
    return SIGHTING


Told = Post | Deletion | AuthorDeletion | tuple[int | None, str]


def read_all(data: bytes, name: str = "posts.ndjson", seen: Sight = sight) -> list[Told]:
    """The records in some bytes, and for a dead letter its line and reason."""
    return [
        one.record if isinstance(one, Found) else (one.source.line, one.reason)
        for one in read([given(data, name)], seen)
    ]


def posts_in(data: bytes, name: str = "posts.ndjson") -> list[Post]:
    """The posts in some bytes, which hold nothing else."""
    records = read_all(data, name)
    posts = [record for record in records if isinstance(record, Post)]
    assert posts == records
    return posts


def dead_letters_in(data: bytes, name: str = "posts.ndjson") -> list[tuple[int | None, str]]:
    """Line and reason of each dead letter in some bytes."""
    return [one for one in read_all(data, name) if isinstance(one, tuple)]
