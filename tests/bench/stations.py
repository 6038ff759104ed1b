"""Real servers on two cores, topics with posts, and stations as a user runs them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from elasticsearch import Elasticsearch
from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import CommitFailedError, UnknownMemberIdError

from indexer import templates
from stack import Stack, running
from stream import offsets
from stream.broker import KafkaWriter, connection, create_topics
from stream.errors import UserError
from stream.records import Outgoing
from stream.settings import Settings
from stream.topics import CLASSIFIED, COLLECTED, Topic
from tests.bench import posts
from tests.bench.machine import ROOT, processor_seconds
from tests.indexer.conftest import empty
from tests.line import skip

CORES = 2
PATIENCE = 240.0
LOOK_SECONDS = 0.05
PART = 2000
SERVERS = {"broker": "kafka", "node": "elasticsearch"}


class Process:
    """A program that runs, with its log and what it has used since it was ready.

    Attributes:
        ready_at: when it was.
        starting: the processor seconds until then.
    """

    def __init__(self, name: str, popen: subprocess.Popen[bytes], log: Path) -> None:
        self.name, self.id, self._popen, self._log = name, popen.pid, popen, log
        self.ready_at = self.starting = self._before = 0.0

    def wait(self, sign: str) -> None:
        """Waits until its log says that it is ready; counts from then on."""
        while sign not in self._log.read_text(encoding="utf-8", errors="replace"):
            self.alive()
            time.sleep(0.005)
        self.ready_at = time.perf_counter()
        self.starting = self._before = processor_seconds(self.id)

    def alive(self) -> None:
        """Raises RuntimeError, with its last words, where it has ended."""
        if self._popen.poll() is not None:
            said = self._log.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise RuntimeError(f"{self.name} ended with {self._popen.returncode}: {said}")

    def cpu(self) -> float:
        """Gives the processor seconds since it was ready."""
        return processor_seconds(self.id) - self._before

    def hold(self) -> None:
        """Makes it stand still where it is."""
        self._popen.send_signal(signal.SIGSTOP)

    def count(self) -> None:
        """Counts from here, as if it were ready only now."""
        self.ready_at, self._before = time.perf_counter(), processor_seconds(self.id)

    def go(self) -> None:
        """Lets it go on, and counts from here."""
        self.count()
        self._popen.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Asks it to end, and waits."""
        self._popen.terminate()
        try:
            self._popen.wait(15)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()


@dataclass(frozen=True)
class Rig:
    """The servers of a bench, and how to begin anew on them.

    Attributes:
        folder: for what the bench leaves until it ends.
        tree: the checkout whose stations run.
    """

    stack: Stack
    node: Elasticsearch
    folder: Path
    tree: Path = ROOT

    @property
    def settings(self) -> Settings:
        """The servers' addresses, and everything else as it is for a user who sets nothing."""
        return Settings(kafka=self.stack.kafka, elasticsearch=self.stack.elasticsearch)

    @contextmanager
    def process(
        self,
        name: str,
        command: Iterable[str],
        sign: str,
        variables: Mapping[str, str] | None = None,
        python: str = sys.executable,
    ) -> Iterator[Process]:
        """Runs a program until the block ends; the block begins when its log has the sign."""
        log = self.folder / f"{name.replace(' ', '-')}.log"
        with log.open("wb") as file:
            popen = subprocess.Popen(
                [python, *command],
                cwd=self.tree,
                env={**self._environment(), **(variables or {})},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )
        process = Process(name, popen, log)
        try:
            process.wait(sign)
            yield process
        finally:
            process.stop()

    @contextmanager
    def station(self, name: str, variables: Mapping[str, str] | None = None) -> Iterator[Process]:
        """Runs one of our two stations; it is ready when it says that it does its work."""
        signs = {"classifier": "classifying posts.", "indexer": "indexing posts."}
        command, _space, _number = name.partition(" ")
        with self.process(name, ("-m", command, "run"), signs[command], variables) as process:
            yield process

    @contextmanager
    def workers(
        self, station: str, number: int, variables: Mapping[str, str] | None = None
    ) -> Iterator[list[Process]]:
        """Runs so many workers of a station, which begin together when the block does."""
        with ExitStack() as stack:
            running = []
            for one in range(number):
                name = f"{station} {one + 1}"
                running.append(stack.enter_context(self.station(name, variables)))
                running[-1].hold()
            for process in running:
                process.go()
            yield running

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return kept | {
            "PYTHONPATH": str(self.tree),
            "PYTHONUNBUFFERED": "1",
            "EMOSTREAM_KAFKA": self.stack.kafka,
            "EMOSTREAM_ELASTICSEARCH": self.stack.elasticsearch,
            "EMOSTREAM_STATE_DIR": str(self.folder / "state"),
        }

    def fill(self, number: int, run: str = "") -> None:
        """Puts so many posts on `posts.collected`."""
        with KafkaWriter(self.settings) as writer:
            for part in posts.parts(posts.collected(number, run), PART):
                assert writer.write(COLLECTED, part) == []

    def put(self, records: list[Outgoing]) -> None:
        """Puts records on `posts.collected`."""
        with KafkaWriter(self.settings) as writer:
            assert writer.write(COLLECTED, records) == []

    def rewind(self) -> None:
        """Makes the classifier read all again; of the indexer's topic nothing is left."""
        self.again("classifier", COLLECTED)
        self.clear(CLASSIFIED)
        self._patiently(lambda: skip(self.settings, CLASSIFIED.name, "indexer"))

    def again(self, station: str, topic: Topic) -> None:
        """Makes a station read all of its topic again."""
        self._patiently(lambda: offsets.rewind(self.settings, topic, station))

    def clear(self, topic: Topic) -> None:
        """Takes every record off a topic."""
        self._delete(topic, {one.partition: one.end for one in self._reach(topic)})

    def clear_done(self, topic: Topic, station: str) -> None:
        """Takes off a topic what a station has committed."""
        self._delete(topic, {one.partition: one.done for one in self._reach(topic, station)})

    def _delete(self, topic: Topic, before: Mapping[int, int]) -> None:
        admin = KafkaAdminClient(**connection(self.settings))
        try:
            admin.delete_records({TopicPartition(topic.name, n): at for n, at in before.items()})
        finally:
            admin.close()

    def _reach(self, topic: Topic, group: str = "bench") -> Iterable[offsets.Reach]:
        return offsets.reach(self.settings, topic, group).values()

    def done(self, topic: Topic, station: str) -> int:
        """Gives how many records of a topic a station has committed, those that are gone too."""
        return sum(one.committed or 0 for one in self._reach(topic, station))

    def on(self, topic: Topic) -> int:
        """Gives how many records a topic holds."""
        return sum(one.end - one.begin for one in self._reach(topic))

    def empty(self) -> None:
        """Makes the index anew."""
        empty(self.node)
        templates.set_up(self.node)

    def indexed(self) -> int:
        """Gives how many times a document was written; asks for no refresh."""
        path = "_all.primaries.indexing.index_total"
        stats = self.node.indices.stats(
            index="emotions-v1-*", metric="indexing", filter_path=path
        ).body
        found: int = (
            stats.get("_all", {}).get("primaries", {}).get("indexing", {}).get("index_total", 0)
        )
        return found

    def searchable(self) -> int:
        """Gives how many documents a search finds after a refresh."""
        self.node.indices.refresh(index="emotions-v1-*")
        return int(self.node.count(index="emotions-v1-*")["count"])

    def index_bytes(self) -> int:
        """Gives what the posts' indices have on the disk."""
        path = "_all.primaries.store.size_in_bytes"
        self.node.indices.flush(index="emotions-v1-*")
        stats = self.node.indices.stats(index="emotions-v1-*", metric="store", filter_path=path)
        return int(stats["_all"]["primaries"]["store"]["size_in_bytes"])

    def until_found(self, number: int, *processes: Process) -> tuple[int, float]:
        """Waits until so many documents can be found; gives how many there are, and the moment."""
        wait_until(lambda: self.indexed() >= number, processes)
        wait_until(lambda: self.searchable() >= number, processes)
        return self.searchable(), time.perf_counter()

    def server_seconds(self) -> dict[str, float]:
        """Gives what broker and node have used so far."""
        return {one: processor_seconds(self.stack.pid(name)) for one, name in SERVERS.items()}

    def _patiently(self, call: Callable[[], object]) -> None:
        """Repeats what members of the group that have not left yet forbid."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                call()
            except (CommitFailedError, UnknownMemberIdError, UserError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return


def wait_until(reached: Callable[[], bool], processes: Iterable[Process]) -> None:
    """Waits for what must come, while the processes live."""
    deadline = time.monotonic() + PATIENCE
    while not reached():
        for one in processes:
            one.alive()
        if time.monotonic() > deadline:
            raise RuntimeError(f"it took longer than {PATIENCE:.0f} s")
        time.sleep(LOOK_SECONDS)


@contextmanager
def rig(cores: int = CORES, tree: Path = ROOT) -> Iterator[Rig]:
    """Starts servers with empty data; they and all that is started beside them get the cores."""
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(everywhere)[:cores])  # children inherit it
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            running(Path(folder) / "stack", java_options=()) as stack,
            Elasticsearch(stack.elasticsearch, request_timeout=60) as node,
        ):
            made = Rig(stack, node, Path(folder), tree)
            create_topics(made.settings)
            made.empty()
            yield made
    finally:
        os.sched_setaffinity(0, everywhere)
