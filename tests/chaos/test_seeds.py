"""Seeds of random kills, freezes, rebalances and server deaths: the law holds after each."""

from collections import Counter

import pytest

from tests.chaos.campaign import Result, run
from tests.chaos.line import Line
from tests.chaos.plan import plan

SEEDS = range(20)

results: dict[int, Result] = {}


@pytest.mark.end_to_end
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.case(22)
def test_two_workers_of_each_station_keep_the_law_whoever_dies(under_test: Line, seed: int) -> None:
    results[seed] = run(under_test, seed)
    assert results[seed].violations == [], (results[seed].steps, under_test.folder)


@pytest.mark.end_to_end
def test_the_seeds_have_really_killed() -> None:
    assert sorted(results) == list(SEEDS), "run it with the seeds"
    deaths = sum((Counter(one.deaths) for one in results.values()), Counter())
    points = {cause.partition(":")[0] for cause in deaths if cause.startswith("at ")}
    assert deaths["kill -9"] >= 2 * len(results)
    assert len(points) >= len(results) // 2


@pytest.mark.end_to_end
def test_the_audit_says_of_all_seeds_what_the_oracle_says(under_test: Line) -> None:
    assert under_test.audit() == ""


def test_the_seeds_hold_every_deed_and_both_ways_to_send() -> None:
    plans = [plan(seed) for seed in SEEDS]
    deeds = {step.deed for one in plans for step in one.steps}
    assert deeds == {"kill", "crash", "freeze", "join", "leave", "kafka", "elasticsearch"}
    assert {one.live for one in plans} == {True, False}
    assert any(one.ingest_dies_at for one in plans)


def test_a_seed_is_always_the_same() -> None:
    assert [plan(seed) for seed in SEEDS] == [plan(seed) for seed in SEEDS]
    assert len({plan(seed).steps for seed in SEEDS}) == len(SEEDS)
