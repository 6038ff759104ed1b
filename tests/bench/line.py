"""The whole line, Kafka to Kafka to Elasticsearch, on two cores with both servers."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from urllib.parse import urlsplit

import orjson

from indexer.documents import document
from stream.codec import read_classified
from stream.records import decoded
from stream.topics import CLASSIFIED
from tests.bench import client, documents, posts, venv
from tests.bench.stations import Process, Rig, rig, wait_until
from tests.bench.trials import Bench, Goal, Run, Side

POSTS = 60_000
OF_THE_OBVIOUS, OF_QUIX = 1_200, 8_000
"""So many the slower sides do, out of the same topic."""
CEILING_CONNECTIONS = 2

OURS, OLD_CLIENT = "emostream", "emostream, kafka-python"
OBVIOUS, QUIX, CEILING = "obvious loop", "Quix Streams", "raw bulk alone"


@dataclass
class Line:
    """Servers, a full topic, and the sides."""

    rig: Rig
    bodies: Sequence[bytes] = ()
    turns: Iterator[int] = field(default_factory=count)

    def ours(self, **variables: str) -> Run:
        """Runs our two stations with their defaults until everything can be found."""
        self.rig.rewind()
        self.rig.empty()
        with (
            self.rig.station("indexer", variables) as indexer,
            self.rig.station("classifier", variables) as classifier,
        ):
            return self._until(POSTS, classifier, indexer)

    def peer(self, program: str, number: int, python: Sequence[str] = ()) -> Run:
        """Runs a peer's two programs until so many posts, which is all they do, can be found.

        They are timed from their first document on, so that joining a group, filling a first batch
        and whatever else only the start costs weighs nothing, however few posts they do.
        """
        self.rig.clear(CLASSIFIED)
        self.rig.empty()
        self.rig.node.indices.create(index=index())
        group = f"{program}-{next(self.turns)}"
        given = {"PEER_POSTS": str(number), "PEER_INDEX": index()}
        with ExitStack() as stack:
            running = [
                stack.enter_context(
                    self.rig.process(
                        f"{program}-{step}",
                        ("-m", f"tests.bench.programs.{program}", step),
                        "ready",
                        given | {"PEER_GROUP": f"{group}-{step}"},
                        *python,
                    )
                )
                for step in ("index", "classify")
            ]
            wait_until(lambda: self.rig.indexed() > 0, running)
            for one in running:
                one.count()
            return self._until(number, running[1], running[0], self.rig.indexed())

    def ceiling(self) -> Run:
        """Sends the same documents, ready made, with nothing else running."""
        self.rig.empty()
        left = iter(self.bodies)
        before, began, cpu = self.rig.server_seconds(), time.perf_counter(), time.process_time()
        senders = [
            threading.Thread(target=send, args=(self.rig.stack.elasticsearch, left))
            for _one in range(CEILING_CONNECTIONS)
        ]
        for one in senders:
            one.start()
        for one in senders:
            one.join()
        seconds = self.rig.until_found(POSTS)[1] - began
        cpu = time.process_time() - cpu
        node = self.rig.server_seconds()["node"] - before["node"]
        return Run(POSTS, seconds, cpu, {"node_cpu_µs": node / POSTS * 1e6})

    def _until(self, number: int, classifier: Process, indexer: Process, first: int = 0) -> Run:
        """Counts from when the classifier is ready, until all are found; not those found before."""
        before = self.rig.server_seconds()
        found, now = self.rig.until_found(number, classifier, indexer)
        done = found - first
        used = {name: one - before[name] for name, one in self.rig.server_seconds().items()}
        used = {"classifier": classifier.cpu(), "indexer": indexer.cpu()} | used
        cpu = used["classifier"] + used["indexer"]
        more = {f"{name}_cpu_µs": seconds / done * 1e6 for name, seconds in used.items()}
        return Run(done, now - classifier.ready_at, cpu, more)


def index() -> str:
    """Names the index of the sample posts, which are all of one month."""
    (month,) = {one["created_at"][:7] for one in posts.samples()}
    return f"emotions-v1-{month.replace('-', '.')}"


def bulk_bodies() -> list[bytes]:
    """Gives the documents of all posts as bulk requests, labelled here and ready to be sent."""
    now = datetime.now(UTC)
    return [
        b"".join(document(one, now).bulk_action() for one in client.posts_of(accepted))
        for batch in documents.batches(documents.received(POSTS))
        for accepted, _rejected in [decoded(batch, read_classified)]
    ]


def send(address: str, bodies: Iterator[bytes]) -> None:
    """Sends bulk requests over one connection, as they come."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    for body in bodies:
        path = "/_bulk?filter_path=errors"
        connection.request("POST", path, body, {"Content-Type": "application/x-ndjson"})
        answer = connection.getresponse().read()
        assert orjson.loads(answer) == {"errors": False}, answer[:500]
    connection.close()


@contextmanager
def sides() -> Iterator[Mapping[str, Side]]:
    """Fills the topic once; each turn begins with an empty index and reads it from the start."""
    quix = venv.python()
    with rig() as servers:
        line = Line(servers, bulk_bodies())
        servers.fill(POSTS)
        line.ceiling()  # warms the node up
        yield {
            OURS: line.ours,
            OLD_CLIENT: lambda: line.ours(EMOSTREAM_KAFKA_CLIENT="kafka-python"),
            OBVIOUS: lambda: line.peer("obvious", OF_THE_OBVIOUS),
            QUIX: lambda: line.peer("quix", OF_QUIX, (quix,)),
            CEILING: line.ceiling,
        }


BENCH = Bench(
    name="line",
    title="The whole line",
    about=f"""\
{POSTS:,} posts wait on `posts.collected`; the clock runs from when the first station is ready to
read until all of them can be found in the index. Servers and stations share two cores; beside
ours run two obvious loops (kafka-python, one text and one `es.index` at a time), the same model in
two applications of Quix Streams with its Elasticsearch sink, and bulk requests of the same
documents made before, with nothing else running. The loops and Quix Streams, which commits every
second, do {OF_THE_OBVIOUS:,} and {OF_QUIX:,} posts, timed from their first document on: of ours,
joining the groups is in the time. Processor time is that of the two stations.""",
    sides=sides,
    goals=(Goal(OURS, OBVIOUS, 60), Goal(OURS, QUIX, 3), Goal(OURS, CEILING, 0.75)),
)
