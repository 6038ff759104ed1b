"""The same documents into a real node: our sink, elasticsearch-py, Go, and bytes that are ready."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson
from elasticsearch import Elasticsearch, helpers
from elasticsearch.serializer import OrjsonSerializer

from indexer import templates
from indexer.documents import Document, document
from stack import running
from stream.codec import read_classified
from stream.elastic import connect
from stream.records import Item, decoded
from stream.settings import Settings
from tests.bench import documents
from tests.bench.child import child
from tests.bench.client import action, posts_of, sink
from tests.bench.documents import BATCH
from tests.bench.line import send
from tests.bench.trials import Bench, Goal, Run, Side
from tests.indexer.conftest import empty

DOCUMENTS = 20_000
GO = Path(__file__).parent / "go"

OURS, STREAMING, PARALLEL = "emostream", "streaming_bulk", "parallel_bulk, orjson"
IN_GO, CEILING = "Go esutil.BulkIndexer", "raw bulk of ready bytes"


@dataclass(frozen=True)
class Rig:
    """A node, and the same documents as each side takes them."""

    node: Elasticsearch
    settings: Settings
    items: Sequence[Item[object]]
    made: Sequence[Document]

    def turn(self, write: Callable[[], float | None]) -> Run:
        """Begins with an empty index, and ends when all can be found.

        Args:
            write: writes all; gives its processor time where it is not of this process.
        """
        empty(self.node)
        templates.set_up(self.node)
        self.node.indices.create(index=self.made[0].index)
        began, cpu = time.perf_counter(), time.process_time()
        elsewhere = write()
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        self.node.indices.refresh(index=self.made[0].index)
        there = self.node.count(index=self.made[0].index)["count"]
        assert there == len(self.made), f"{there} of {len(self.made)} documents are there"
        return Run(there, seconds, cpu if elsewhere is None else elsewhere)

    def ours(self) -> None:
        """Writes decoded records as the station does, with all its questions and accounts."""
        with connect(self.settings) as client:
            to = sink(client, self.settings)
            for start in range(0, len(self.items), BATCH):
                assert not to.write(self.items[start : start + BATCH])  # type: ignore[arg-type]

    def streaming(self) -> None:
        """Uses elasticsearch-py's helper with its defaults."""
        with Elasticsearch(self.settings.elasticsearch) as client:
            for ok, _item in helpers.streaming_bulk(client, map(action, self.made)):
                assert ok

    def parallel(self) -> None:
        """Uses the helper with threads, with orjson."""
        serializer = OrjsonSerializer()
        with Elasticsearch(self.settings.elasticsearch, serializer=serializer) as client:
            for ok, _item in helpers.parallel_bulk(client, map(action, self.made)):
                assert ok

    def raw(self, bodies: Sequence[bytes]) -> None:
        """Sends ready requests over one connection."""
        send(self.settings.elasticsearch, iter(bodies))


@contextmanager
def sides() -> Iterator[Mapping[str, Side]]:
    """Starts a node and builds Go's program; every side's turn begins with an empty index."""
    accepted, _rejected = decoded(documents.received(DOCUMENTS), read_classified)
    now = datetime.now(UTC)
    made = [document(one, now) for one in posts_of(accepted)]
    lines = [one.bulk_action() for one in made]
    bodies = [b"".join(lines[start : start + BATCH]) for start in range(0, len(lines), BATCH)]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        program, file = build(folder), prepared(folder, made)
        servers = stack.enter_context(running(folder / "stack", java_options=()))
        settings = Settings(elasticsearch=servers.elasticsearch)
        node = stack.enter_context(connect(settings))
        rig = Rig(node, settings, accepted, made)
        go = stack.enter_context(child(program, servers.elasticsearch, file))
        for _warm in range(3):
            rig.turn(lambda: rig.raw(bodies))
        yield {
            OURS: lambda: rig.turn(rig.ours),
            STREAMING: lambda: rig.turn(rig.streaming),
            PARALLEL: lambda: rig.turn(rig.parallel),
            IN_GO: lambda: rig.turn(lambda: float(go()["cpu"])),
            CEILING: lambda: rig.turn(lambda: rig.raw(bodies)),
        }


def build(folder: Path) -> str:
    """Builds the program of tests/bench/go.

    Raises:
        SystemExit: there is no Go.
    """
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/local/go/bin"))
    program = str(folder / "bulk")
    try:
        subprocess.run(
            ["go", "build", "-o", program, "."],
            cwd=GO,
            env={**os.environ, "PATH": path},
            check=True,
        )
    except FileNotFoundError:
        raise SystemExit("this bench needs Go, for a peer of it: https://go.dev/dl") from None
    return program


def prepared(folder: Path, made: Sequence[Document]) -> str:
    """Writes the documents for Go's program."""
    file = folder / "documents.ndjson"
    with file.open("wb") as stream:
        for one in made:
            head = {"_index": one.index, "_id": one.id, "version": one.version}
            stream.write(orjson.dumps(head) + b"\n" + one.body + b"\n")
    return str(file)


BENCH = Bench(
    name="index",
    title="Into Elasticsearch",
    about=f"""\
{DOCUMENTS:,} documents of classified sample posts, 2.4 kB each, into one node that shares the
machine; each turn begins with an empty index and ends when all have been taken. Ours starts from
decoded records and makes the documents, asks for deleted posts and authors, and accounts for each;
elasticsearch-py starts from ready dictionaries, the others from ready bytes.""",
    sides=sides,
    goals=(Goal(OURS, STREAMING, 2), Goal(OURS, PARALLEL, 1.2), Goal(OURS, IN_GO, 0.9)),
)
