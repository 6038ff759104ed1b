"""A local X, and what reads from it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.context import Context
from ingest.state import State
from tests.ingest.doubles import SettableClock
from tests.ingest.live.crawler import Crawler, Timeless
from tests.ingest.live.fake_x import FakeX


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def fake(clock: SettableClock) -> Iterator[FakeX]:
    with FakeX(clock) as server:
        yield server


@pytest.fixture
def crawler(fake: FakeX, clock: SettableClock, tmp_path: Path) -> Crawler:
    return Crawler(fake, clock, tmp_path / "state")


@pytest.fixture
def context(clock: SettableClock, tmp_path: Path) -> Iterator[Context]:
    with State.open(tmp_path / "other", "x") as state:
        yield Context("c1", state, Timeless(clock), clock.now, clock.monotonic)
