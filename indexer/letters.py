"""Dead letters in the index: where each record failed and why, and nothing of what it said.

They are read back from `posts.dead-letter` by a loop of their own beside the posts', under a
consumer group of its own: neither waits for the other, and a fault that stops one stops both.
"""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any

import orjson
from elasticsearch import Elasticsearch

from indexer.bulk import Bulk, Limits
from indexer.counters import BulkCounters
from indexer.documents import MAX_ID, timestamp
from stream import worker
from stream.broker import KafkaSource
from stream.codec import decode_dead_letter
from stream.dead_letters import DeadLetter
from stream.index import version_of
from stream.limit import limit
from stream.records import Item, Rejected
from stream.settings import Settings
from stream.topics import DEAD_LETTER

INDEX = "emotions-dead-letters-v1"
STATION = "indexer-letters"
LONGEST = 2**63 - 1


class LettersSink:
    """Writes a document for each letter under the letter's key; bears every repeat."""

    def __init__(
        self,
        client: Elasticsearch,
        limits: Limits,
        stop: Event,
        counters: BulkCounters | None = None,
    ) -> None:
        self._bulk = Bulk(client, limits, stop, counters)

    def write(self, items: Sequence[Item[DeadLetter]]) -> Sequence[Rejected]:
        """Writes one batch."""
        outcomes = self._bulk.send([bulk_action(item.record) for item in items])
        return [
            Rejected(item.received, "sending", outcome.fault)
            for item, outcome in zip(items, outcomes, strict=True)
            if outcome.fault
        ]


class Unanswered:
    """Where a letter about a letter goes: nowhere, or it would come back to us for ever."""

    def write(self, letters: Sequence[DeadLetter]) -> None:
        """Lets them go; the loop has logged place and reason of each."""


@contextmanager
def indexing(
    settings: Settings,
    client: Elasticsearch,
    limits: Limits,
    stop: Event,
    counters: BulkCounters,
) -> Iterator[None]:
    """Indexes the dead letters in a thread of its own for as long as the block lasts.

    If it fails it sets `stop`, and its failure is raised at the end of the block.
    """
    with ThreadPoolExecutor(1, thread_name_prefix=STATION) as pool:
        letters = pool.submit(_run, settings, client, limits, stop, counters)
        letters.add_done_callback(lambda _letters: stop.set())
        try:
            yield
        finally:
            stop.set()
    letters.result()


def bulk_action(letter: DeadLetter) -> bytes:
    """Writes the line pair of a bulk request; of two letters under one key the later one stays."""
    action = {
        "_index": INDEX,
        "_id": id_of(letter),
        "version": version_of(letter.failed_at),
        "version_type": "external_gte",
    }
    return orjson.dumps({"index": action}) + b"\n" + orjson.dumps(fields(letter)) + b"\n"


def id_of(letter: DeadLetter) -> str:
    """Gives the letter's key, or its hash where it is longer than an `_id` may be."""
    key = letter.key.encode()
    return letter.key if len(key) <= MAX_ID else f"sha256:{hashlib.sha256(key).hexdigest()}"


def fields(letter: DeadLetter) -> dict[str, Any]:
    """Gives what is indexed: never the original, its key or its headers, which quote people.

    A number that no `long` holds is left out: others write to the topic too, and a batch of letters
    that are all refused would stop the station for ever.
    """
    source = letter.source
    known = {
        "@timestamp": timestamp(letter.failed_at),
        "station": letter.station,
        "stage": letter.stage,
        "reason": letter.reason,
        "crawl": letter.crawl,
        "original_size": letter.original_size,
        "topic": source.topic,
        "partition": source.partition,
        "offset": source.offset,
        "file": source.file,
        "line": source.line,
    }
    return {
        name: value
        for name, value in known.items()
        if value is not None and not (isinstance(value, int) and abs(value) > LONGEST)
    }


def _run(
    settings: Settings,
    client: Elasticsearch,
    limits: Limits,
    stop: Event,
    counters: BulkCounters,
) -> None:
    with KafkaSource(settings, DEAD_LETTER, STATION, settings.bulk_seconds) as source:
        worker.run(
            STATION,
            source,
            decode_dead_letter,
            lambda items: items,
            LettersSink(client, limits, stop, counters),
            Unanswered(),
            stop,
            counters,
            settings.health_dir,
            limit(settings, STATION),
        )
