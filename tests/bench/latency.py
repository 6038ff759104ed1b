"""From when a post is handed to Kafka until a search finds it, at half of the most there is."""

from __future__ import annotations

import json
import math
import statistics
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count, islice

from elasticsearch import Elasticsearch

from stream.broker import KafkaWriter
from stream.records import Outgoing
from stream.topics import COLLECTED
from tests.bench import posts
from tests.bench.machine import ROOT
from tests.bench.stations import PATIENCE, Process, Rig, rig
from tests.bench.trials import Bench, Limit, Run, Side

POSTS = 40_000
"""That the most there is is measured with."""
SECONDS = 10.0
TICK = 0.02
LOOK = 0.05
SIDE = "emostream, half load"
SETTINGS = ROOT / "indexer" / "index_templates" / "emotions-v1@settings.json"


@dataclass
class Watch:
    """Looks for some of the posts until a search has found each.

    Attributes:
        sent: when each of those was sent that have not been found.
        took: the seconds of those that have.
    """

    node: Elasticsearch
    sent: dict[str, float] = field(default_factory=dict)
    took: list[float] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Looks every 50 ms, until all are found that were sent before the end."""
        deadline = time.monotonic() + PATIENCE
        while self.sent or not self.ended.is_set():
            assert time.monotonic() < deadline, f"{len(self.sent)} posts were never found"
            time.sleep(LOOK)
            if wanted := list(self.sent)[:1000]:
                found = self.node.search(
                    index="emotions-v1-*",
                    query={"ids": {"values": wanted}},
                    source=False,
                    size=len(wanted),
                    ignore_unavailable=True,
                )
                now = time.perf_counter()
                self.took += [now - self.sent.pop(hit["_id"]) for hit in found["hits"]["hits"]]


def turn(servers: Rig, stations: list[Process], rate: float, run: str) -> Run:
    """Sends at an even rate, and looks for one post of each write."""
    watch = Watch(servers.node)
    before = sum(one.cpu() for one in stations)
    records = posts.collected(int(rate * SECONDS), run)
    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(watch.run)
        try:
            seconds = send(servers, records, rate, watch)
        finally:
            watch.ended.set()
        looking.result()
    p50, p95, p99 = (statistics.quantiles(watch.took, n=100)[n - 1] * 1e3 for n in (50, 95, 99))
    cpu = sum(one.cpu() for one in stations) - before
    return Run(int(rate * SECONDS), seconds, cpu, {"p50_ms": p50, "p95_ms": p95, "p99_ms": p99})


def send(servers: Rig, records: Iterator[Outgoing], rate: float, watch: Watch) -> float:
    """Sends what is due, tick by tick, to the end of the records; gives the seconds."""
    began, sent = time.perf_counter(), 0
    with KafkaWriter(servers.settings) as writer:
        while True:
            time.sleep(TICK - (time.perf_counter() - began) % TICK)
            due = math.ceil(rate * (time.perf_counter() - began)) - sent
            part = list(islice(records, due))
            if not part:
                return time.perf_counter() - began
            watch.sent[str(part[-1].key)] = time.perf_counter()
            assert writer.write(COLLECTED, part) == []
            sent += len(part)


def refresh_ms() -> float:
    """Gives the refresh interval of our index template."""
    said = json.loads(SETTINGS.read_text(encoding="utf-8"))
    interval: str = said["template"]["settings"]["index"]["refresh_interval"]
    assert interval.endswith("s")
    return float(interval.removesuffix("s")) * 1000


@contextmanager
def sides() -> Iterator[Mapping[str, Side]]:
    """Measures the most there is, and keeps the stations running."""
    with rig() as servers:
        servers.fill(POSTS, "full")
        with servers.station("indexer") as indexer, servers.station("classifier") as classifier:
            stations = [classifier, indexer]
            done, now = servers.until_found(POSTS, *stations)
            rate = done / (now - classifier.ready_at) / 2
            numbers = count()
            yield {SIDE: lambda: turn(servers, stations, rate, f"{next(numbers)}.")}


BENCH = Bench(
    name="latency",
    title="From collected to searchable",
    about=f"""\
First {POSTS:,} waiting posts give the most that the line does on these two cores, servers and
stations together; then posts are sent at half of that for {SECONDS:.0f} s a round, by this process
on the same cores. For one post of each write a search is asked every {LOOK * 1000:.0f} ms until it
finds it; the index refreshes every {refresh_ms():,.0f} ms, and p95 may be a second more.""",
    sides=sides,
    limits=(Limit(SIDE, "p95_ms", refresh_ms() + 1000),),
)
