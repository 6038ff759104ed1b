"""What the benches' core says of runs whose answers are known."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.bench import machine
from tests.bench.child import child
from tests.bench.page import PAGE, RAW, keep, page, read
from tests.bench.trials import Bench, Goal, Limit, Run, Side

OURS = [Run(1000, 1.0, 0.5), Run(1000, 2.0, 0.5, {"p99_ms": 3.0}), Run(1000, 1.0, 0.5)]
PEER = [Run(100, 1.0, 0.2), Run(100, 1.0, 0.2, {"p99_ms": 6.0}), Run(100, 0.5, 0.2)]
ROUNDS = {"ours": OURS, "peer": PEER}


def test_a_ratio_is_made_within_each_round_and_a_record() -> None:
    assert Goal("ours", "peer", 1).ratio(ROUNDS) == pytest.approx((5, 5, 10))
    assert Goal("ours", "peer", 1, by="cpu").ratio(ROUNDS) == pytest.approx((4, 4, 4))


def test_a_goal_that_is_at_most_compares_costs() -> None:
    goal = Goal("ours", "peer", 0.3, by="cpu", at_least=False)
    assert goal.ratio(ROUNDS).median == pytest.approx(0.25)
    assert goal.reached(ROUNDS)
    assert not Goal("ours", "peer", 0.2, by="cpu", at_least=False).reached(ROUNDS)


def test_another_number_is_compared_as_it_is() -> None:
    second = {name: runs[1:2] for name, runs in ROUNDS.items()}
    assert Goal("ours", "peer", 1, by="p99_ms").ratio(second).median == 0.5
    assert Limit("ours", "p99_ms", 3.0).reached(second)
    assert Limit("ours", "cpu", 500.0).measured(second).median == pytest.approx(500)
    with pytest.raises(KeyError):
        Goal("ours", "peer", 1, by="p99_ms").ratio(ROUNDS)


def test_sides_take_turns_and_peers_change_their_order() -> None:
    turns: list[str] = []

    def side(name: str, run: Run) -> Side:
        def turn() -> Run:
            turns.append(name)
            return run

        return turn

    @contextmanager
    def sides() -> Iterator[Mapping[str, Side]]:
        yield {"a": side("a", OURS[0]), "b": side("b", PEER[0])}

    for peers, order in ((True, "abba"), (False, "abab")):
        turns.clear()
        done = Bench("x", "X", "About.", sides, peers=peers).run(2, turns.append)
        assert "".join(one for one in turns if len(one) == 1) == order
        assert list(done.items()) == [("a", [OURS[0]] * 2), ("b", [PEER[0]] * 2)]


def test_the_page_says_what_was_wanted_and_whether_it_is_reached(tmp_path: Path) -> None:
    @contextmanager
    def sides() -> Iterator[Mapping[str, Side]]:
        yield {}

    goals = [Goal("ours", "peer", 4), Goal("ours", "peer", 6)]
    bench = Bench("x", "Of X", "About.", sides, goals, [Limit("ours", "cpu", 499)])
    where = {"command": "c", "measured": "2026-01-01T00:00:00Z", "machine": machine.facts()}
    for _again in range(2):
        keep(tmp_path / "raw", bench.result(ROUNDS) | where)
    said = page(read(tmp_path / "raw"))
    assert "| [x](#of-x) | ours: at least 4 times as fast as peer | 5 (5 to 10) | reached |" in said
    assert "ours: at least 6 times as fast as peer: 5 (5 to 10), **missed**" in said
    assert "ours: µs of processor a record at most 499: 500 (500 to 500), **missed**" in said
    assert "| peer | 100 | 100 | 2,000 | 6 | 5 (5 to 10) |" in said
    assert said.count("## Of X") == 1


def test_a_child_takes_a_turn_when_asked_and_says_so_when_it_has_ended() -> None:
    program = "from tests.bench.child import serve; serve(lambda: {'records': 1})"
    with child(sys.executable, "-c", program) as turn:
        assert turn() == turn() == {"records": 1}
    with (
        pytest.raises(RuntimeError, match="has ended with 3"),
        child(sys.executable, "-c", "raise SystemExit(3)"),
    ):
        pass


def test_a_process_is_asked_what_it_has_used() -> None:
    assert machine.processor_seconds(os.getpid()) > 0
    assert machine.resident_megabytes(os.getpid()) > 1


def test_the_page_is_made_of_the_raw_file() -> None:
    results = read(RAW)
    assert results
    assert PAGE.read_text(encoding="utf-8") == page(results)
