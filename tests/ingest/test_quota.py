"""A day's quota of the YouTube Data API: what is counted, kept, and when it begins anew."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingest.ledger import Ledger
from ingest.quota import SEARCHES, UNITS, Quota, Spent, added

SIZES = {UNITS: 10, SEARCHES: 2}
NOON = datetime(2026, 11, 20, 20, tzinfo=UTC)
"""Noon in California."""


class Project:
    """A ledger, and the clock."""

    def __init__(self, folder: Path, now: datetime = NOON) -> None:
        self.time = now
        self.ledger = Ledger(folder / "ledger.json")

    def now(self) -> datetime:
        return self.time

    def quota(self) -> Quota:
        return Quota(self.ledger, SIZES, self.now)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_calls_are_paid_from_one_bucket_and_searches_from_their_own(project: Project) -> None:
    quota = project.quota()
    for method in ("videos.list", "commentThreads.list", "comments.list", "search.list"):
        quota.spend(method)
    assert (quota.used(UNITS), quota.left(UNITS)) == (3, 7)
    assert (quota.used(SEARCHES), quota.left(SEARCHES)) == (1, 1)


def test_a_used_up_bucket_says_until_when_and_the_other_one_pays_on(project: Project) -> None:
    quota = project.quota()
    quota.spend("search.list")
    quota.spend("search.list")
    with pytest.raises(Spent, match="searches used up until 2026-11-21 08:00 UTC"):
        quota.spend("search.list")
    quota.spend("comments.list")
    assert quota.used(SEARCHES) == 2


def test_a_call_is_on_record_before_it_is_made(project: Project) -> None:
    project.quota().spend("videos.list")
    # As after kill -9: the file is all that is left.
    assert project.quota().used(UNITS) == 1


def test_two_crawls_with_one_key_spend_one_quota(project: Project) -> None:
    one, other = project.quota(), project.quota()
    for _ in range(5):
        one.spend("videos.list")
        other.spend("comments.list")
    with pytest.raises(Spent):
        one.spend("videos.list")
    other.close("search.list")
    with pytest.raises(Spent):
        one.spend("search.list")
    assert one.used(UNITS) == 10


@pytest.mark.parametrize(("day", "used"), [("2026-11-20", 3), ("2026-11-19", 1), ("2026-11-21", 2)])
def test_what_a_crawl_had_counted_by_itself_is_added(project: Project, day: str, used: int) -> None:
    project.quota().spend("videos.list")
    own = {"day": day, "calls": {"videos.list": 1, "comments.list": 1}, "closed_until": {}}
    kept = project.ledger.change(lambda kept: added(kept, own))
    if day == "2026-11-21":
        project.time += timedelta(days=1)
    assert project.quota().used(UNITS) == used
    assert added({}, own) == own
    assert kept.keys() == own.keys()


def test_the_api_may_know_better_that_the_quota_is_used_up(project: Project) -> None:
    project.quota().close("videos.list")
    quota = project.quota()
    assert (quota.left(UNITS), quota.left(SEARCHES)) == (0, 2)
    with pytest.raises(Spent):
        quota.spend("channels.list")


def test_it_begins_anew_at_midnight_in_california(project: Project) -> None:
    quota = project.quota()
    quota.spend("videos.list")
    quota.close("search.list")
    project.time = datetime(2026, 11, 21, 7, 59, tzinfo=UTC)
    assert (quota.left(UNITS), quota.left(SEARCHES)) == (9, 0)
    project.time = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
    assert (quota.left(UNITS), quota.left(SEARCHES)) == (10, 2)
    assert project.quota().left(UNITS) == 10


@pytest.mark.parametrize("midnight", ["2026-11-21T08:00Z", "2026-07-02T07:00Z"])
def test_used_up_soon_after_the_reset_it_is_tried_again_soon(tmp_path: Path, midnight: str) -> None:
    """Our clock is ahead, or YouTube resets late: what is used up is the day before."""
    project = Project(tmp_path, datetime.fromisoformat(midnight))
    project.quota().close("videos.list")
    quota = project.quota()  # the end of it is kept
    assert (quota.left(UNITS), quota.left(SEARCHES)) == (0, 2)
    with pytest.raises(Spent) as spent:
        quota.spend("videos.list")
    wait = spent.value.until - project.time
    assert timedelta(minutes=5) < wait <= timedelta(minutes=15)
    project.time += wait
    assert quota.left(UNITS) == 10
    project.time += timedelta(hours=2)
    quota.close("videos.list")
    with pytest.raises(Spent) as spent:
        quota.spend("videos.list")
    assert spent.value.until == quota.resets_at


def test_a_clock_set_back_gives_no_second_quota(project: Project) -> None:
    quota = project.quota()
    quota.spend("videos.list")
    project.time = NOON - timedelta(days=3)
    assert quota.left(UNITS) == 9
    assert project.quota().left(UNITS) == 9


@pytest.mark.parametrize(
    ("noon", "resets_at"),
    [
        ("2026-03-07T20:00Z", "2026-03-08T08:00Z"),
        ("2026-03-08T20:00Z", "2026-03-09T07:00Z"),  # a day of 23 hours: summer time begins
        ("2026-07-01T20:00Z", "2026-07-02T07:00Z"),
        ("2026-11-01T20:00Z", "2026-11-02T08:00Z"),  # a day of 25 hours: it ends
    ],
)
def test_the_reset_follows_summer_time(tmp_path: Path, noon: str, resets_at: str) -> None:
    quota = Project(tmp_path, datetime.fromisoformat(noon)).quota()
    assert quota.resets_at == datetime.fromisoformat(resets_at)
    hours = quota.resets_at - datetime.fromisoformat(noon)
    assert quota.seconds_left == hours.total_seconds()
