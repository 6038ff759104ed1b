"""How often a video is looked at, and when the quota has units for older comments."""

from datetime import timedelta

import pytest

from ingest.live.youtube_pace import interval, may_read_older, stretched
from tests.ingest.doubles import NOW

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def test_the_more_comments_come_the_sooner_it_is_looked_at_again() -> None:
    busy = [NOW - number * timedelta(seconds=10) for number in range(100)]
    calm = [NOW - number * timedelta(minutes=1) for number in range(100)]
    assert interval(busy, NOW - 30 * DAY, NOW) < interval(calm, NOW - 30 * DAY, NOW)
    assert interval(busy, NOW - 30 * DAY, NOW) == pytest.approx(
        timedelta(seconds=190), abs=timedelta(seconds=15)
    )


def test_a_burst_is_looked_at_every_fifteen_seconds_at_the_soonest() -> None:
    assert interval([NOW] * 100, NOW - 30 * DAY, NOW) == timedelta(seconds=15)


def test_an_old_quiet_video_is_looked_at_every_half_hour() -> None:
    assert interval([NOW - 900 * DAY], NOW - 1000 * DAY, NOW) == HOUR / 2


def test_a_new_video_without_comments_is_looked_at_soon() -> None:
    assert interval([], NOW - timedelta(minutes=5), NOW) == timedelta(seconds=30)


def test_the_intervals_grow_until_the_units_left_last_for_the_day() -> None:
    intervals = [HOUR / 60] * 10
    assert stretched(intervals, 20_000, DAY.total_seconds()) == 1
    assert stretched(intervals, 7_200, DAY.total_seconds()) == 2
    assert stretched(intervals, 0, DAY.total_seconds()) == 14_400


def test_older_comments_are_read_with_what_the_looks_do_not_need() -> None:
    looks = [HOUR / 6]  # 144 units for a day
    day = DAY.total_seconds()
    assert may_read_older(looks, 145, 10_000, day)
    assert not may_read_older(looks, 144, 10_000, day)


def test_many_videos_still_leave_half_of_the_quota_to_older_comments() -> None:
    looks = [HOUR / 60] * 100
    day = DAY.total_seconds()
    assert may_read_older(looks, 5_001, 10_000, day)
    assert not may_read_older(looks, 5_000, 10_000, day)
    assert may_read_older(looks, 2_501, 10_000, day / 2)
