"""The contract itself: a source in memory keeps it, and sources that break it are found out."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ingest.context import Context
from ingest.sightings import Outcome, Refusal
from ingest.sources import Arrival, Cursor, Gap, LiveSource, Pause
from stream.posts import Deletion, Post
from tests.ingest.doubles import SettableClock
from tests.ingest.live.contract import SourceContract
from tests.ingest.live.crawler import Crawler, Fake
from tests.ingest.live.fake_memory import PAGE, MemoryPlatform, MemorySource, Refused


class TestMemory(SourceContract):
    @pytest.fixture
    def fake(self, clock: SettableClock) -> Fake:
        return MemoryPlatform(clock)


class ReadsAhead(MemorySource):
    """Counts as read what it has not given yet: the whole page, at the first of its items."""

    def read(self, cursor: Cursor | None) -> Iterator[Arrival | Gap | Pause]:
        for one in super().read(cursor):
            if isinstance(one, Arrival) and one.cursor is not None:
                end = one.cursor["after"] // PAGE * PAGE + PAGE - 1
                newest = len(self._server.events) - 1
                yield replace(one, cursor={"after": min(end, newest)})
            else:
                yield one


class HidesGaps(MemorySource):
    def read(self, cursor: Cursor | None) -> Iterator[Arrival | Gap | Pause]:
        return (one for one in super().read(cursor) if not isinstance(one, Gap))


class SeesGaps(MemorySource):
    def read(self, cursor: Cursor | None) -> Iterator[Arrival | Gap | Pause]:
        yield Gap("perhaps")
        yield from super().read(cursor)


class AsksAgainAtOnce(MemorySource):
    def _refused(self, refused: Refused) -> Iterator[Pause]:
        yield Pause("busy")


class AsksAfterARefusal(MemorySource):
    def _refused(self, refused: Refused) -> Iterator[Pause]:
        refused.status = 503
        return super()._refused(refused)


class StopsAtWhatItCannotRead(MemorySource):
    def _outcome(self, data: bytes) -> Outcome:
        outcome = super()._outcome(data)
        if isinstance(outcome, Refusal):
            raise ValueError(outcome.reason)  # noqa: TRY004 - what it would be
        return outcome


class LeavesOutWhatItCannotRead(MemorySource):
    def read(self, cursor: Cursor | None) -> Iterator[Arrival | Gap | Pause]:
        for one in super().read(cursor):
            if not (isinstance(one, Arrival) and isinstance(one.outcomes[0], Refusal)):
                yield one


class GivesNewIds(MemorySource):
    """An id that is not the platform's own: what is read twice becomes two posts."""

    def _outcome(self, data: bytes) -> Outcome:
        outcome = super()._outcome(data)
        if not isinstance(outcome, Post | Deletion):
            return outcome
        run = len(self._server.requests)
        return outcome.model_copy(update={"native_id": f"{outcome.native_id}-{run}"})


class KeepsTheBudgetToItself(MemorySource):
    def __init__(self, server: MemoryPlatform, context: Context) -> None:
        super().__init__(server, context)
        self._kept = {"used": 0}

    def _spend(self) -> None:
        self._kept["used"] = self._kept.get("used", 0) + 1

    def allowances(self) -> Any:
        return [replace(super().allowances()[0], used=self._kept.get("used", 0))]


@pytest.mark.parametrize(
    ("source", "test", "given"),
    [
        (ReadsAhead, "stopped_after_any_thing_that_it_gives_nothing_is_left_out", []),
        (GivesNewIds, "what_is_published_arrives_with_its_text_under_its_id", []),
        (HidesGaps, "a_gap_that_the_platform_no_longer_fills_is_reported", []),
        (SeesGaps, "without_a_gap_none_is_reported", []),
        (AsksAgainAtOnce, "retry_after_is_honoured", [429]),
        (AsksAgainAtOnce, "a_platform_that_is_busy_is_left_alone_for_a_while", [503]),
        (AsksAfterARefusal, "a_refusal_is_one_clear_line", [401]),
        (StopsAtWhatItCannotRead, "a_malformed_item_is_a_dead_letter_and_the_stream_goes_on", []),
        (LeavesOutWhatItCannotRead, "a_malformed_item_is_a_dead_letter_and_the_stream_goes_on", []),
        (KeepsTheBudgetToItself, "what_is_used_up_and_where_it_was_survive", []),
    ],
)
def test_a_source_that_breaks_it_is_found_out(
    source: type[MemorySource],
    test: str,
    given: list[int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Broken(MemoryPlatform):
        def source(self, context: Context) -> LiveSource:
            return source(self, context)

    monkeypatch.setattr("tests.ingest.live.crawler.REAL_SECONDS", 0.5)
    clock = SettableClock()
    fake = Broken(clock)
    crawler = Crawler(fake, clock, tmp_path / "state")
    with pytest.raises((AssertionError, ValueError, pytest.fail.Exception)):
        getattr(SourceContract(), f"test_{test}")(fake, crawler, *given)
