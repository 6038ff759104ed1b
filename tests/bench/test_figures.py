"""What is computed from measurements, on measurements whose answers are known."""

import json
from itertools import islice

import pytest

from stream.records import Outgoing
from tests.bench import capacity, costs, latency, machine, posts, profile, soak
from tests.bench.page import RAW, Result, read
from tests.bench.soak import Sample
from tests.bench.trials import Run

RECORD, BATCH = 20e-6, 1000e-6


def costs_of(record: float, batch: float) -> Result:
    more = {"broker_µs": 10.0, "node_µs": 100.0, "index_bytes": 500.0}
    more |= {"collected_bytes": 200.0, "classified_bytes": 300.0}
    rounds = {}
    for station in ("classifier", "indexer"):
        rounds[costs.idle(station)] = [Run(1, 1.0, 0.01)]
        for size in costs.BATCHES:
            cpu = 1000 * (record + batch / size)
            rounds[costs.side(station, size)] = [Run(1000, 1.0, cpu, more)]
    where = {"command": "c", "measured": "2026-01-01T00:00:00Z", "machine": machine.facts()}
    return costs.BENCH.result(rounds) | where


def test_what_a_record_and_a_batch_cost_is_found_again() -> None:
    found = capacity.fitted(costs_of(RECORD, BATCH))
    assert found.indexer.record == pytest.approx(RECORD)
    assert found.indexer.batch == pytest.approx(BATCH)
    assert found.broker == pytest.approx(20e-6)  # of both stations' turns
    assert found.classifier.of(2000) == pytest.approx(20.5e-6)


def test_workers_do_as_much_as_the_one_with_most_partitions_lets_them() -> None:
    assert capacity.times_one(2, 6) == 2
    assert capacity.times_one(4, 6) == 3
    assert capacity.times_one(64, 6) == 6


def test_a_simulated_worker_takes_larger_batches_when_it_is_busier() -> None:
    cost = capacity.Cost(RECORD, BATCH, 0.0)
    idle, busy = capacity.simulate(cost, 1_000), capacity.simulate(cost, 40_000)
    assert cost.of(capacity.BATCH) < busy.cost < idle.cost
    assert idle.p95 < busy.p95 < 0.1


def test_the_plan_says_what_a_load_needs() -> None:
    page = f"before\n{capacity.BEGIN}\n{capacity.END}\nafter\n"
    measured = costs_of(RECORD, BATCH)
    said = capacity.written(page, measured)
    assert "| classifier workers, a core each | 1 | 1 | 3 | 30 |" in said
    assert "| Elasticsearch cores | 1 | 3 | 29 | 286 |" in said
    assert said.startswith("before\n")
    assert said.endswith("\nafter\n")
    assert capacity.written(said, measured) == said


def test_the_plan_is_made_of_the_raw_file() -> None:
    page = capacity.PAGE.read_text(encoding="utf-8")
    if (results := read(RAW)).get("costs"):
        assert capacity.written(page, results["costs"]) == page
    else:
        assert f"{capacity.BEGIN}\n{capacity.END}" in page


def test_memory_is_a_slope_over_posts_after_the_warm_up() -> None:
    warm = [Sample(n, n * 100_000, {"indexer": 100 + 3 * n / 10}) for n in range(2, 11)]
    samples = [Sample(0, 0, {"indexer": 10.0}), Sample(1, 100_000, {"indexer": 99.0}), *warm]
    assert soak.slope(samples, "indexer") == pytest.approx(3)
    head = {"command": "c", "measured": "2026-01-01", "machine": machine.facts()}
    assert "| indexer | 3 | less than 2 | **missed** |" in soak.page(head, samples)


def test_each_part_of_a_soak_is_of_another_month(monkeypatch: pytest.MonkeyPatch) -> None:
    def collected(number: int) -> list[Outgoing]:
        value = b'{"native_id":"1","created_at":"2026-11-14T10:00:00Z"}'
        return [Outgoing("x:1", value)] * 26

    monkeypatch.setattr(posts, "collected", lambda number: iter(collected(number)))
    monkeypatch.setattr(soak, "PART", 2)
    months = [(one.value or b"")[31:38].decode() for one in islice(soak.records(), 26)]
    assert months[:4] == ["2025-12", "2025-12", "2025-11", "2025-11"]
    assert months[-2:] == ["2024-12", "2024-12"]


def test_a_sample_of_a_profile_belongs_to_our_deepest_function() -> None:
    stacks = [
        "<module> (classifier/__main__.py:9);_move (stream/worker.py:5);loads (json/decoder.py) 3",
        "<module> (classifier/__main__.py:9);_move (/x/stream/worker.py:7) 2",
        "_bootstrap (threading.py:1);run (kafka/producer/sender.py:3);send (socket.py) 1",
    ]
    assert profile.shares(stacks) == {"stream/worker.py _move": 5, "threads of kafka": 1}
    lines = profile.table(profile.shares(stacks), {"python": 12.0, profile.RDKAFKA: 3.0})
    assert "| `stream/worker.py _move` | 10 | 67% |" in lines
    assert f"| {profile.RDKAFKA} | 3 | 20% |" in lines
    assert "| **all** | **15** | |" in lines


def test_the_limit_of_the_latency_follows_the_template() -> None:
    assert latency.refresh_ms() > 0


def test_the_profile_is_made_of_its_raw_file() -> None:
    raw = profile.FOLDER / "profile.json"
    page = profile.PAGE.read_text(encoding="utf-8")
    assert profile.written(page, json.loads(raw.read_text(encoding="utf-8"))) == page
