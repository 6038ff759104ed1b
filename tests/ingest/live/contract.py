"""What every live source keeps to: docs/sources.md in tests.

A source's test module has a class that inherits `SourceContract` (and `WithToken`, if it has one)
and gives a fixture `fake`: a `Fake` on top of a local server that speaks the platform's documented
protocol.

    class TestBluesky(SourceContract):
        @pytest.fixture
        def fake(self, clock: SettableClock) -> Iterator[Fake]:
            with FakeJetstream(clock) as server:
                yield server
"""

from pathlib import Path
from typing import Any

import pytest

from tests.ingest.doubles import SettableClock
from tests.ingest.live.contract_faults import Faults
from tests.ingest.live.contract_reading import Reading
from tests.ingest.live.contract_stopping import Stopping, WithToken
from tests.ingest.live.crawler import Crawler, Fake

__all__ = ["SourceContract", "WithToken"]


class SourceContract(Reading, Faults, Stopping):
    """The tests. A source that cannot do one of them overrides it with what it does instead."""

    @pytest.fixture
    def clock(self) -> SettableClock:
        return SettableClock()

    @pytest.fixture
    def fake(self, clock: SettableClock) -> Any:
        raise NotImplementedError("each source gives its fake")

    @pytest.fixture
    def crawler(self, fake: Fake, clock: SettableClock, tmp_path: Path) -> Crawler:
        return Crawler(fake, clock, tmp_path / "state")
