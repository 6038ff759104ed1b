"""What a day's quota of the YouTube Data API still allows: counted by method, kept over a crash.

A project has 10,000 units a day for most methods, and a bucket of its own, of 100 calls, for
`search.list`; every call costs, a refused one too; the day ends at midnight Pacific time. Crawls
with one key count together; those with other keys of the project are not known here.
Source: https://developers.google.com/youtube/v3/determine_quota_cost
"""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field, field_validator

from ingest.ledger import Kept, Ledger, checked
from ingest.payloads import PlatformTime

PACIFIC: Final = ZoneInfo("America/Los_Angeles")
LEDGER: Final = "youtube quota"
"""What a crawl's own state called it, before crawls shared a ledger."""
NEAR_RESET: Final = timedelta(hours=2)
"""So soon after midnight a quota that is used up may be that of the day before: our clock is ahead,
or YouTube resets late."""
NEXT_TRY: Final = timedelta(minutes=10)
"""Then; who waits for it adds some minutes by chance."""

UNITS: Final = "units"
SEARCHES: Final = "searches"

COSTS: Final[Mapping[str, tuple[str, int]]] = {
    "channels.list": (UNITS, 1),
    "commentThreads.list": (UNITS, 1),
    "comments.list": (UNITS, 1),
    "playlistItems.list": (UNITS, 1),
    "search.list": (SEARCHES, 1),
    "videos.list": (UNITS, 1),
}
"""The bucket that a call of each method is paid from, and what it costs."""


_Calls = Annotated[int, Field(strict=True, ge=0, lt=10**12)]


class _Day(BaseModel):
    """What the ledger holds."""

    day: str
    calls: dict[str, _Calls] = Field({})
    closed_until: dict[str, PlatformTime] = Field({})

    @field_validator("day")
    @classmethod
    def _is_date(cls, day: str) -> str:
        return date.fromisoformat(day).isoformat()

    @field_validator("calls")
    @classmethod
    def _is_known(cls, calls: dict[str, int]) -> dict[str, int]:
        if not calls.keys() <= COSTS.keys():
            raise ValueError("a method that costs nothing")
        return calls


class Spent(Exception):
    """A bucket is used up until the quota is reset."""

    def __init__(self, bucket: str, until: datetime) -> None:
        super().__init__(f"{bucket} used up until {until:%Y-%m-%d %H:%M} UTC")
        self.bucket, self.until = bucket, until


class Quota:
    """The day's buckets, and the calls that were paid from them."""

    def __init__(
        self, ledger: Ledger, sizes: Mapping[str, int], now: Callable[[], datetime]
    ) -> None:
        self.sizes = sizes
        self._ledger, self._now = ledger, now
        self._day, self._calls, self._closed = _read(ledger.read(_checked))

    def spend(self, method: str) -> None:
        """Counts one call, before it is made: a crash can only count too much.

        Raises:
            Spent: the method's bucket does not hold it.
        """
        bucket, cost = COSTS[method]

        def spent(kept: Kept) -> Kept:
            self._day, self._calls, self._closed = _read(kept)
            if self.left(bucket) < cost:
                raise Spent(bucket, self._closed.get(bucket, self.resets_at))
            self._calls[method] = self._calls.get(method, 0) + 1
            return self._kept()

        self._ledger.change(spent)

    def close(self, method: str) -> None:
        """Takes the method's bucket as used up: the API says so, whatever we have counted.

        Another program may use the same project. Until the reset; near the last one for a while.
        """

        def closed(kept: Kept) -> Kept:
            self._day, self._calls, self._closed = _read(kept)
            self._turn_page()
            now, began = self._now(), datetime.combine(self._day, time(), PACIFIC)
            near = now - began.astimezone(UTC) < NEAR_RESET
            self._closed[COSTS[method][0]] = now + NEXT_TRY if near else self.resets_at
            return self._kept()

        self._ledger.change(closed)

    def used(self, bucket: str) -> int:
        """Gives what the calls of the crawls with this key have cost today."""
        self._turn_page()
        costs = ((COSTS[method], calls) for method, calls in self._calls.items())
        return sum(cost * calls for (of, cost), calls in costs if of == bucket)

    def left(self, bucket: str) -> int:
        """Gives what may still be spent today."""
        self._turn_page()
        if bucket in self._closed and self._now() >= self._closed[bucket]:
            del self._closed[bucket]
        return 0 if bucket in self._closed else max(0, self.sizes[bucket] - self.used(bucket))

    @property
    def resets_at(self) -> datetime:
        """The next midnight Pacific time, in UTC; days with 23 and 25 hours have theirs too."""
        self._turn_page()
        return datetime.combine(self._day + timedelta(days=1), time(), PACIFIC).astimezone(UTC)

    @property
    def seconds_left(self) -> float:
        """Seconds until the reset."""
        return max(0.0, (self.resets_at - self._now()).total_seconds())

    def _turn_page(self) -> None:
        today = self._now().astimezone(PACIFIC).date()
        # A clock set back must not give a second quota for one day.
        if today > self._day:
            self._day, self._calls, self._closed = today, {}, {}

    def _kept(self) -> Kept:
        return {
            "day": self._day.isoformat(),
            "calls": self._calls,
            "closed_until": {one: until.isoformat() for one, until in self._closed.items()},
        }


def _read(kept: Kept) -> tuple[date, dict[str, int], dict[str, datetime]]:
    """Gives the day, its calls by method, and until when which bucket is used up."""
    kept = _checked(kept)
    closed = kept.get("closed_until", {}).items()
    return (
        date.fromisoformat(kept["day"]) if kept else date.min,
        dict(kept.get("calls", {})),
        {bucket: datetime.fromisoformat(until) for bucket, until in closed},
    )


def _checked(kept: Kept) -> Kept:
    """Gives the ledger of a quota back; raises Damaged where it is none."""
    return checked(_Day, kept) if kept else kept


def added(kept: Kept, own: Kept) -> Kept:
    """Adds to a ledger what a crawl had counted for itself."""
    kept, own = _checked(kept), _checked(own)
    if not own:
        return kept
    if kept.get("day", "") != own["day"]:
        return max(kept, own, key=lambda one: str(one.get("day", "")))
    theirs, ours = kept.get("calls", {}), own.get("calls", {})
    calls = {method: theirs.get(method, 0) + ours.get(method, 0) for method in {**theirs, **ours}}
    closed = {**kept.get("closed_until", {}), **own.get("closed_until", {})}
    return {"day": own["day"], "calls": calls, "closed_until": closed}
