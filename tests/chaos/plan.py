"""What befalls the line while it works, made from a seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Literal

from stream.crash import POINTS

Deed = Literal["kill", "crash", "freeze", "thaw", "join", "leave", "kafka", "elasticsearch"]

STATIONS = ("classifier", "indexer")
WORKERS = 2
THIRD = WORKERS + 1
LOAD_SECONDS = 1.5
POSTS, RATE = 150, 250
CLIENTS = ("confluent-kafka", "kafka-python")
SERVERS_EVERY = 20
"""Of so many seeds in one Kafka is killed too, in one Elasticsearch: that takes its time."""


@dataclass(frozen=True)
class Step:
    """One deed, so many seconds after the inputs began to come."""

    at: float
    deed: Deed
    whom: str = ""
    where: str | None = None
    """The crash point, and the pass at which it kills."""

    def __str__(self) -> str:
        return " ".join(filter(None, (f"{self.at:.1f} s", self.deed, self.whom, self.where)))


@dataclass(frozen=True)
class Plan:
    """How the inputs come, and what happens meanwhile."""

    crawl: str
    client: str
    """With which workers are started; those that have outlived the seed before have the other."""
    live: bool
    """By a crawl with a cursor and an archive, not by a replay."""
    ingest_dies_at: str | None
    steps: tuple[Step, ...]


def plan(seed: int) -> Plan:
    """Makes the plan of a seed, always the same one."""
    random = Random(f"chaos {seed}")
    steps = [step for _ in range(random.randint(3, 6)) for step in _deed(random)]
    if seed % SERVERS_EVERY in (4, 14):
        server: Deed = "kafka" if seed % SERVERS_EVERY == 4 else "elasticsearch"
        steps.append(Step(random.uniform(0.3, LOAD_SECONDS), server))
    dies = random.random() < 0.6
    return Plan(
        f"seed-{seed}",
        CLIENTS[seed % 2],
        live=random.random() < 0.5,
        ingest_dies_at=_point(random, ("ingest", "kafka")) if dies else None,
        steps=tuple(sorted(steps, key=lambda one: one.at)),
    )


def _deed(random: Random) -> Iterator[Step]:
    station, at = random.choice(STATIONS), random.uniform(0, LOAD_SECONDS)
    worker = f"{station}-{random.randint(1, WORKERS)}"
    deed: Deed = random.choices(("crash", "kill", "freeze", "join"), weights=(6, 2, 2, 1))[0]
    if deed == "join":
        yield Step(at, "join", f"{station}-{THIRD}")
        yield Step(at + random.uniform(0.3, LOAD_SECONDS), "leave", f"{station}-{THIRD}")
    elif deed == "crash":
        yield Step(at, "crash", worker, _point(random, points_of(station)))
    else:
        yield Step(at, deed, worker)


def points_of(station: str) -> tuple[str, ...]:
    """Gives what the crash points of a station's process begin with."""
    if station == "indexer":
        return ("indexer", "indexer-letters", "bulk", "kafka")
    return (station, "kafka")


def _point(random: Random, prefixes: tuple[str, ...]) -> str:
    points = [point for point in POINTS if point.partition(".")[0] in prefixes]
    return f"{random.choice(points)}:{random.choice((1, 1, 1, 2, 4))}"
