"""An indexer in this process over a real topic and a real node, and what must be true of it."""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event
from typing import Any
from uuid import uuid4

from elasticsearch import Elasticsearch
from kafka import KafkaAdminClient

from indexer import queries
from indexer.counters import IndexerCounters
from indexer.sink import ElasticsearchSink, limits
from stream import worker
from stream.audit.account import audit
from stream.audit.command import sentences
from stream.broker import KafkaSource, KafkaWriter, connection, read_to_end
from stream.codec import decode_classified, decode_dead_letter, encode
from stream.dead_letters import DeadLetter
from stream.elastic import connect
from stream.posts import Origin
from stream.records import Item, Outgoing
from stream.settings import Settings
from stream.sinks import KafkaDeadLetters
from stream.topics import DEAD_LETTER, Topic
from tests.indexer.records import classified

PATIENCE = 60.0


def wait_until(reached: Callable[[], bool], what: str, patience: float = PATIENCE) -> float:
    """Waits for what must come, and fails if it does not; gives the seconds that it took."""
    began = time.monotonic()
    while not reached():
        assert time.monotonic() - began < patience, f"waited in vain: {what}"
        time.sleep(0.05)
    return time.monotonic() - began


@dataclass
class Line:
    """The indexer's loop between a topic of its own and the node."""

    settings: Settings
    topic: Topic
    node: Elasticsearch
    stop: Event
    group: str = field(default_factory=lambda: uuid4().hex)
    crawl: str = field(default_factory=lambda: uuid4().hex)
    slow: Callable[[], object] = lambda: None
    """Called before each batch is written."""
    sent: set[str] = field(default_factory=set)
    total: int = 0
    counters: IndexerCounters = field(default_factory=lambda: IndexerCounters("indexer"))
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    _loop: "Future[Any] | None" = None

    def posts(self, names: Iterable[object], **changes: Any) -> list[Outgoing]:
        """Makes posts of this line's crawl."""
        origin = Origin(crawl=self.crawl)
        records = [classified(str(name), origin=origin, **changes) for name in names]
        return [Outgoing(one.key, encode(one), self.crawl) for one in records]

    def send(self, records: Sequence[Outgoing]) -> None:
        """Puts records on the topic; each must be accounted for in the end."""
        with KafkaWriter(self.settings) as writer:
            assert writer.write(self.topic, records) == []
        self.sent |= {str(record.key) for record in records}
        self.total += len(records)

    def start(self, settings: Settings | None = None) -> None:
        """Begins to index, with other settings if there are any."""
        self._loop = self._pool.submit(self._run, settings or self.settings)

    def drain(self) -> IndexerCounters:
        """Indexes until everything on the topic is committed, then stops."""
        if self._loop is None:
            self.start()
        wait_until(lambda: self.ended() or self.is_drained(), "every record committed")
        return self.leave()

    def ended(self) -> bool:
        """Whether the loop has stopped by itself."""
        return self._loop is not None and self._loop.done()

    def leave(self) -> IndexerCounters:
        """Asks the loop to stop; raises what made it fail."""
        self.stop.set()
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.result(timeout=PATIENCE)
        self._pool.shutdown()
        return self.counters

    def is_drained(self) -> bool:
        """Whether every record that was sent is committed."""
        return self.counters.received >= self.total and self.committed() == self.total

    def committed(self) -> int:
        """How many records of the topic are committed, over its partitions."""
        admin = KafkaAdminClient(**connection(self.settings))
        try:
            offsets = admin.list_group_offsets({self.group: None})[self.group]
        finally:
            admin.close()
        return sum(one.offset for one in offsets.values())

    def letters(self) -> list[DeadLetter]:
        """The dead letters of this line's crawl."""
        found = [one for one in read_to_end(self.settings, DEAD_LETTER) if one.crawl == self.crawl]
        return [decode_dead_letter(one.value) for one in found]

    def documents(self) -> dict[str, Mapping[str, Any]]:
        """Every document of this line's crawl by its id; no id may be in two indices."""
        queries.refresh(self.node)
        hits = list(queries.all_documents(self.node, crawl=self.crawl))
        found = {hit["_id"]: hit for hit in hits}
        assert len(found) == len(hits), "an id is in two indices"
        return found

    def assert_law(
        self,
        dead: Collection[str] = (),
        deleted: Collection[str] = (),
        since: datetime | None = None,
    ) -> None:
        """All that was sent is indexed, deleted or a dead letter: by the audit, and by hand.

        `since` is from when on the topic has held everything, where somebody has emptied it.
        """
        line = {self.group: self.topic}
        account = audit(self.node, self.settings, stations=line, since=since)
        assert account.holds, "\n".join(sentences(account))
        indexed = set(self.documents())
        letters = {letter.original_key for letter in self.letters()}
        assert letters == set(dead)
        assert indexed == self.sent - set(dead) - set(deleted)

    def _run(self, settings: Settings) -> None:
        with (
            connect(settings) as client,
            KafkaSource(settings, self.topic, self.group, settings.bulk_seconds) as source,
            KafkaWriter(settings) as writer,
        ):
            sink = ElasticsearchSink(client, limits(settings), self.stop, self.counters)
            worker.run(
                "indexer",
                source,
                decode_classified,
                self._transform,
                sink,
                KafkaDeadLetters(writer),
                self.stop,
                self.counters,
            )

    def _transform(self, items: Sequence[Item[Any]]) -> Sequence[Item[Any]]:
        self.slow()
        return items
