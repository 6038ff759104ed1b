"""Waits end when asked, and answers are not waited for for ever."""

from datetime import timedelta
from threading import Event

import pytest

from ingest.sources import Pause
from ingest.waiting import Stopped, answered, pauses, pauses_until, retry_after
from tests.ingest.doubles import NOW, SettableClock
from tests.ingest.live.crawler import Timeless


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


def test_asked_to_stop_nothing_is_asked_for_any_more() -> None:
    stop, asked = Event(), list[str]()
    stop.set()
    with pytest.raises(Stopped):
        next(answered(lambda: asked.append("a paid request"), stop))
    assert asked == []


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
