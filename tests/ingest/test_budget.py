"""What a platform bills is counted, survives a crash, and is stopped in time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingest.budget import BLOCK, Budget, Limits, added
from ingest.ledger import Ledger

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.moment = NOON

    def now(self) -> datetime:
        return self.moment


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.json")


def budget(ledger: Ledger, clock: Clock, **limits: float) -> Budget:
    return Budget(Limits(0.005, **limits), ledger, clock.now)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("limits", "left"),
    [
        ({}, None),
        ({"posts_per_day": 30}, 30),
        ({"posts_per_month": 20}, 20),
        ({"dollars_per_day": 5}, 1000),
        ({"dollars_per_month": 0.07}, 14),
        ({"posts_per_day": 30, "dollars_per_day": 0.1, "dollars_per_month": 50}, 20),
        ({"dollars_per_day": 0.004}, 0),
    ],
)
def test_the_lowest_limit_counts(
    ledger: Ledger, clock: Clock, limits: dict[str, float], left: int | None
) -> None:
    assert budget(ledger, clock, **limits).left == left


def test_what_costs_nothing_has_no_limit_in_dollars(ledger: Ledger, clock: Clock) -> None:
    assert Budget(Limits(0.0, dollars_per_day=1), ledger, clock.now).left is None


def test_a_post_counts_once_a_day(ledger: Ledger, clock: Clock) -> None:
    one = budget(ledger, clock, posts_per_day=10)
    one.count([1, 2, 2])
    one.count([1])
    assert one.left == 8
    clock.moment += timedelta(days=1)
    one.count([1])
    assert one.left == 9


def test_a_new_day_and_a_new_month_begin_at_midnight_utc(ledger: Ledger, clock: Clock) -> None:
    one = budget(ledger, clock, posts_per_day=5, posts_per_month=8)
    one.count(range(5))
    assert one.left == 0
    assert one.until == datetime(2026, 11, 21, tzinfo=UTC)
    clock.moment = datetime(2026, 11, 21, 0, 0, 1, tzinfo=UTC)
    assert one.left == 3
    one.count(range(10, 13))
    assert one.left == 0
    assert one.until == datetime(2026, 12, 1, tzinfo=UTC)
    clock.moment = datetime(2026, 12, 1, tzinfo=UTC)
    assert one.left == 5


def test_the_month_after_december_is_january(ledger: Ledger, clock: Clock) -> None:
    clock.moment = datetime(2026, 12, 31, 23, tzinfo=UTC)
    one = budget(ledger, clock, posts_per_month=1)
    one.count([1])
    assert one.until == datetime(2027, 1, 1, tzinfo=UTC)


def test_ended_in_order_the_next_start_counts_on_exactly(ledger: Ledger, clock: Clock) -> None:
    one = budget(ledger, clock, posts_per_day=1000)
    one.reserve()
    one.count(range(7))
    one.settle()
    assert budget(ledger, clock, posts_per_day=1000).left == 993


@pytest.mark.parametrize("read", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])
def test_a_crash_counts_too_many_never_too_few(ledger: Ledger, clock: Clock, read: int) -> None:
    one = budget(ledger, clock, posts_per_day=1000)
    one.reserve()
    one.count(range(read))
    after = budget(ledger, clock, posts_per_day=1000)  # without settle: the process was killed
    assert after.left is not None
    assert 1000 - read - BLOCK <= after.left <= 1000 - read


def test_a_page_is_on_the_disk_before_it_is_asked_for(ledger: Ledger, clock: Clock) -> None:
    budget(ledger, clock, posts_per_day=1000).reserve(300)
    assert budget(ledger, clock, posts_per_day=1000).left == 700


def test_no_more_is_reserved_than_is_left(ledger: Ledger, clock: Clock) -> None:
    one = budget(ledger, clock, posts_per_day=30)
    one.reserve()
    assert ledger.read()["day_posts"] == 30


def test_used_up_it_says_what_it_cost_and_when_it_goes_on(ledger: Ledger, clock: Clock) -> None:
    one = budget(ledger, clock, dollars_per_day=0.05, dollars_per_month=1)
    one.count(range(10))
    assert str(one.refusal()) == (
        "the budget of this day is used up (10 posts, $0.05); it goes on at 2026-11-21 00:00 UTC: "
        "raise --max-..., or wait with --wait-for-budget"
    )


def test_the_plan_says_what_it_may_cost_before_it_starts(ledger: Ledger, clock: Clock) -> None:
    one = budget(ledger, clock, dollars_per_day=5)
    one.count(range(4))
    assert one.plan() == [
        "today: at most 1,000 posts ($5.00); counted so far: 4 ($0.02)",
        "this month: no limit on posts; counted so far: 4 ($0.02)",
    ]


def test_what_is_used_is_shown_with_its_end(ledger: Ledger, clock: Clock) -> None:
    one = budget(ledger, clock, posts_per_day=5)
    one.count([1, 2])
    day, month = one.allowances()
    assert (day.used, day.of, day.until) == (2, 5, datetime(2026, 11, 21, tzinfo=UTC))
    assert (month.used, month.of, month.until) == (2, None, datetime(2026, 12, 1, tzinfo=UTC))


def test_a_clock_set_back_over_midnight_gives_no_second_budget(
    ledger: Ledger, clock: Clock
) -> None:
    clock.moment = datetime(2026, 12, 1, 0, 0, 1, tzinfo=UTC)
    one = budget(ledger, clock, posts_per_day=5, posts_per_month=8)
    one.count(range(5))
    clock.moment -= timedelta(seconds=5)
    assert one.left == 0


def test_what_was_taken_for_a_request_that_nobody_waited_for_counts_as_read(
    ledger: Ledger, clock: Clock
) -> None:
    one = budget(ledger, clock, posts_per_day=50)
    assert one.take(20) == 20
    one.settle()
    assert budget(ledger, clock, posts_per_day=50).left == 30


def test_while_a_request_is_under_way_what_a_stream_gives_counts_beside_it(
    ledger: Ledger, clock: Clock
) -> None:
    one = budget(ledger, clock, posts_per_day=1000)
    taken = one.take(100)
    one.count(range(70))
    # As after kill -9: the hundred asked for may all be billed.
    assert budget(ledger, clock, posts_per_day=1000).left <= 1000 - 100 - 70  # type: ignore[operator]
    one.give_back(taken)
    one.count(range(100, 110))
    one.settle()
    assert budget(ledger, clock, posts_per_day=1000).left == 1000 - 70 - 10


def test_an_answer_that_comes_on_the_next_day_gives_back_nothing_of_that_days(
    ledger: Ledger, clock: Clock
) -> None:
    one = budget(ledger, clock, posts_per_day=50)
    taken = one.take(20)
    clock.moment += timedelta(days=1)
    one.give_back(taken)
    one.settle()
    assert one.left == 50


def test_two_crawls_with_one_token_keep_within_the_limits_together(
    ledger: Ledger, clock: Clock
) -> None:
    one, other = (budget(ledger, clock, posts_per_day=150) for _ in range(2))
    assert one.reserve() == 1  # and with it a block
    assert other.reserve(100) == 50
    other.count(range(50))
    assert other.left == 0
    one.count(range(30))
    one.settle()
    assert other.reserve(100) == 70
    other.settle()
    assert budget(ledger, clock, posts_per_day=150).left == 70


@pytest.mark.parametrize(
    ("day", "left_today", "left_this_month"),
    [("2026-11-20", 88, 188), ("2026-11-19", 95, 188), ("2026-10-31", 95, 195)],
)
def test_what_a_crawl_had_counted_by_itself_is_added(
    ledger: Ledger, clock: Clock, day: str, left_today: int, left_this_month: int
) -> None:
    one = budget(ledger, clock)
    one.count(range(5))
    one.settle()
    own = {"day": day, "day_posts": 7, "month": day[:7], "month_posts": 7}
    ledger.change(lambda kept: added(kept, own))
    assert budget(ledger, clock, posts_per_day=100).left == left_today
    assert budget(ledger, clock, posts_per_month=200).left == left_this_month
