"""The whole line in this process: real topics, real node, real loops; labels given by hand."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from threading import Event
from uuid import uuid4

from elasticsearch import Elasticsearch
from kafka import KafkaConsumer, TopicPartition
from kafka.structs import OffsetAndMetadata

from indexer.sink import ElasticsearchSink, limits
from stream import offsets, worker
from stream.audit.account import Account, audit
from stream.broker import KafkaSource, KafkaWriter, connection, create_topics
from stream.codec import decode_classified, decode_collected, encode
from stream.posts import Classified, ClassifiedPost, Collected, Origin, Post
from stream.records import Item, Outgoing
from stream.settings import Settings
from stream.sinks import Encoded, KafkaDeadLetters, KafkaSink
from stream.topics import CLASSIFIED, COLLECTED, STATIONS, Topic
from tests.indexer.records import NOON, classification

PATIENCE = 60.0


@dataclass
class Line:
    """Both stations over the stack's own topics, from now on."""

    settings: Settings
    client: Elasticsearch
    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    crawl: str = field(default_factory=lambda: uuid4().hex)

    def __post_init__(self) -> None:
        create_topics(self.settings)
        for station, topic in STATIONS.items():
            skip(self.settings, topic.name, station)

    def post(self, native_id: str, **changes: object) -> Post:
        """Makes a post of this line's crawl."""
        fields = {
            "platform": "x",
            "native_id": f"{native_id}-{self.crawl[:8]}",
            "text": "such joy",
            "created_at": NOON,
            "observed_at": NOON,
            "origin": Origin(crawl=self.crawl),
        }
        return Post.model_validate(fields | changes)

    def send(self, *records: Collected | bytes, key: str | None = None) -> None:
        """Puts records, or bytes that may be none, on `posts.collected`."""
        outgoing = [
            Outgoing(key, one, self.crawl)
            if isinstance(one, bytes)
            else Outgoing(one.key, encode(one), self.crawl)
            for one in records
        ]
        with KafkaWriter(self.settings) as writer:
            assert writer.write(COLLECTED, outgoing) == []

    def drain(self) -> None:
        """Runs both stations until nothing is on its way."""
        with self.running():
            for station, topic in STATIONS.items():
                at_end = partial(self._at_end, topic, station)
                wait_until(at_end, f"{station} at the end of its topic")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Runs both stations for as long as the block lasts; raises what made one fail."""
        stop = Event()
        with ThreadPoolExecutor(2) as pool:
            loops = [pool.submit(loop, stop) for loop in (self._classify, self._index)]
            try:
                yield
            finally:
                stop.set()
        for loop in loops:
            loop.result()

    def audit(self, wait: float = 0.0) -> Account:
        """Audits what was put on the topics since this line was made."""
        return audit(self.client, self.settings, since=self.since, wait=wait)

    def _at_end(self, topic: Topic, station: str) -> bool:
        return not any(one.lag for one in offsets.reach(self.settings, topic, station).values())

    def _classify(self, stop: Event) -> None:
        with (
            KafkaSource(self.settings, COLLECTED, "classifier") as source,
            KafkaWriter(self.settings) as writer,
        ):
            sink, letters = KafkaSink(writer, CLASSIFIED), KafkaDeadLetters(writer)
            worker.run("classifier", source, decode_collected, labelled, sink, letters, stop)

    def _index(self, stop: Event) -> None:
        with (
            KafkaSource(self.settings, CLASSIFIED, "indexer") as source,
            KafkaWriter(self.settings) as writer,
        ):
            sink = ElasticsearchSink(self.client, limits(self.settings), stop)
            letters = KafkaDeadLetters(writer)
            worker.run("indexer", source, decode_classified, unchanged, sink, letters, stop)


def labelled(items: Sequence[Item[Collected]]) -> list[Item[Encoded]]:
    """Gives every post the same labels, as of now."""
    labels = classification(classified_at=datetime.now(UTC))
    records = [
        ClassifiedPost(post=one.record, classification=labels)
        if isinstance(one.record, Post)
        else one.record
        for one in items
    ]
    return [Item(Encoded.of(a), b.received) for a, b in zip(records, items, strict=True)]


def unchanged(items: Sequence[Item[Classified]]) -> Sequence[Item[Classified]]:
    """Gives the records as they are."""
    return items


def wait_until(reached: Callable[[], bool], what: str) -> None:
    """Waits for what must come, and fails if it does not."""
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.05)


def skip(settings: Settings, topic: str, group: str) -> None:
    """Commits the end of a topic: what other tests have left there is none of ours."""
    consumer = KafkaConsumer(group_id=group, enable_auto_commit=False, **connection(settings))
    try:
        parts = [TopicPartition(topic, n) for n in consumer.partitions_for_topic(topic) or ()]
        consumer.assign(parts)
        ends = consumer.end_offsets(parts)
        consumer.commit({one: OffsetAndMetadata(ends[one], "", -1) for one in parts})
    finally:
        consumer.close(autocommit=False)
