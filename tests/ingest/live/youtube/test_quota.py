"""The day's quota."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ingest.context import Context
from ingest.sources import Pause
from ingest.state import State
from tests.ingest.doubles import NOW
from tests.ingest.live.crawler import Crawler, Ran, Timeless, texts
from tests.ingest.live.fake_youtube import VIDEO, FakeYouTube
from tests.ingest.live.youtube.reading import MIDNIGHT, Hurried

pytestmark = pytest.mark.wire


def test_our_own_quota_used_up_it_waits_until_midnight_in_california(
    youtube: FakeYouTube, crawler: Crawler, clock: Hurried
) -> None:
    clock.pace = 600
    youtube.settings = {"youtube_units_a_day": 3}
    youtube.page = 2
    ids = youtube.publish(texts(8))
    youtube.options = ("--video", VIDEO, "--once")
    told: set[str] = set()

    def note(ran: Ran) -> bool:
        told.add(ran.crawl.watched.waiting)
        return False

    assert crawler.run(note).ids == set(ids)
    assert "the day's quota is used up, until 2026-11-21 08:00 UTC" in told
    assert clock.now() >= MIDNIGHT
    assert len(youtube.asked("commentThreads.list")) == 4


@pytest.mark.case(33)
def test_the_api_says_that_the_quota_is_used_up_and_is_believed(
    youtube: FakeYouTube, crawler: Crawler, clock: Hurried
) -> None:
    clock.pace = 600
    youtube.quota = 2
    youtube.page = 2
    ids = youtube.publish(texts(6))
    youtube.options = ("--video", VIDEO, "--once")

    def refill(ran: Ran) -> bool:
        if clock.now() >= MIDNIGHT - timedelta(minutes=20):
            youtube.quota = 100
        return False

    assert crawler.run(refill).ids == set(ids)
    refused = [one for one in youtube.requests if one.method == "commentThreads.list"]
    assert len(refused) == 4  # three pages, and the one that was refused


def test_it_wakes_some_minutes_after_midnight_and_a_late_reset_costs_no_day(
    youtube: FakeYouTube, crawler: Crawler, clock: Hurried
) -> None:
    clock.pace = 60
    youtube.quota = 2
    youtube.page = 2
    ids = youtube.publish(texts(6))
    youtube.options = ("--video", VIDEO, "--once")
    asked: list[datetime] = []

    def refill(ran: Ran) -> bool:
        if len(youtube.asked("commentThreads.list")) > 2 + len(asked):
            asked.append(clock.now())
        if clock.now() >= MIDNIGHT + timedelta(minutes=12):
            youtube.quota = 100
        return False

    assert crawler.run(refill).ids == set(ids)
    assert MIDNIGHT + timedelta(minutes=2) <= asked[0] <= MIDNIGHT + timedelta(minutes=12)
    assert clock.now() < MIDNIGHT + timedelta(hours=1)


def test_the_looks_are_spread_so_that_the_quota_lasts_until_the_reset(
    youtube: FakeYouTube, crawler: Crawler, clock: Hurried
) -> None:
    clock.pace = 60
    youtube.settings = {"youtube_units_a_day": 60}
    seconds = (MIDNIGHT - NOW).total_seconds() - 60
    crawler.run(seconds=seconds)
    assert 35 < len(youtube.asked("commentThreads.list")) <= 60


def test_the_rest_of_the_quota_is_shown(youtube: FakeYouTube, crawler: Crawler) -> None:
    ran = crawler.until_seen(youtube.publish(["here"]))
    units, searches = ran.source.allowances()
    assert (units.used, units.of, units.unit, units.until) == (2, 10_000, "units", MIDNIGHT)
    assert (searches.used, searches.of) == (0, 100)


@pytest.mark.parametrize(("status", "reason"), [(403, "rateLimitExceeded"), (500, "backendError")])
def test_asked_to_slow_down_it_asks_again_later(
    youtube: FakeYouTube, crawler: Crawler, status: int, reason: str
) -> None:
    ids = youtube.publish(texts(2))
    for _ in range(4):
        youtube.answer_next(status, reason=reason)
    ran = crawler.until_seen(ids)
    assert ran.source.allowances()[0].used == 6  # what is refused costs too


def test_a_page_that_the_api_fails_to_make_is_asked_for_at_the_next_look(
    youtube: FakeYouTube, crawler: Crawler
) -> None:
    crawler.until_seen(youtube.publish(["here"]))
    (late,) = youtube.publish(["late"])
    faults: list[int] = []

    def fail(ran: Ran) -> bool:
        if not faults and youtube.asked("videos.list")[1:]:
            faults.append(1)
            youtube.answer_next(400, reason="processingFailure")
        return late in ran.ids

    assert crawler.run(fail).ids == {late}


@pytest.mark.parametrize("busy", [True, False])
def test_asked_to_stop_while_it_waits_it_ends(
    youtube: FakeYouTube, clock: Hurried, tmp_path: Path, busy: bool
) -> None:
    class StoppedWhileWaiting(Timeless):
        def wait(self, timeout: float | None = None) -> bool:
            self.set()
            return True

    if busy:
        youtube.answer_next(503)
    else:
        youtube.settings = {"youtube_units_a_day": 1}
    with State.open(tmp_path, "youtube") as state:
        source = youtube.source(Context("c1", state, StoppedWhileWaiting(clock), clock.now))
        given = list(source.read(None))
    assert [one.reason for one in given if isinstance(one, Pause)] == [
        "YouTube says 503 backendError"
        if busy
        else "the day's quota is used up, until 2026-11-21 08:00 UTC"
    ]
