"""Posts are spaced evenly."""

import pytest

from ingest.pace import Pace
from tests.ingest.doubles import SettableClock


def test_posts_are_due_at_even_distances() -> None:
    clock = SettableClock()
    pace = Pace(4, clock.monotonic)
    for _ in range(9):
        clock.wait(pace.wait_seconds())
    assert clock.seconds == pytest.approx(2.0)
    assert clock.waits == pytest.approx([0.0, *[0.25] * 8])


def test_a_short_delay_is_caught_up_with() -> None:
    clock = SettableClock()
    pace = Pace(4, clock.monotonic)
    pace.wait_seconds()
    clock.seconds = 0.75
    assert [pace.wait_seconds() for _ in range(4)] == pytest.approx([0, 0, 0, 0.25])


def test_a_long_delay_is_no_reason_for_a_burst() -> None:
    clock = SettableClock()
    pace = Pace(4, clock.monotonic)
    clock.seconds = 60.0
    at_once = [pace.wait_seconds() for _ in range(6)]
    assert at_once == pytest.approx([0, 0, 0, 0, 0, 0.25])


def test_no_rate_is_no_wait() -> None:
    pace = Pace(0, SettableClock().monotonic)
    assert {pace.wait_seconds() for _ in range(100)} == {0.0}
