"""What a record and what a batch cost each station: docs/capacity.md is computed from it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from stream import offsets
from stream.topics import CLASSIFIED, COLLECTED
from tests.bench.stations import Rig, rig, wait_until
from tests.bench.trials import Bench, Run, Side

BATCHES = {2000: 40_000, 200: 20_000, 20: 4_000}
"""Most records of a batch, and the posts that it is measured on."""
IDLE_SECONDS = 5.0


def side(station: str, batch: int) -> str:
    """Names the side of a station with batches of one size."""
    return f"{station}, batches of {batch:,}"


def idle(station: str) -> str:
    """Names the side of a station that has nothing to do: its records are seconds."""
    return f"{station}, a second without records"


def classify(servers: Rig, batch: int) -> Run:
    """Classifies the first posts of the topic, a batch at a time."""
    number = BATCHES[batch]
    servers.rewind()
    size = {"EMOSTREAM_BATCH_RECORDS": str(batch)}
    with servers.station("classifier", size) as station:
        before = servers.server_seconds()
        wait_until(lambda: servers.on(CLASSIFIED) >= number, [station])
        seconds, cpu = time.perf_counter() - station.ready_at, station.cpu()
        broker = servers.server_seconds()["broker"] - before["broker"]
        done = servers.on(CLASSIFIED)
    return Run(done, seconds, cpu, {"broker_µs": broker / done * 1e6})


def index(servers: Rig, batch: int) -> Run:
    """Indexes what the classifier's turn has left."""
    number = min(BATCHES[batch], servers.on(CLASSIFIED))
    servers.empty()
    servers.again("indexer", CLASSIFIED)
    size = {"EMOSTREAM_BATCH_RECORDS": str(batch), "EMOSTREAM_BULK_ACTIONS": str(batch)}
    with servers.station("indexer", size) as station:
        before = servers.server_seconds()
        done, now = servers.until_found(number, station)
        cpu, used = station.cpu(), servers.server_seconds()
    more = {
        "broker_µs": (used["broker"] - before["broker"]) / done * 1e6,
        "node_µs": (used["node"] - before["node"]) / done * 1e6,
        "index_bytes": servers.index_bytes() / done,
        "collected_bytes": topic_bytes(servers, COLLECTED.name) / servers.on(COLLECTED),
        "classified_bytes": topic_bytes(servers, CLASSIFIED.name)
        / sum(one.end for one in offsets.reach(servers.settings, CLASSIFIED, "bench").values()),
    }
    return Run(done, now - station.ready_at, cpu, more)


def rest(servers: Rig, station: str) -> Run:
    """Lets a station poll topics on which nothing comes."""
    with servers.station(station) as running:
        time.sleep(IDLE_SECONDS)  # it joins its group and reads what is left
        before, began = running.cpu(), time.perf_counter()
        time.sleep(IDLE_SECONDS)
        seconds = time.perf_counter() - began
        return Run(1, seconds / seconds, (running.cpu() - before) / seconds)


def topic_bytes(servers: Rig, topic: str) -> int:
    """Gives what a topic has on the disk."""
    logs = Path(servers.stack.directory.kafka).glob(f"**/{topic}-[0-9]*/*.log")
    return sum(file.stat().st_size for file in logs)


@contextmanager
def sides() -> Iterator[Mapping[str, Side]]:
    """Fills the topic once; the indexer reads what the classifier has just written."""
    with rig() as servers:
        servers.fill(max(BATCHES.values()))
        classify(servers, max(BATCHES))
        index(servers, max(BATCHES))
        made: dict[str, Side] = {}
        for batch in sorted(BATCHES):
            made[side("classifier", batch)] = partial(classify, servers, batch)
        for batch in sorted(BATCHES):
            made[side("indexer", batch)] = partial(index, servers, batch)
        for station in ("classifier", "indexer"):
            made[idle(station)] = partial(rest, servers, station)
        yield made


BENCH = Bench(
    name="costs",
    title="What a record and a batch cost",
    about="""\
Each station alone over a full topic, with batches (and bulk requests) of three sizes, and with
nothing to do. From these [capacity](capacity.md) fits what a record and what a batch cost. Broker
and node are what the servers used for each record meanwhile; bytes are a record's on their disks,
of the node's before its segments are merged.""",
    sides=sides,
    peers=False,
)
