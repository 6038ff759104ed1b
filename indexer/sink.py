"""Elasticsearch as the sink of the station: deletions first, then posts."""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event
from typing import cast

from elasticsearch import Elasticsearch

from indexer import authors, deletions, lifecycle, templates
from indexer.bulk import Bulk, Limits
from indexer.counters import IndexerCounters
from indexer.documents import AnyClassified, as_struct, checked_id, document, index_of
from stream import structs
from stream.crash import reached
from stream.errors import InvalidRecord
from stream.index import version_of
from stream.posts import AuthorDeletion, ClassifiedPost, Deletion
from stream.records import Item, Rejected
from stream.settings import Settings

logger = logging.getLogger(__name__)

Indexed = AnyClassified | Deletion | AuthorDeletion


@dataclass(slots=True)
class _Sight:
    """One observation of a post."""

    item: Item[AnyClassified]
    record: structs.ClassifiedPost
    version: int


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

    def write(self, items: Sequence[Item[Indexed]]) -> Sequence[Rejected]:
        """Writes one batch.

        A deletion in the batch wins over every post of the same key in it, before or after: a
        deleted post stays deleted. So does an author's, over their posts of that time or older.
        """
        posts: list[Item[AnyClassified]] = []
        gone: list[Item[Deletion]] = []
        gone_authors: list[Item[AuthorDeletion]] = []
        rejected: list[Rejected] = []
        for item in items:
            record = item.record
            try:
                checked_id(record.key)
            except InvalidRecord as error:
                rejected.append(_rejected(item, str(error)))
                continue
            if isinstance(record, structs.ClassifiedPost | ClassifiedPost):
                posts.append(cast("Item[AnyClassified]", item))
            elif isinstance(record, Deletion):
                gone.append(Item(record, item.received))
            else:
                gone_authors.append(Item(record, item.received))
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

    def _erase_with_authors(
        self, posts: Iterable[authors.AnyPost], versions: Mapping[str, int]
    ) -> set[str]:
        """Puts those of some posts on record that go with their authors; gives their keys."""
        if not versions:
            return set()
        gone = [
            authors.deletion_of(post, versions) for post in posts if authors.covers(versions, post)
        ]
        deletions.remember(self._bulk, gone)
        deletions.erase(self._client, self._bulk, gone)
        self.counters.deleted += len(gone)
        return {one.key for one in gone}

    def _index(self, items: Sequence[Item[AnyClassified]]) -> list[Rejected]:
        newest, passed_over = _newest(items)
        of_authors = authors.keys(one.record.post for one in newest.values())
        known = self._on_record([*newest, *of_authors])
        gone = newest.keys() & known.keys()
        self.counters.deleted += len(gone)
        gone |= self._erase_with_authors(
            [one.record.post for key, one in newest.items() if key not in gone], known
        )
        kept = {key: one for key, one in newest.items() if key not in gone}
        self._make_ready({index_of(one.record.post.created) for one in kept.values()})
        ingested = self._now()
        outcomes = self._bulk.send(
            document(one.record, ingested).bulk_action() for one in kept.values()
        )
        # Once more, after the write: indexer/authors.py says why.
        gone = self._erase_with_authors(
            (one.record.post for one in kept.values()),
            self._on_record(of_authors) if kept else {},
        )
        rejected: list[Rejected] = []
        again: list[Item[AnyClassified]] = []
        for (key, one), outcome in zip(kept.items(), outcomes, strict=True):
            if key in gone:
                continue
            if outcome.fault:
                rejected.append(_rejected(one.item, outcome.fault))
                again += passed_over.get(key, [])
            elif outcome.older:
                self.counters.older += 1
            else:
                self.counters.indexed += 1
        self.counters.older += sum(map(len, passed_over.values())) - len(again)
        if again:  # their newest sight is refused: the one before it may be good
            rejected += self._index(again)
        return rejected

    def _on_record(self, keys: Sequence[str]) -> Mapping[str, int]:
        return deletions.versions(self._client, self._bulk.backoff, keys)

    def _make_ready(self, indices: set[str]) -> None:
        """Makes sure of each index, now and then, that its mapping is ours and it ends in time."""
        now = self._now()
        if new := {index for index in indices if self._ready.get(index, now) <= now}:
            until = lifecycle.prepare(self._client, self._bulk.backoff, new, now)
            templates.check(self._client, self._bulk.backoff, new)
            self._ready |= until
            reached("indexer.ready")


def _newest(
    items: Sequence[Item[AnyClassified]],
) -> tuple[dict[str, _Sight], dict[str, list[Item[AnyClassified]]]]:
    """Gives what is to be written of each post: of several in the batch the newest, then the last.

    The others are passed over, under their ids. One document an id and request, because an item
    that is refused and sent again would overtake a later one of the same version.
    """
    newest: dict[str, _Sight] = {}
    passed_over: dict[str, list[Item[AnyClassified]]] = defaultdict(list)
    for item in items:
        record = as_struct(item.record)
        key, version = record.key, version_of(record.post.observed_at)
        present = newest.get(key)
        if present is not None and present.version > version:
            passed_over[key].append(item)
            continue
        if present is not None:
            passed_over[key].append(present.item)
        newest[key] = _Sight(item, record, version)
    return newest, passed_over


def _rejected(item: Item[Indexed], reason: str) -> Rejected:
    return Rejected(item.received, "sending", reason)
