"""Waits grow, end when asked, and heed what the platform says."""

from datetime import timedelta
from threading import Event

import pytest

from ingest.backoff import Backoff, pauses, pauses_until, retry_after
from ingest.sources import Pause
from tests.ingest.doubles import NOW, SettableClock
from tests.ingest.live.crawler import Timeless


def most() -> float:
    """Chance at its least helpful: the whole jitter is taken off."""
    return 1.0


def none() -> float:
    return 0.0


def test_it_doubles_up_to_the_longest_and_begins_anew_after_a_success() -> None:
    backoff = Backoff(first=1.0, longest=5.0, chance=none)
    assert [backoff.next() for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]
    backoff.reset()
    assert backoff.next() == 1.0


def test_it_can_grow_by_steps() -> None:
    backoff = Backoff(first=0.25, step=0.25, longest=0.75, chance=none)
    assert [backoff.next() for _ in range(4)] == [0.25, 0.5, 0.75, 0.75]


def test_full_jitter_takes_up_to_all_and_a_share_no_more_than_it() -> None:
    assert Backoff(first=8.0, chance=most).next() == 0.0
    assert Backoff(first=8.0, jitter=0.25, chance=most).next() == 6.0
    waits = {Backoff(first=8.0).next() for _ in range(20)}
    assert len(waits) > 1
    assert all(0 <= wait <= 8 for wait in waits)


def test_what_the_platform_says_is_the_least() -> None:
    assert Backoff(first=1.0, chance=none).next(77.0) == 77.0
    assert Backoff(first=1.0, chance=most).next(77.0) == 78.0
    assert Backoff(first=1.0, chance=none).next(0.0) == 0.0


def test_a_long_wait_is_a_pause_each_second() -> None:
    clock = SettableClock()
    told = list(pauses(2.5, Timeless(clock), "busy"))
    assert told == [Pause("busy")] * 3
    assert clock.waits == [1.0, 1.0, 0.5]
    assert list(pauses(0.0, Timeless(clock))) == []


def test_a_wait_ends_when_we_are_asked_to_stop() -> None:
    stop = Event()
    waiting = pauses(3600.0, stop)
    next(waiting)
    stop.set()
    assert list(waiting) == []


def test_a_wait_until_a_moment_goes_by_the_clock_on_the_wall() -> None:
    clock = SettableClock()
    told = list(pauses_until(NOW + timedelta(minutes=1), clock.now, Timeless(clock), "quota"))
    assert told == [Pause("quota")] * 60
    assert clock.now() == NOW + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("-5", 0.0),
        ("Fri, 20 Nov 2026 12:01:30 GMT", 90.0),
        ("Fri, 20 Nov 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds
