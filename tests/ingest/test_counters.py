"""What a crawl counts, as others see it."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from ingest.counters import IngestCounters
from ingest.crawl import Crawl
from ingest.sending import Sender
from ingest.sources import Allowance, Gap, Pause
from ingest.state import State
from stream.errors import Backpressure
from tests.ingest.doubles import MemoryDestination, SettableClock
from tests.ingest.test_crawl import Script
from tests.ingest.test_sending import found


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State.open(tmp_path, "c1", "script") as state:
        yield state


def seen(counters: IngestCounters) -> dict[str, float]:
    return {
        " ".join([one.name.removeprefix("emostream_"), *list(one.labels.values())[1:]]): one.value
        for one in counters.samples()
        if isinstance(one.value, int | float)
    }


def test_a_live_crawl_shows_its_gaps_its_waits_and_what_is_used_up(
    state: State, clock: SettableClock
) -> None:
    sender = Sender(MemoryDestination(), "c1", Event())
    counters = IngestCounters(sender, clock.monotonic)
    shown = []

    def later() -> None:
        shown.append(seen(counters))
        clock.wait(2)

    source = Script(Pause(), later, Gap("the server forgot"), later, Pause("rate limited"), later)
    Crawl(source, sender, state, stop=Event(), turn=counters.watch).run()
    quiet, gap, waiting = shown
    assert quiet["ingest_connected script"] == 1
    assert quiet["ingest_gaps script"] == 0
    assert gap["ingest_gaps script"] == 1
    assert waiting["ingest_connected script"] == 0
    assert waiting["ingest_allowance_used script day's budget posts"] == 3
    assert waiting["ingest_allowance_limit script day's budget posts"] == 10
    assert waiting["turn_age_seconds"] == 0
    assert seen(counters)["turn_age_seconds"] == 0  # the flush at the end turned, too


def test_a_source_is_asked_what_is_used_up_once_a_second_at_most(
    state: State, clock: SettableClock
) -> None:
    class Counting(Script):
        asked = 0

        def allowances(self) -> list[Allowance]:
            self.asked += 1
            return []

    sender = Sender(MemoryDestination(), "c1", Event())
    counters = IngestCounters(sender, clock.monotonic)
    source = Counting(*[Pause()] * 100)
    Crawl(source, sender, state, stop=Event(), turn=counters.watch).run()
    list(counters.samples())
    assert source.asked == 1


def test_a_crawl_that_waits_for_its_destination_turns(clock: SettableClock) -> None:
    class Waiting(Event):
        def wait(self, timeout: float | None = None) -> bool:
            clock.wait(timeout or 0)
            ages.append(counters.turn_age)
            return False

    def refuse(nth: int) -> None:
        if nth <= 20:
            raise Backpressure("no broker", retry_after=30)

    ages: list[float] = []
    sender = Sender(MemoryDestination(before=refuse), "c1", Waiting())
    counters = IngestCounters(sender, clock.monotonic)
    sender.add(found("1")[0])
    sender.flush()
    assert len(ages) == 20
    assert max(ages) == 30
    assert seen(counters)["backpressure"] == 20
