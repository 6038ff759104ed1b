"""How often each video is looked at, so that a day's quota lasts for the day."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

SHORTEST: Final = timedelta(seconds=15)
LONGEST: Final = timedelta(minutes=30)
COMMENTS_A_LOOK: Final = 20
"""A page holds 100: so many are hoped for, so that a burst still fits."""
DAY_SECONDS: Final = 86_400
KEPT_FOR_LOOKS: Final = 0.5
"""Share of a day's quota that the comments from before the start leave alone."""


def interval(times: Sequence[datetime], published: datetime, now: datetime) -> timedelta:
    """Gives the time after which there may be some twenty new comments.

    Not more than a tenth of the video's age: a new one may come alive at any moment.

    Args:
        times: when the newest comments were published.
        published: when the video was.
        now: the time.
    """
    of_late = sorted(times, reverse=True)[:COMMENTS_A_LOOK]
    span = now - (of_late[-1] if of_late else published)
    wanted = COMMENTS_A_LOOK * span / (len(of_late) + 1)
    return max(SHORTEST, min(wanted, (now - published) / 10, LONGEST))


def units(intervals: Iterable[timedelta], seconds: float) -> float:
    """Gives what looking so often costs in so many seconds: a unit a look."""
    return sum(seconds / one.total_seconds() for one in intervals)


def stretched(intervals: Sequence[timedelta], left: int, seconds: float) -> float:
    """Gives by how much the intervals must grow for the units left to last so many seconds."""
    return max(1.0, units(intervals, seconds) / max(left, 1))


def may_read_older(intervals: Sequence[timedelta], left: int, size: int, seconds: float) -> bool:
    """Says whether a unit can go to older comments: there is more left than the looks will need.

    Where they need more than half of what the rest of the day is due, it keeps half.
    """
    kept = min(units(intervals, seconds), KEPT_FOR_LOOKS * size * seconds / DAY_SECONDS)
    return left > kept
