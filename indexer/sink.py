"""Elasticsearch as the sink of the station: deletions first, then posts."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event

from elasticsearch import Elasticsearch

from indexer import deletions, lifecycle, templates
from indexer.bulk import Bulk, Limits
from indexer.documents import Document, checked_id, document
from stream.errors import InvalidRecord
from stream.metrics import Counters
from stream.posts import ClassifiedPost, Deletion
from stream.records import Item, Rejected
from stream.settings import Settings

logger = logging.getLogger(__name__)


@dataclass
class IndexerCounters(Counters):
    """What the station counts besides: how each post ended."""

    indexed: int = 0
    older: int = 0
    deleted: int = 0
    rejected: int = 0

    def __str__(self) -> str:
        return (
            f"{super().__str__()}; {self.indexed} indexed, {self.older} older than indexed, "
            f"{self.deleted} deleted, {self.rejected} rejected"
        )


def limits(settings: Settings) -> Limits:
    """Gives the limits of a bulk request as the settings say."""
    return Limits(settings.bulk_actions, settings.bulk_bytes, settings.retry_seconds)


class ElasticsearchSink:
    """Writes documents and erases deleted ones; bears every repeat.

    Returns only when each record is durable, known to be superseded, or rejected.
    """

    def __init__(
        self,
        client: Elasticsearch,
        limits: Limits,
        stop: Event,
        counters: IndexerCounters | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.counters = counters or IndexerCounters("indexer")
        self._client, self._now = client, now
        self._bulk = Bulk(client, limits, stop)
        self._ready: dict[str, datetime] = {}

    def write(self, items: Sequence[Item[ClassifiedPost | Deletion]]) -> Sequence[Rejected]:
        """Writes one batch.

        A deletion in the batch wins over every post of the same key in it, before or after: a
        deleted post stays deleted.
        """
        posts: list[Item[ClassifiedPost]] = []
        gone: list[Item[Deletion]] = []
        rejected: list[Rejected] = []
        for item in items:
            try:
                checked_id(item.record.key)
            except InvalidRecord as error:
                rejected.append(_rejected(item, str(error)))
                continue
            if isinstance(item.record, Deletion):
                gone.append(Item(item.record, item.received))
            else:
                posts.append(Item(item.record, item.received))
        rejected += self._erase(gone)
        rejected += self._index(posts)
        self.counters.rejected += len(rejected)
        logger.debug("%s", self.counters)
        return rejected

    def _erase(self, items: Sequence[Item[Deletion]]) -> list[Rejected]:
        if not items:
            return []
        rejected, remembered = [], []
        outcomes = deletions.remember(self._bulk, [item.record for item in items])
        for item, outcome in zip(items, outcomes, strict=True):
            if outcome.fault:
                rejected.append(_rejected(item, outcome.fault))
            else:
                remembered.append(item.record)
        # Only what is on record is erased: a crash between the two repeats both.
        self.counters.deleted += deletions.erase(self._client, self._bulk, remembered)
        return rejected

    def _index(self, items: Sequence[Item[ClassifiedPost]]) -> list[Rejected]:
        newest, rejected = self._documents(items)
        keys = list(newest)
        gone = deletions.known(self._client, self._bulk.backoff, keys)
        self.counters.deleted += len(gone)
        kept = [newest[key] for key in keys if key not in gone]
        self._make_ready({one.index for _item, one, _action in kept})
        outcomes = self._bulk.send([action for _item, _one, action in kept])
        for (item, _one, _action), outcome in zip(kept, outcomes, strict=True):
            if outcome.fault:
                rejected.append(_rejected(item, outcome.fault))
            elif outcome.older:
                self.counters.older += 1
            else:
                self.counters.indexed += 1
        return rejected

    def _documents(
        self, items: Sequence[Item[ClassifiedPost]]
    ) -> tuple[dict[str, tuple[Item[ClassifiedPost], Document, bytes]], list[Rejected]]:
        """Gives the document of each post: of several in the batch the newest, then the last.

        One document an id and request, because an item that is refused and sent again would
        overtake a later one of the same version.
        """
        ingested = self._now()
        newest: dict[str, tuple[Item[ClassifiedPost], Document, bytes]] = {}
        rejected = []
        for item in items:
            one = document(item.record, ingested)
            try:
                action = one.bulk_action()
            except InvalidRecord as error:
                rejected.append(_rejected(item, str(error)))
                continue
            present = newest.get(one.id)
            self.counters.older += present is not None
            if present is None or one.version >= present[1].version:
                newest[one.id] = (item, one, action)
        return newest, rejected

    def _make_ready(self, indices: set[str]) -> None:
        """Makes sure of each index, now and then, that its mapping is ours and it ends in time."""
        now = self._now()
        if new := {index for index in indices if self._ready.get(index, now) <= now}:
            until = lifecycle.prepare(self._client, self._bulk.backoff, new, now)
            templates.check(self._client, self._bulk.backoff, new)
            self._ready |= until


def _rejected(item: Item[ClassifiedPost | Deletion], reason: str) -> Rejected:
    return Rejected(item.received, "sending", reason)
