"""How many workers, partitions, brokers and data nodes a load needs, from measured costs.

`python -m tests.bench capacity` writes the tables of docs/capacity.md from the last `costs` in
docs/benchmarks.ndjson. What a record and what a batch cost a station are fitted to its costs with
three sizes of batches; a small simulation then has workers take what has come meanwhile.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.bench import costs
from tests.bench.machine import ROOT
from tests.bench.page import RAW, Result, figure, read, rounds_of, where
from tests.bench.trials import Run

PAGE = ROOT / "docs" / "capacity.md"
BEGIN, END = "<!-- made by `python -m tests.bench capacity` -->", "<!-- end -->"
RATES = (1_000, 10_000, 100_000, 1_000_000)
"""Posts a second."""
WORKERS = (1, 2, 4, 8, 16, 32, 64)
PARTITIONS = (6, 24, 192)
BUSY = 0.7
"""Share of its cores that a machine or worker is planned to use."""
BATCH = 2000
"""Most records of a batch: EMOSTREAM_BATCH_RECORDS and EMOSTREAM_BULK_ACTIONS."""
SERVER_CORES = 16
COPIES_IN_KAFKA, COPIES_IN_INDEX = 3, 2
KEPT_ON_TOPICS_DAYS, KEPT_IN_INDEX_DAYS = 7, 30
SHARD_DOCUMENTS, SHARD_BYTES = 200e6, 50e9
"""What one shard holds at most, as Elasticsearch's guide to the size of shards advises."""
LUCENE_DOCUMENTS = 2**31 - 129
"""What one shard can hold at all."""
DAY, MONTH = 86_400, 30 * 86_400
SIMULATED_SECONDS = 20.0


@dataclass(frozen=True)
class Cost:
    """What a station costs the processor, in seconds."""

    record: float
    batch: float
    idle: float
    """A second without records."""

    def of(self, batch: float) -> float:
        """Gives a record's share with batches of one size."""
        return self.record + self.batch / batch


@dataclass(frozen=True)
class Costs:
    """What was measured, for each post: seconds of processors, bytes on disks of one copy."""

    classifier: Cost
    indexer: Cost
    broker: float
    node: float
    collected_bytes: float
    classified_bytes: float
    index_bytes: float


def fitted(result: Result) -> Costs:
    """Gives the costs that a run of the bench `costs` says."""
    rounds = rounds_of(result)
    classified = rounds[costs.side("classifier", BATCH)]
    indexed = rounds[costs.side("indexer", BATCH)]
    return Costs(
        classifier=_station(rounds, "classifier"),
        indexer=_station(rounds, "indexer"),
        broker=(_number(classified, "broker_µs") + _number(indexed, "broker_µs")) / 1e6,
        node=_number(indexed, "node_µs") / 1e6,
        collected_bytes=_number(indexed, "collected_bytes"),
        classified_bytes=_number(indexed, "classified_bytes"),
        index_bytes=_number(indexed, "index_bytes"),
    )


def _station(rounds: Mapping[str, Sequence[Run]], name: str) -> Cost:
    """Fits record + batch / size, so that no measured cost is missed by a large share of it."""
    sizes = sorted(costs.BATCHES)
    measured = [_number(rounds[costs.side(name, size)], "cpu") for size in sizes]
    rows = np.array(
        [[1 / cost, 1 / size / cost] for size, cost in zip(sizes, measured, strict=True)]
    )
    record, batch = np.linalg.lstsq(rows, np.ones(len(sizes)))[0]
    return Cost(float(record), max(0.0, float(batch)), _number(rounds[costs.idle(name)], "cpu"))


def _number(runs: Sequence[Run], name: str) -> float:
    return statistics.median(one.number(name) for one in runs)


@dataclass(frozen=True)
class Simulated:
    """One worker under a load: cost of a record, and how long records wait to be done."""

    cost: float
    p95: float


def simulate(cost: Cost, rate: float, seed: int = 0) -> Simulated:
    """Has a worker take, whenever it is free, what has come since: posts at random moments.

    Each batch takes its cost as time; a record waits for the batch before its own to end, and for
    its own. The rate is that of this worker.
    """
    random = np.random.default_rng(seed)
    clock, taken, spent, waits, sizes = 0.0, 0.0, 0.0, [], []
    while clock < SIMULATED_SECONDS:
        waiting = random.poisson(rate * (clock - taken))
        if waiting == 0:  # the next one is waited for, and comes alone
            taken, waiting = clock, 1
            clock += random.exponential(1 / rate)
        size = min(int(waiting), BATCH)
        came = taken + (clock - taken) * size / waiting
        took = cost.batch + cost.record * size
        waits.append(clock + took - (taken + came) / 2)
        sizes.append(size)
        taken, clock, spent = came, clock + took, spent + took
    order = np.argsort(waits)
    reached = np.cumsum(np.array(sizes)[order]) / sum(sizes)
    p95 = float(np.array(waits)[order][np.searchsorted(reached, 0.95)])
    return Simulated(spent / sum(sizes), p95)


def times_one(workers: int, partitions: int) -> float:
    """Gives how much more so many workers do than one: the one with most partitions is the last."""
    return partitions / math.ceil(partitions / min(workers, partitions))


def workers_for(cost: Cost, rate: float) -> int:
    """Gives the workers of a station that are as busy as planned."""
    return math.ceil(rate * cost.of(BATCH) / BUSY)


def tables(result: Result) -> list[str]:
    """Writes costs, scale and the plans."""
    found = fitted(result)
    return [
        f"Measured by `{result['command']}`, {result['measured'][:10]}. {where(result['machine'])}",
        "",
        *_costs(found),
        "",
        *_scale(found),
        "",
        *_plans(found),
    ]


def _costs(found: Costs) -> list[str]:
    lines = ["| for each post | µs of processor | and a batch, µs | a second without posts, µs |"]
    lines += ["|---|---|---|---|"]
    for name, one in (("classifier", found.classifier), ("indexer", found.indexer)):
        numbers = " | ".join(figure(each * 1e6) for each in (one.record, one.batch, one.idle))
        lines.append(f"| {name} | {numbers} |")
    for name, seconds in (("broker, both topics", found.broker), ("Elasticsearch", found.node)):
        lines.append(f"| {name} | {figure(seconds * 1e6)} | | |")
    return [
        *lines,
        "",
        "| for each post | bytes on the disk, one copy |",
        "|---|---|",
        f"| `posts.collected` | {figure(found.collected_bytes)} |",
        f"| `posts.classified` | {figure(found.classified_bytes)} |",
        f"| index | {figure(found.index_bytes)} |",
    ]


def _scale(found: Costs) -> list[str]:
    one = found.classifier
    most = 1 / one.of(BATCH)
    lines = [
        f"| classifier workers | posts a second at {BUSY:.0%} | cost of a post, one worker is 1 "
        + "".join(f"| times one worker, {count} partitions " for count in PARTITIONS)
        + "| p95 in the station, ms |",
        "|---" * (4 + len(PARTITIONS)) + "|",
    ]
    alone = simulate(one, BUSY * most).cost
    for workers in WORKERS:
        runs = [simulate(one, BUSY * most, seed) for seed in range(min(workers, 4))]
        cost = statistics.mean(each.cost for each in runs) / alone
        p95 = max(each.p95 for each in runs)
        over = "".join(f"| {figure(times_one(workers, count))} " for count in PARTITIONS)
        rate = figure(BUSY * most * workers)
        lines.append(f"| {workers} | {rate} | {cost:.3f} {over}| {figure(p95 * 1e3)} |")
    return lines


def _plans(found: Costs) -> list[str]:
    rows: dict[str, list[str]] = {}

    def row(name: str, value: float) -> None:
        rows.setdefault(name, []).append(f"{math.ceil(value):,}")

    for rate in RATES:
        workers = [workers_for(one, rate) for one in (found.classifier, found.indexer)]
        broker = rate * found.broker * COPIES_IN_KAFKA
        node = rate * found.node * COPIES_IN_INDEX
        topics = (found.collected_bytes + found.classified_bytes) * COPIES_IN_KAFKA
        index = found.index_bytes * COPIES_IN_INDEX
        month = rate * MONTH
        row("classifier workers, a core each", workers[0])
        row("indexer workers, a core each", workers[1])
        row("partitions of each topic", max(6, 2 * max(workers)))
        row("broker cores", broker / BUSY)
        row(
            f"brokers of {SERVER_CORES} cores, three at least", max(3, broker / BUSY / SERVER_CORES)
        )
        row("Elasticsearch cores", node / BUSY)
        row(f"data nodes of {SERVER_CORES} cores, two at least", max(2, node / BUSY / SERVER_CORES))
        row("shards of a month",
            max(month / SHARD_DOCUMENTS, month * found.index_bytes / SHARD_BYTES))  # fmt: skip
        row(f"GB on brokers, {KEPT_ON_TOPICS_DAYS} days",
            rate * DAY * KEPT_ON_TOPICS_DAYS * topics / 1e9)  # fmt: skip
        row(f"GB on data nodes, {KEPT_IN_INDEX_DAYS} days",
            rate * DAY * KEPT_IN_INDEX_DAYS * index / 1e9)  # fmt: skip
        row("all cores", sum(workers) + (broker + node) / BUSY)
    lines = [f"| posts a second | {' | '.join(f'{one:,}' for one in RATES)} |"]
    lines.append("|---" * (len(RATES) + 1) + "|")
    return [*lines, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items())]


def written(page: str, result: Result) -> str:
    """Gives the page with its tables made anew."""
    before, _begin, rest = page.partition(BEGIN)
    return "\n".join([before + BEGIN, "", *tables(result), "", END]) + rest.partition(END)[2]


def main(arguments: list[str]) -> int:
    """Writes the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench capacity",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, default=RAW, help="the raw file of the benches")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page")
    asked = parser.parse_args(arguments)
    if "costs" not in (results := read(asked.out)):
        print(f"no costs in {asked.out}: python -m tests.bench costs --out ...", file=sys.stderr)
        return 1
    page = asked.page.read_text(encoding="utf-8")
    asked.page.write_text(written(page, results["costs"]), encoding="utf-8")
    return 0
