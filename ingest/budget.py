"""What a platform that bills by the post may cost: counted, kept on the disk, stopped in time.

A post is billed when the platform delivers it, whatever becomes of it here. So posts are counted
before they are used, and reserved on the disk in blocks before they are counted: a crash can only
leave too many counted, by less than a block. Crawls with one token reserve from one ledger, so that
they keep within the limits together. Days and months are those of UTC, as X bills.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from ingest.ledger import Kept, Ledger, checked
from ingest.sources import Allowance
from stream.errors import UserError

BLOCK = 100
"""Posts reserved at once: the most that a kill -9 counts too many."""
REMEMBERED_IDS = 200_000
"""Posts of one day of which a repeat is recognised; beyond that each sight counts."""
LEDGER = "budget"
"""What a crawl's own state called it, before crawls shared a ledger."""

_Posts = Annotated[int, Field(strict=True, ge=0, lt=10**12)]


class _Counts(BaseModel):
    """What the ledger holds."""

    day: Annotated[str, StringConstraints(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$")] = ""
    day_posts: _Posts = 0
    month: Annotated[str, StringConstraints(pattern=r"^([0-9]{4}-[0-9]{2})?$")] = ""
    month_posts: _Posts = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that may be used; None where there is no such limit."""

    dollars_per_post: float
    posts_per_day: int | None = None
    posts_per_month: int | None = None
    dollars_per_day: float | None = None
    dollars_per_month: float | None = None

    @property
    def day(self) -> int | None:
        """The most posts in a day, by whichever limit is the lower."""
        return self._lower(self.posts_per_day, self.dollars_per_day)

    @property
    def month(self) -> int | None:
        """The most posts in a month."""
        return self._lower(self.posts_per_month, self.dollars_per_month)

    @property
    def most(self) -> int | None:
        """The most posts that can ever be read without a pause."""
        return min((one for one in (self.day, self.month) if one is not None), default=None)

    def _lower(self, posts: int | None, dollars: float | None) -> int | None:
        if dollars is None or self.dollars_per_post == 0:
            return posts
        # Dollars in floating point: 5 / 0.005 must not become 999.
        affordable = int(dollars / self.dollars_per_post + 1e-9)
        return affordable if posts is None else min(posts, affordable)


class Budget:
    """Counts the posts of one token by UTC day and month, and says when it is enough.

    A post read twice in one UTC day is billed once, so it is counted once, as far as this process
    remembers: after a start its memory is empty and the repeat counts again, never too little.
    """

    def __init__(self, limits: Limits, ledger: Ledger, now: Callable[[], datetime]) -> None:
        self.limits = limits
        self._ledger, self._now = ledger, now
        self._kept: Kept = ledger.read(_checked)
        """As last seen; what we have reserved is counted in it."""
        self._reserved = self._taken = 0
        self._today = ""
        self._seen: set[int] = set()
        self._turn()

    @property
    def left(self) -> int | None:
        """Posts that may still be read now; None without a limit.

        What another crawl has used meanwhile is known after the next `reserve`.
        """
        self._turn()
        rests = [
            limit - used + self._reserved
            for limit, used in (
                (self.limits.day, self._kept["day_posts"]),
                (self.limits.month, self._kept["month_posts"]),
            )
            if limit is not None
        ]
        return max(0, min(rests)) if rests else None

    def reserve(self, posts: int = 1) -> int:
        """Puts so many on the disk as read, before they are asked for; gives how many it may be.

        Raises:
            UserError: the ledger cannot be written.
        """
        self._turn()
        if self._reserved < posts:
            self._claim(max(posts, BLOCK))
        return max(0, min(posts, self._reserved))

    def count(self, ids: Iterable[int]) -> None:
        """Counts the posts that came, each once a day."""
        for number in ids:
            self._turn()
            if number in self._seen:
                continue
            if len(self._seen) < REMEMBERED_IDS:
                self._seen.add(number)
            self._reserved -= 1
            if self._reserved <= 0:
                self._claim(BLOCK)

    def settle(self) -> None:
        """Gives back what was reserved and not used; called when reading ends."""
        self._turn()
        if self._reserved:
            self._claim(0)

    def take(self, posts: int) -> int:
        """Reserves so many for one request that is under way beside others; gives how many.

        What nobody gives back counts as read: nobody waited for the answer, and it may be billed.
        """
        taken = self.reserve(posts)
        self._reserved -= taken
        self._taken += taken
        return taken

    def give_back(self, posts: int) -> None:
        """Takes back what `take` gave: the request is answered, and `count` counts what came."""
        self._turn()
        posts = min(posts, self._taken)  # none of it where a day has ended meanwhile
        self._taken -= posts
        self._reserved += posts

    @property
    def until(self) -> datetime:
        """When reading may go on after the budget is used up: the next UTC day or month."""
        today = self._now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        month = self.limits.month
        if month is not None and self._posts("month") >= month:
            return (today.replace(day=1) + timedelta(days=32)).replace(day=1)
        return today + timedelta(days=1)

    def spent(self) -> str:
        """Says which limit is reached and when reading may go on."""
        month = self.limits.month
        which, posts = ("day", self._posts("day"))
        if month is not None and self._posts("month") >= month:
            which, posts = ("month", self._posts("month"))
        return (
            f"the budget of this {which} is used up ({posts} posts, {self.money(posts)}); "
            f"it goes on at {self.until:%Y-%m-%d %H:%M} UTC"
        )

    def refusal(self) -> UserError:
        """What to tell who does not want to wait."""
        return UserError(f"{self.spent()}: raise --max-..., or wait with --wait-for-budget")

    def money(self, posts: int) -> str:
        """Writes what so many posts cost."""
        return f"${posts * self.limits.dollars_per_post:,.2f}"

    def plan(self) -> list[str]:
        """Says what reading may cost at most, and what is counted so far."""
        self._turn()
        return [
            self._covers("today", self._posts("day"), self.limits.day),
            self._covers("this month", self._posts("month"), self.limits.month),
        ]

    def allowances(self) -> list[Allowance]:
        """Gives what is used of the day's and the month's posts."""
        self._turn()
        day = self._now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        month = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
        tomorrow = day + timedelta(days=1)
        return [
            Allowance("today", self._posts("day"), self.limits.day, "posts", tomorrow),
            Allowance("this month", self._posts("month"), self.limits.month, "posts", month),
        ]

    def _covers(self, when: str, used: int, limit: int | None) -> str:
        counted = f"counted so far: {used} ({self.money(used)})"
        if limit is None:
            return f"{when}: no limit on posts; {counted}"
        return f"{when}: at most {limit:,} posts ({self.money(limit)}); {counted}"

    def _posts(self, period: str) -> int:
        """Gives what was read, without what is only reserved."""
        return int(self._kept[f"{period}_posts"]) - self._reserved

    def _turn(self) -> None:
        """Begins a new day or month when the clock has."""
        now = self._now().astimezone(UTC)
        # A clock set back must not give a second budget for one day; as texts they are in order.
        if (day := f"{now:%Y-%m-%d}") > self._today:
            self._today, self._seen, self._reserved, self._taken = day, set(), 0, 0
        new = {"day": day, "day_posts": 0, "month": f"{now:%Y-%m}", "month_posts": 0}
        self._kept = _later(self._kept, new)

    def _claim(self, posts: int) -> None:
        """Reserves so many instead of what is reserved now, or as many as are left."""

        def claimed(kept: Kept) -> Kept:
            self._kept = _checked(kept)
            self._turn()
            left, before = self.left, self._reserved
            self._reserved = posts if left is None else min(posts, left)
            more = self._reserved - before
            counts = {name: self._kept[name] + more for name in ("day_posts", "month_posts")}
            return {**self._kept, **counts}

        self._kept = self._ledger.change(claimed)


def added(kept: Kept, own: Kept) -> Kept:
    """Adds to a ledger what a crawl had counted for itself."""
    kept, own = _checked(kept), _checked(own)
    both = _later(kept, own)
    for period in ("day", "month"):
        if kept.get(period) == own.get(period):
            posts = f"{period}_posts"
            both[posts] = kept.get(posts, 0) + own.get(posts, 0)
    return both


def _checked(kept: Kept) -> Kept:
    return checked(_Counts, kept)


def _later(one: Kept, other: Kept) -> Kept:
    """Takes day and month each from where they are later; from the first if they are the same."""
    later: Kept = {}
    for period in ("day", "month"):
        of = other if other.get(period, "") > one.get(period, "") else one
        later |= {period: of.get(period, ""), f"{period}_posts": of.get(f"{period}_posts", 0)}
    return later
