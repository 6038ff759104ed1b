"""One program under one fault: what it is given, what is done to it, what must be there after."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from elasticsearch import Elasticsearch
from kafka import KafkaProducer
from kafka.errors import CommitFailedError

from indexer import queries, templates
from stack import Stack
from stream import offsets
from stream.broker import create_topics, read_to_end
from stream.codec import decode_dead_letter, encode
from stream.errors import UserError
from stream.posts import Origin
from stream.records import Outgoing
from stream.settings import Settings
from stream.topics import CLASSIFIED, DEAD_LETTER
from tests.faults.proxy import Proxy
from tests.indexer.conftest import empty
from tests.indexer.records import classified, deletion
from tests.line import skip, wait_until
from tests.peers.programs.common import MAPPING

ROOT = Path(__file__).parents[2]
STARTS_WITHIN = 30.0
SETTLES_WITHIN = 60.0
RESTART_SECONDS = 1.0
MOST_DEATHS = 4
"""So often a program may end by itself with nothing wrong around it; then it never gets on."""


@dataclass(frozen=True)
class Peer:
    """A program that takes posts from Kafka to Elasticsearch."""

    name: str
    command: tuple[str, ...]
    python: str = sys.executable
    ours: bool = False


OURS = Peer("emostream", ("-m", "indexer", "run"), ours=True)
HELPERS = tuple(
    Peer(f"elasticsearch-py {one}", ("-m", "tests.peers.programs.helpers", one))
    for one in ("streaming_bulk", "parallel_bulk")
)


def quix(python: str) -> Peer:
    """Gives Quix Streams, from the environment that it is installed in."""
    return Peer("Quix Streams", ("-m", "tests.peers.programs.quix"), python)


class Wrong(Exception):
    """The program did not do what is right; says what it did."""


@dataclass
class Trial:
    """The servers, the program, and what must be true in the end.

    Attributes:
        texts: the text of each post that must be in the index, by id; no other may be.
        dead: keys that must be reported and not indexed.
        either: keys that may be one or the other.
    """

    peer: Peer
    stack: Stack
    node: Elasticsearch
    proxy: Proxy
    folder: Path
    shards: int = 1
    texts: dict[str, str] = field(default_factory=dict)
    dead: set[str] = field(default_factory=set)
    either: set[str] = field(default_factory=set)
    restarts: int = 0
    crawl: str = field(default_factory=lambda: uuid4().hex)
    process: "subprocess.Popen[bytes] | None" = None
    _calm_deaths: int = 0
    _calm: bool = False

    @property
    def settings(self) -> Settings:
        """The settings of this side, which sees the servers without the proxy."""
        return Settings(kafka=self.stack.kafka, elasticsearch=self.stack.elasticsearch)

    @property
    def group(self) -> str:
        """The program's consumer group."""
        return "indexer" if self.peer.ours else f"peer-{self.crawl}"

    @property
    def index(self) -> str:
        """The index of a peer's program."""
        return f"peer-{self.crawl}"

    @property
    def _letters(self) -> Path:
        return self.folder / f"{self.crawl}.letters"

    def prepare(self) -> None:
        """Leaves nothing of earlier trials, neither on the topic for this group nor in the node."""
        create_topics(self.settings, [CLASSIFIED, DEAD_LETTER])
        wait_until(self._has_skipped, "nobody of an earlier trial in the group")
        empty(self.node)
        templates.set_up(self.node)
        if not self.peer.ours:
            shape = {"number_of_shards": self.shards, "number_of_replicas": 0, "gc_deletes": "1s"}
            self.node.indices.create(index=self.index, settings=shape, mappings=MAPPING)

    def key(self, name: object) -> str:
        """Gives the id of a post of this trial."""
        return f"x:{self._native(name)}"

    def post(self, name: object, text: str = "such joy", **changes: Any) -> Outgoing:
        """Makes a classified post."""
        origin = Origin(crawl=self.crawl)
        one = classified(self._native(name), origin=origin, text=text, **changes)
        return Outgoing(one.key, encode(one), self.crawl)

    def posts(self, names: Iterable[object], text: str = "such joy") -> list[Outgoing]:
        """Makes posts that must be indexed."""
        made = [self.post(name, text) for name in names]
        self.texts |= dict.fromkeys((str(one.key) for one in made), text)
        return made

    def deletion(self, name: object) -> Outgoing:
        """Makes the record that a post is gone."""
        one = deletion(self._native(name), origin=Origin(crawl=self.crawl))
        return Outgoing(one.key, encode(one), self.crawl)

    def send(self, records: Iterable[Outgoing]) -> None:
        """Puts records on the topic and waits until they are there, whatever their bytes."""
        producer = KafkaProducer(bootstrap_servers=self.stack.kafka)
        crawl = [("crawl", self.crawl.encode())]
        sent = [
            producer.send(CLASSIFIED.name, one.value, str(one.key).encode(), headers=crawl)
            for one in records
        ]
        for one in sent:
            one.get(timeout=30)
        producer.close()

    def start(self) -> None:
        """Starts the program."""
        log = (self.folder / f"{self.crawl}.log").open("ab")
        with log:
            self.process = subprocess.Popen(
                [self.peer.python, *self.peer.command],
                cwd=ROOT,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        """Ends the program as kill -9 does."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def watch(self) -> None:
        """Starts the program again if it has ended, as whoever supervises it would.

        Raises:
            Wrong: it ends again and again.
        """
        if self.process is None or self.process.poll() is None:
            return
        self._calm_deaths += self._calm
        if self._calm_deaths > MOST_DEATHS:
            raise Wrong(f"ends at every start: {self.last_words()}")
        self.restarts += 1
        time.sleep(RESTART_SECONDS)
        self.start()

    def wait(self, reached: Callable[[], bool], seconds: float = STARTS_WITHIN) -> bool:
        """Watches until something is so; says whether it got so."""
        deadline = time.monotonic() + seconds
        while not reached():
            self.watch()
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True

    def last_words(self) -> str:
        """Gives the last error in the program's log, in few words and without its data."""
        log = (self.folder / f"{self.crawl}.log").read_text(encoding="utf-8", errors="replace")
        said = [line for line in log.splitlines() if line.strip() and not line.startswith(" ")]
        named = [line for line in said if "Error" in line.split("(")[0].split(":")[0]]
        return " ".join((named or said or ["nothing"])[-1].split())[:100]

    def judge(self) -> None:
        """Waits until the program has come to rest, and looks.

        Raises:
            Wrong: something is not as it must be.
        """
        self._calm = True
        committed = self.wait(self._is_committed, SETTLES_WITHIN)
        found, told = self._documents(), self._reported()
        if not committed and not self._wrong(found, told):
            return  # all is as it must be; to move its offsets on it waits for something more
        if wrong := self._wrong(found, told):
            raise Wrong("; ".join(wrong) + ("" if committed else ", and it does not get on"))

    def indexed(self, name: object) -> bool:
        """Whether a post is in the index."""
        return self.key(name) in self._documents()

    def any_indexed(self) -> bool:
        """Whether anything is."""
        return bool(self._documents())

    def _wrong(self, found: dict[str, str], told: set[str]) -> list[str]:
        open_ends = self.either | self.dead
        lost = [key for key in self.texts if key not in found and key not in told]
        buried = [key for key in self.texts if key not in found and key in told]
        stale = [key for key, text in self.texts.items() if found.get(key, text) != text]
        more = [key for key in found if key not in self.texts and key not in open_ends]
        taken = [key for key in found if key in self.dead]
        unsaid = [key for key in open_ends if key not in told and key not in found]
        broken = [key for key in self.either if "\ud83d" in found.get(key, "")]
        counts = {
            "lost": lost,
            "sound but given up as errors": buried,
            "of an older state": stale,
            "in the index though deleted": more,
            "indexed that cannot be": taken,
            "dropped without a word": unsaid,
            "indexed as broken text": broken,
        }
        return [f"{len(keys)} {what}" for what, keys in counts.items() if keys]

    def _has_skipped(self) -> bool:
        try:
            skip(self.settings, CLASSIFIED.name, self.group)
        except CommitFailedError:  # who was killed is a member until its session has ended
            return False
        return True

    def _is_committed(self) -> bool:
        try:
            reach = offsets.reach(self.settings, CLASSIFIED, self.group)
        except UserError:
            return False
        return not any(one.lag for one in reach.values())

    def _documents(self) -> dict[str, str]:
        if self.peer.ours:
            queries.refresh(self.node)
            hits: Iterable[Any] = queries.all_documents(self.node, crawl=self.crawl)
        else:
            self.node.indices.refresh(index=self.index)
            hits = self.node.search(index=self.index, size=10_000)["hits"]["hits"]
        return {one["_id"]: one["_source"]["message"] for one in hits}

    def _reported(self) -> set[str]:
        if self.peer.ours:
            letters = (decode_dead_letter(one.value) for one in read_to_end(
                self.settings, DEAD_LETTER) if one.crawl == self.crawl)  # fmt: skip
            return {str(one.original_key) for one in letters}
        if not self._letters.exists():
            return set()
        return {json.loads(one)["key"] for one in self._letters.read_text("utf-8").splitlines()}

    def _native(self, name: object) -> str:
        return f"{name}-{self.crawl[:8]}"

    def _environment(self) -> dict[str, str]:
        common = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        if self.peer.ours:
            return common | {
                "EMOSTREAM_KAFKA": self.stack.kafka,
                "EMOSTREAM_ELASTICSEARCH": self.proxy.address,
                "EMOSTREAM_STATE_DIR": str(self.folder / "state"),
                "EMOSTREAM_SESSION_SECONDS": "6",
            }
        return common | {
            "PEER_KAFKA": self.stack.kafka,
            "PEER_ELASTICSEARCH": self.proxy.address,
            "PEER_TOPIC": CLASSIFIED.name,
            "PEER_GROUP": self.group,
            "PEER_INDEX": self.index,
            "PEER_LETTERS": str(self._letters),
        }
