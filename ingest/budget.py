"""What a platform that bills by the post may cost: counted, kept on the disk, stopped in time.

A post is billed when the platform delivers it, whatever becomes of it here. So posts are counted
before they are used, and reserved on the disk in blocks before they are counted: a crash can only
leave too many counted, by less than a block. Days and months are those of UTC, as X bills.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ingest.sources import Allowance
from ingest.state import State
from stream.errors import UserError

BLOCK = 100
"""Posts reserved at once: the most that a kill -9 counts too many."""
REMEMBERED_IDS = 200_000
"""Posts of one day of which a repeat is recognised; beyond that each sight counts."""
LEDGER = "budget"


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

    def _lower(self, posts: int | None, dollars: float | None) -> int | None:
        if dollars is None or self.dollars_per_post == 0:
            return posts
        # Dollars in floating point: 5 / 0.005 must not become 999.
        affordable = int(dollars / self.dollars_per_post + 1e-9)
        return affordable if posts is None else min(posts, affordable)


class Budget:
    """Counts the posts of one crawl by UTC day and month, and says when it is enough.

    A post read twice in one UTC day is billed once, so it is counted once, as far as this process
    remembers: after a start its memory is empty and the repeat counts again, never too little.
    """

    def __init__(self, limits: Limits, state: State, now: Callable[[], datetime]) -> None:
        self.limits = limits
        self._state, self._now = state, now
        kept = state.ledger(LEDGER)
        self._day, self._day_posts = kept.get("day", ""), kept.get("day_posts", 0)
        self._month, self._month_posts = kept.get("month", ""), kept.get("month_posts", 0)
        self._reserved = 0
        self._seen: set[int] = set()
        self._turn()

    @property
    def left(self) -> int | None:
        """Posts that may still be read now; None without a limit."""
        self._turn()
        rests = [
            limit - used
            for limit, used in (
                (self.limits.day, self._day_posts),
                (self.limits.month, self._month_posts),
            )
            if limit is not None
        ]
        return max(0, min(rests)) if rests else None

    def reserve(self, posts: int = 1) -> None:
        """Puts at least so many on the disk as read, before they are asked for.

        Raises:
            UserError: the state cannot be written.
        """
        self._turn()
        if self._reserved < posts:
            self._save(max(posts, self._block()))

    def count(self, ids: Iterable[int]) -> None:
        """Counts the posts that came, each once a day."""
        for number in ids:
            self._turn()
            if number in self._seen:
                continue
            if len(self._seen) < REMEMBERED_IDS:
                self._seen.add(number)
            self._day_posts += 1
            self._month_posts += 1
            self._reserved -= 1
            if self._reserved <= 0:
                self._save(self._block())

    def settle(self) -> None:
        """Gives back what was reserved and not used; called when reading ends."""
        self._save(0)

    def forfeit(self) -> None:
        """Counts what is reserved as read: nobody waited for the answer, and it may be billed."""
        unused = max(0, self._reserved)
        self._day_posts += unused
        self._month_posts += unused
        self._reserved = 0

    @property
    def until(self) -> datetime:
        """When reading may go on after the budget is used up: the next UTC day or month."""
        today = self._now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        month = self.limits.month
        if month is not None and self._month_posts >= month:
            return (today.replace(day=1) + timedelta(days=32)).replace(day=1)
        return today + timedelta(days=1)

    def spent(self) -> str:
        """Says which limit is reached and when reading may go on."""
        month = self.limits.month
        which, posts = ("day", self._day_posts)
        if month is not None and self._month_posts >= month:
            which, posts = ("month", self._month_posts)
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
            self._covers("today", self._day_posts, self.limits.day),
            self._covers("this month", self._month_posts, self.limits.month),
        ]

    def allowances(self) -> list[Allowance]:
        """Gives what is used of the day's and the month's posts."""
        self._turn()
        day = self._now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        month = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
        tomorrow = day + timedelta(days=1)
        return [
            Allowance("today", self._day_posts, self.limits.day, "posts", tomorrow),
            Allowance("this month", self._month_posts, self.limits.month, "posts", month),
        ]

    def _covers(self, when: str, used: int, limit: int | None) -> str:
        counted = f"counted so far: {used} ({self.money(used)})"
        if limit is None:
            return f"{when}: no limit on posts; {counted}"
        return f"{when}: at most {limit:,} posts ({self.money(limit)}); {counted}"

    def _turn(self) -> None:
        """Begins a new day or month when the clock has."""
        now = self._now().astimezone(UTC)
        # A clock set back must not give a second budget for one day; as texts they are in order.
        if (day := f"{now:%Y-%m-%d}") > self._day:
            self._day, self._day_posts, self._seen = day, 0, set()
            self._reserved = 0
        if (month := f"{now:%Y-%m}") > self._month:
            self._month, self._month_posts = month, 0

    def _block(self) -> int:
        left = self.left
        return BLOCK if left is None else min(BLOCK, left)

    def _save(self, reserved: int) -> None:
        ledger: dict[str, Any] = {
            "day": self._day,
            "day_posts": self._day_posts + reserved,
            "month": self._month,
            "month_posts": self._month_posts + reserved,
        }
        self._state.save_ledger(LEDGER, ledger)
        self._reserved = reserved
