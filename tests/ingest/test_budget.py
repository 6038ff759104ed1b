"""What a platform bills is counted, survives a crash, and is stopped in time."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingest.budget import BLOCK, Budget, Limits
from ingest.state import State

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
def state(tmp_path: Path) -> Iterator[State]:
    with State.open(tmp_path, "x") as opened:
        yield opened


def budget(state: State, clock: Clock, **limits: float) -> Budget:
    return Budget(Limits(0.005, **limits), state, clock.now)  # type: ignore[arg-type]


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
    state: State, clock: Clock, limits: dict[str, float], left: int | None
) -> None:
    assert budget(state, clock, **limits).left == left


def test_what_costs_nothing_has_no_limit_in_dollars(state: State, clock: Clock) -> None:
    assert Budget(Limits(0.0, dollars_per_day=1), state, clock.now).left is None


def test_a_post_counts_once_a_day(state: State, clock: Clock) -> None:
    one = budget(state, clock, posts_per_day=10)
    one.count([1, 2, 2])
    one.count([1])
    assert one.left == 8
    clock.moment += timedelta(days=1)
    one.count([1])
    assert one.left == 9


def test_a_new_day_and_a_new_month_begin_at_midnight_utc(state: State, clock: Clock) -> None:
    one = budget(state, clock, posts_per_day=5, posts_per_month=8)
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


def test_the_month_after_december_is_january(state: State, clock: Clock) -> None:
    clock.moment = datetime(2026, 12, 31, 23, tzinfo=UTC)
    one = budget(state, clock, posts_per_month=1)
    one.count([1])
    assert one.until == datetime(2027, 1, 1, tzinfo=UTC)


def test_ended_in_order_the_next_start_counts_on_exactly(state: State, clock: Clock) -> None:
    one = budget(state, clock, posts_per_day=1000)
    one.reserve()
    one.count(range(7))
    one.settle()
    assert budget(state, clock, posts_per_day=1000).left == 993


@pytest.mark.parametrize("read", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])
def test_a_crash_counts_too_many_never_too_few(state: State, clock: Clock, read: int) -> None:
    one = budget(state, clock, posts_per_day=1000)
    one.reserve()
    one.count(range(read))
    after = budget(state, clock, posts_per_day=1000)  # without settle: the process was killed
    assert after.left is not None
    assert 1000 - read - BLOCK <= after.left <= 1000 - read


def test_a_page_is_on_the_disk_before_it_is_asked_for(state: State, clock: Clock) -> None:
    budget(state, clock, posts_per_day=1000).reserve(300)
    assert budget(state, clock, posts_per_day=1000).left == 700


def test_no_more_is_reserved_than_is_left(state: State, clock: Clock) -> None:
    one = budget(state, clock, posts_per_day=30)
    one.reserve()
    assert state.ledger("budget")["day_posts"] == 30


def test_used_up_it_says_what_it_cost_and_when_it_goes_on(state: State, clock: Clock) -> None:
    one = budget(state, clock, dollars_per_day=0.05, dollars_per_month=1)
    one.count(range(10))
    assert str(one.refusal()) == (
        "the budget of this day is used up (10 posts, $0.05); it goes on at 2026-11-21 00:00 UTC: "
        "raise --max-..., or wait with --wait-for-budget"
    )


def test_the_plan_says_what_it_may_cost_before_it_starts(state: State, clock: Clock) -> None:
    one = budget(state, clock, dollars_per_day=5)
    one.count(range(4))
    assert one.plan() == [
        "today: at most 1,000 posts ($5.00); counted so far: 4 ($0.02)",
        "this month: no limit on posts; counted so far: 4 ($0.02)",
    ]


def test_what_is_used_is_shown_with_its_end(state: State, clock: Clock) -> None:
    one = budget(state, clock, posts_per_day=5)
    one.count([1, 2])
    day, month = one.allowances()
    assert (day.used, day.of, day.until) == (2, 5, datetime(2026, 11, 21, tzinfo=UTC))
    assert (month.used, month.of, month.until) == (2, None, datetime(2026, 12, 1, tzinfo=UTC))


def test_a_clock_set_back_over_midnight_gives_no_second_budget(state: State, clock: Clock) -> None:
    clock.moment = datetime(2026, 12, 1, 0, 0, 1, tzinfo=UTC)
    one = budget(state, clock, posts_per_day=5, posts_per_month=8)
    one.count(range(5))
    clock.moment -= timedelta(seconds=5)
    assert one.left == 0


def test_what_is_forfeited_counts_as_read(state: State, clock: Clock) -> None:
    one = budget(state, clock, posts_per_day=50)
    one.reserve(20)
    one.forfeit()
    one.settle()
    assert budget(state, clock, posts_per_day=50).left == 0
