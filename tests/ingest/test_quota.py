"""A day's quota of the YouTube Data API: what is counted, kept, and when it begins anew."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingest.quota import SEARCHES, UNITS, Quota, Spent
from ingest.state import State

SIZES = {UNITS: 10, SEARCHES: 2}
NOON = datetime(2026, 11, 20, 20, tzinfo=UTC)
"""Noon in California."""


class Memory:
    """Ledgers, and the clock."""

    def __init__(self, now: datetime = NOON) -> None:
        self.time = now
        self.kept: dict[str, dict[str, Any]] = {}

    def now(self) -> datetime:
        return self.time

    def ledger(self, name: str) -> dict[str, Any]:
        return self.kept.get(name, {})

    def save_ledger(self, name: str, ledger: dict[str, Any]) -> None:
        self.kept[name] = {**ledger, "calls": dict(ledger["calls"])}

    def quota(self) -> Quota:
        return Quota(self, SIZES, self.now)


def test_calls_are_paid_from_one_bucket_and_searches_from_their_own() -> None:
    quota = Memory().quota()
    for method in ("videos.list", "commentThreads.list", "comments.list", "search.list"):
        quota.spend(method)
    assert (quota.used(UNITS), quota.left(UNITS)) == (3, 7)
    assert (quota.used(SEARCHES), quota.left(SEARCHES)) == (1, 1)


def test_a_used_up_bucket_says_until_when_and_the_other_one_pays_on() -> None:
    quota = Memory().quota()
    quota.spend("search.list")
    quota.spend("search.list")
    with pytest.raises(Spent, match="searches used up until 2026-11-21 08:00 UTC"):
        quota.spend("search.list")
    quota.spend("comments.list")
    assert quota.used(SEARCHES) == 2


def test_a_call_is_on_record_before_it_is_made(tmp_path: Path) -> None:
    memory = Memory()
    with State.open(tmp_path, "youtube") as state:
        Quota(state, SIZES, memory.now).spend("videos.list")
        # As after kill -9: the file is all that is left.
        (tmp_path / "copy.json").write_bytes((tmp_path / "youtube.json").read_bytes())
    with State.open(tmp_path, "copy") as state:
        assert Quota(state, SIZES, memory.now).used(UNITS) == 1


def test_the_api_may_know_better_that_the_quota_is_used_up() -> None:
    memory = Memory()
    memory.quota().close("videos.list")
    quota = memory.quota()
    assert (quota.left(UNITS), quota.left(SEARCHES)) == (0, 2)
    with pytest.raises(Spent):
        quota.spend("channels.list")


def test_it_begins_anew_at_midnight_in_california() -> None:
    memory = Memory()
    quota = memory.quota()
    quota.spend("videos.list")
    quota.close("search.list")
    memory.time = datetime(2026, 11, 21, 7, 59, tzinfo=UTC)
    assert (quota.left(UNITS), quota.left(SEARCHES)) == (9, 0)
    memory.time = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
    assert (quota.left(UNITS), quota.left(SEARCHES)) == (10, 2)
    assert memory.quota().left(UNITS) == 10


@pytest.mark.parametrize("midnight", ["2026-11-21T08:00Z", "2026-07-02T07:00Z"])
def test_used_up_soon_after_the_reset_it_is_tried_again_soon(midnight: str) -> None:
    """Our clock is ahead, or YouTube resets late: what is used up is the day before."""
    memory = Memory(datetime.fromisoformat(midnight))
    memory.quota().close("videos.list")
    quota = memory.quota()  # the end of it is kept
    assert (quota.left(UNITS), quota.left(SEARCHES)) == (0, 2)
    with pytest.raises(Spent) as spent:
        quota.spend("videos.list")
    wait = spent.value.until - memory.time
    assert timedelta(minutes=5) < wait <= timedelta(minutes=15)
    memory.time += wait
    assert quota.left(UNITS) == 10
    memory.time += timedelta(hours=2)
    quota.close("videos.list")
    with pytest.raises(Spent) as spent:
        quota.spend("videos.list")
    assert spent.value.until == quota.resets_at


def test_a_clock_set_back_gives_no_second_quota() -> None:
    memory = Memory()
    quota = memory.quota()
    quota.spend("videos.list")
    memory.time = NOON - timedelta(days=3)
    assert quota.left(UNITS) == 9
    assert memory.quota().left(UNITS) == 9


@pytest.mark.parametrize(
    ("noon", "resets_at"),
    [
        ("2026-03-07T20:00Z", "2026-03-08T08:00Z"),
        ("2026-03-08T20:00Z", "2026-03-09T07:00Z"),  # a day of 23 hours: summer time begins
        ("2026-07-01T20:00Z", "2026-07-02T07:00Z"),
        ("2026-11-01T20:00Z", "2026-11-02T08:00Z"),  # a day of 25 hours: it ends
    ],
)
def test_the_reset_follows_summer_time(noon: str, resets_at: str) -> None:
    quota = Memory(datetime.fromisoformat(noon)).quota()
    assert quota.resets_at == datetime.fromisoformat(resets_at)
    hours = quota.resets_at - datetime.fromisoformat(noon)
    assert quota.seconds_left == hours.total_seconds()
