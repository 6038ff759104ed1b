"""The two clients of Kafka, reading and writing, through the classes that the stations use."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from unittest.mock import patch
from uuid import uuid4

from stream.broker import KafkaSource, KafkaWriter, native_producer, python
from stream.broker.options import COMPRESSION
from stream.records import Outgoing
from stream.topics import COLLECTED
from tests.bench import posts
from tests.bench.stations import Rig, rig
from tests.bench.trials import Bench, Goal, Run, Side

POSTS = 30_000
BATCH = 2000
NATIVE, PYTHON = "confluent-kafka", "kafka-python"
OTHER_CODECS = ("gzip", "zstd", "none")


def write(servers: Rig, client: str, records: Sequence[Outgoing], codec: str = COMPRESSION) -> Run:
    """Writes all in batches, each durable before the next begins."""
    settings = servers.settings.model_copy(update={"kafka_client": client})
    with (
        patch.object(python, "COMPRESSION", codec),
        patch.object(native_producer, "COMPRESSION", codec),
        KafkaWriter(settings) as writer,
    ):
        writer.write(COLLECTED, records[:BATCH])  # the first knows no partition yet
        before, wall, cpu = stored(servers), time.perf_counter(), time.process_time()
        for part in posts.parts(records[BATCH:], BATCH):
            writer.write(COLLECTED, part)
        seconds, used = time.perf_counter() - wall, time.process_time() - cpu
    count = len(records) - BATCH
    return Run(count, seconds, used, {"disk_bytes": (stored(servers) - before) / count})


def read(servers: Rig, client: str) -> Run:
    """Reads as many in a group of its own, and commits each batch."""
    settings = servers.settings.model_copy(update={"kafka_client": client})
    with KafkaSource(settings, COLLECTED, f"bench.{uuid4().hex}") as source:
        while not (batch := source.poll()):
            pass  # until the group has given the partitions
        source.commit(batch)
        wall, cpu, done = time.perf_counter(), time.process_time(), 0
        while done < POSTS - BATCH:
            batch = source.poll()
            source.commit(batch)
            done += len(batch)
        return Run(done, time.perf_counter() - wall, time.process_time() - cpu)


def stored(servers: Rig) -> int:
    """Gives the bytes of the topic on the broker's disk."""
    logs = servers.stack.directory.kafka.glob(f"data/{COLLECTED.name}-*/*.log")
    return sum(one.stat().st_size for one in logs)


@contextmanager
def sides() -> Iterator[Mapping[str, Side]]:
    """Makes the records once; the topic grows with each turn that writes."""
    with rig() as servers:
        servers.fill(POSTS)
        records = list(posts.collected(POSTS))
        yield {
            **{f"{one} reads": partial(read, servers, one) for one in (NATIVE, PYTHON)},
            **{f"{one} writes": partial(write, servers, one, records) for one in (NATIVE, PYTHON)},
            **{
                f"{NATIVE} writes, {codec}": partial(write, servers, NATIVE, records, codec)
                for codec in OTHER_CODECS
            },
        }


BENCH = Bench(
    name="kafka",
    title="The two Kafka clients",
    about=f"""\
The stations' own source and writer over each client: batches of {BATCH:,} posts, read and
committed, or written and durable on the broker before the next batch begins. Only the processor
time of the client is counted, its threads included; the broker has the same cores. Both compress
with {COMPRESSION} unless another codec is named; `disk_bytes` is a record's share of the topic.""",
    sides=sides,
    goals=(
        Goal(f"{NATIVE} reads", f"{PYTHON} reads", 1.5, by="cpu"),
        Goal(f"{NATIVE} writes", f"{PYTHON} writes", 5.0, by="cpu"),
    ),
)
