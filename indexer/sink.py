"""Elasticsearch as the sink of the station: deletions first, then posts."""

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from threading import Event

from elasticsearch import Elasticsearch

from indexer import authors, deletions, lifecycle, templates
from indexer.bulk import Bulk, Limits
from indexer.counters import IndexerCounters
from indexer.documents import Document, checked_id, document
from stream.crash import reached
from stream.errors import InvalidRecord
from stream.posts import AuthorDeletion, Classified, ClassifiedPost, Deletion, Post
from stream.records import Item, Rejected
from stream.settings import Settings

logger = logging.getLogger(__name__)


def limits(settings: Settings) -> Limits:
    """Gives the limits of a bulk request as the settings say."""
    return Limits(
        settings.bulk_actions,
        settings.bulk_bytes,
        settings.retry_seconds,
        settings.bulk_in_flight,
    )


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
        self._bulk = Bulk(client, limits, stop, self.counters)
        self._ready: dict[str, datetime] = {}

    def write(self, items: Sequence[Item[Classified]]) -> Sequence[Rejected]:
        """Writes one batch.

        A deletion in the batch wins over every post of the same key in it, before or after: a
        deleted post stays deleted. So does an author's, over their posts of that time or older.
        """
        posts: list[Item[ClassifiedPost]] = []
        gone: list[Item[Deletion]] = []
        gone_authors: list[Item[AuthorDeletion]] = []
        rejected: list[Rejected] = []
        for item in items:
            try:
                checked_id(item.record.key)
            except InvalidRecord as error:
                rejected.append(_rejected(item, str(error)))
                continue
            if isinstance(item.record, Deletion):
                gone.append(Item(item.record, item.received))
            elif isinstance(item.record, AuthorDeletion):
                gone_authors.append(Item(item.record, item.received))
            else:
                posts.append(Item(item.record, item.received))
        rejected += self._erase(gone)
        rejected += self._erase_authors(gone_authors)
        rejected += self._index(posts)
        self.counters.rejected += len(rejected)
        logger.debug("%s", self.counters)
        return rejected

    def _erase(self, items: Sequence[Item[Deletion]]) -> list[Rejected]:
        if not items:
            return []
        rejected, remembered = [], []
        # Of several of one post the last: no two of a bulk may be for the same document.
        items = list({item.record.key: item for item in items}.values())
        outcomes = deletions.remember(self._bulk, [item.record for item in items])
        for item, outcome in zip(items, outcomes, strict=True):
            if outcome.fault:
                rejected.append(_rejected(item, outcome.fault))
            else:
                remembered.append(item.record)
        # Only what is on record is erased: a crash between the two repeats both.
        reached("indexer.remembered")
        self.counters.deleted += deletions.erase(self._client, self._bulk, remembered)
        reached("indexer.erased")
        return rejected

    def _erase_authors(self, items: Sequence[Item[AuthorDeletion]]) -> list[Rejected]:
        if not items:
            return []
        rejected, remembered = [], []
        # Of several of one author the furthest, for the same reason.
        items = sorted(items, key=lambda item: (item.record.for_good, item.record.deleted_at))
        items = list({item.record.key: item for item in items}.values())
        outcomes = authors.remember(self._bulk, [item.record for item in items])
        for item, outcome in zip(items, outcomes, strict=True):
            if outcome.fault:
                rejected.append(_rejected(item, outcome.fault))
            else:
                remembered.append(item.record)
        reached("indexer.author-remembered")
        authors.refresh(self._client, self._bulk.backoff)
        for page in authors.posts_of(self._client, self._bulk.backoff, remembered):
            # By key: a post without a time of its own may be in several months.
            deletions.remember(self._bulk, list({one.key: one for one, _in in page}.values()))
            places = [(index, one.key) for one, index in page]
            self.counters.deleted += deletions.erase_in(self._bulk, places)
        return rejected

    def _erase_with_authors(self, posts: Sequence[Post]) -> set[str]:
        """Puts those of some posts on record that go with their authors; gives their keys."""
        versions = authors.on_record(self._client, self._bulk.backoff, posts)
        if not versions:
            return set()
        gone = [
            authors.deletion_of(post, versions) for post in posts if authors.covers(versions, post)
        ]
        deletions.remember(self._bulk, gone)
        deletions.erase(self._client, self._bulk, gone)
        self.counters.deleted += len(gone)
        return {one.key for one in gone}

    def _index(self, items: Sequence[Item[ClassifiedPost]]) -> list[Rejected]:
        newest, passed_over, rejected = self._documents(items)
        keys = list(newest)
        gone = deletions.known(self._client, self._bulk.backoff, keys)
        self.counters.deleted += len(gone)
        gone |= self._erase_with_authors(
            [newest[key][0].record.post for key in keys if key not in gone]
        )
        kept = [newest[key] for key in keys if key not in gone]
        self._make_ready({one.index for _item, one, _action in kept})
        outcomes = self._bulk.send([action for _item, _one, action in kept])
        # Once more, after the write: indexer/authors.py says why.
        gone = self._erase_with_authors([item.record.post for item, _one, _action in kept])
        again: list[Item[ClassifiedPost]] = []
        for (item, one, _action), outcome in zip(kept, outcomes, strict=True):
            if one.id in gone:
                continue
            if outcome.fault:
                rejected.append(_rejected(item, outcome.fault))
                again += passed_over.get(one.id, [])
            elif outcome.older:
                self.counters.older += 1
            else:
                self.counters.indexed += 1
        self.counters.older += sum(map(len, passed_over.values())) - len(again)
        if again:  # their newest sight is refused: the one before it may be good
            rejected += self._index(again)
        return rejected

    def _documents(
        self, items: Sequence[Item[ClassifiedPost]]
    ) -> tuple[
        dict[str, tuple[Item[ClassifiedPost], Document, bytes]],
        dict[str, list[Item[ClassifiedPost]]],
        list[Rejected],
    ]:
        """Gives the document of each post: of several in the batch the newest, then the last.

        The others are passed over, under their ids. One document an id and request, because an item
        that is refused and sent again would overtake a later one of the same version.
        """
        ingested = self._now()
        newest: dict[str, tuple[Item[ClassifiedPost], Document, bytes]] = {}
        passed_over: dict[str, list[Item[ClassifiedPost]]] = defaultdict(list)
        rejected = []
        for item in items:
            one = document(item.record, ingested)
            try:
                action = one.bulk_action()
            except InvalidRecord as error:
                rejected.append(_rejected(item, str(error)))
                continue
            present = newest.get(one.id)
            if present is not None and present[1].version > one.version:
                passed_over[one.id].append(item)
                continue
            if present is not None:
                passed_over[one.id].append(present[0])
            newest[one.id] = (item, one, action)
        return newest, passed_over, rejected

    def _make_ready(self, indices: set[str]) -> None:
        """Makes sure of each index, now and then, that its mapping is ours and it ends in time."""
        now = self._now()
        if new := {index for index in indices if self._ready.get(index, now) <= now}:
            until = lifecycle.prepare(self._client, self._bulk.backoff, new, now)
            templates.check(self._client, self._bulk.backoff, new)
            self._ready |= until
            reached("indexer.ready")


def _rejected(item: Item[Classified], reason: str) -> Rejected:
    return Rejected(item.received, "sending", reason)
