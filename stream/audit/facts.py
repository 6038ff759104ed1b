"""What the topics and the index say of each id, gathered and sorted by id.

The facts of ten million posts do not fit into memory: they go to a temporary file of SQLite, which
sorts them, and come back one id at a time. The file has no name and is gone when it is closed.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from datetime import UTC, datetime
from itertools import groupby, islice
from operator import itemgetter

from elasticsearch import Elasticsearch
from pydantic import AwareDatetime, BaseModel, ConfigDict, TypeAdapter, ValidationError

from stream.audit.law import Fact, Kind, State
from stream.broker import read_to_end
from stream.codec import decode_classified, decode_collected
from stream.errors import InvalidRecord
from stream.index import ALIAS, DELETIONS, PAGE, Query, month_in, month_of, scan, version_of
from stream.offsets import Reach
from stream.posts import author_key
from stream.records import Received
from stream.settings import Settings
from stream.topics import COLLECTED, Topic
from stream.workbench.letters import DeadPlaces

CHUNK = 10_000
CACHE_KB = 65_536
CLASSIFIED_AT = "emostream.classified_at"
POSTS = ("post", "classified_post")
KINDS, STATES = tuple(Kind), tuple(State)


class _Seen(BaseModel):
    """What the audit reads of a post (or its author) or of a deletion, and nothing else."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    kind: str | None = None
    platform: str = ""
    native_id: str = ""
    author_id: str = ""
    author: "_Seen | None" = None
    id: str | None = None
    created_at: AwareDatetime | None = None
    observed_at: AwareDatetime | None = None
    post: "_Seen | None" = None


_seen = TypeAdapter(_Seen)


class Facts:
    """Facts in any order, given back by id."""

    def __init__(self) -> None:
        self._base = sqlite3.connect("")  # without a name: a file that nobody else can open
        self._base.execute("PRAGMA journal_mode = OFF")
        self._base.execute(f"PRAGMA cache_size = -{CACHE_KB}")
        self._base.execute("CREATE TABLE facts (key TEXT, kind, month, version, state, at)")

    def add(self, facts: Iterable[Fact]) -> None:
        """Keeps facts."""
        coming = iter(facts)
        while chunk := list(islice(coming, CHUNK)):
            self._base.executemany("INSERT INTO facts VALUES (?, ?, ?, ?, ?, ?)", chunk)

    def by_id(self) -> Iterator[list[Fact]]:
        """Gives all facts of one id after the other."""
        rows = self._base.execute("SELECT * FROM facts ORDER BY key")
        for _key, facts in groupby(rows, key=itemgetter(0)):
            # A copy on a retry says nothing new, and a post may have been sent very often.
            yield [
                Fact(key, KINDS[kind], month, version, STATES[state], at)
                for key, kind, month, version, state, at in dict.fromkeys(facts)
            ]

    @property
    def size(self) -> int:
        """How many bytes the facts take on the disk, before they are sorted."""
        ((pages,),) = self._base.execute("PRAGMA page_count")
        ((each,),) = self._base.execute("PRAGMA page_size")
        return int(pages * each)

    def close(self) -> None:
        """Forgets everything."""
        self._base.close()


class Reading:
    """The records of one topic as facts, and how many there were of each state."""

    def __init__(
        self, topic: Topic, reach: Mapping[int, Reach], dead: DeadPlaces, gone: Set[str]
    ) -> None:
        """Prepares to read.

        Args:
            topic: what is read.
            reach: how far the station behind it has come.
            dead: the records that dead letters keep.
            gone: the keys of the authors whose deletion is on record.
        """
        self.records: Counter[State] = Counter()
        self.others = 0
        """Records of kinds that are neither posts nor deletions of posts."""
        self._topic, self._reach, self._dead, self._gone = topic, reach, dead, gone
        first = topic is COLLECTED
        self._post = Kind.COLLECTED_POST if first else Kind.CLASSIFIED_POST
        self._deletion = Kind.COLLECTED_DELETION if first else Kind.CLASSIFIED_DELETION
        self._decode = decode_collected if first else decode_classified

    def facts(self, settings: Settings, since: datetime | None) -> Iterator[Fact]:
        """Reads the topic to its present end."""
        for one in read_to_end(settings, self._topic, since):
            state = self._state(one)
            self.records[state] += 1
            fact = self._fact(one, state)
            if fact is None:
                self.others += 1
            else:
                yield from fact

    def _state(self, one: Received) -> State:
        if self._dead.keep(one):
            return State.DEAD
        reach = self._reach.get(one.partition)  # none: a partition added since
        return State.DONE if reach and one.offset < reach.done else State.WAITING

    def _fact(self, one: Received, state: State) -> tuple[Fact, ...] | None:
        try:
            seen = _seen.validate_json(one.value or b"")
        except ValidationError:
            return self._unreadable(one, state)
        post = seen.post or seen
        if seen.kind in POSTS and post.created_at and post.observed_at:
            key = f"{post.platform}:{post.native_id}"
            month = month_of(post.created_at)
            fact = Fact(key, self._post, month, version_of(post.observed_at), state)
            author = post.author.id if post.author else None
            if author and author_key(post.platform, author) in self._gone:
                return fact, Fact(key, Kind.AUTHOR_GONE)
            return (fact,)
        if seen.kind == "deletion":
            return (Fact(f"{seen.platform}:{seen.native_id}", self._deletion, state=state),)
        if seen.kind == "author_deletion":
            key = author_key(seen.platform, seen.author_id)
            return (Fact(key, self._deletion, state=state),)
        try:
            self._decode(one.value)
        except InvalidRecord:
            return self._unreadable(one, state)
        return None

    def _unreadable(self, one: Received, state: State) -> tuple[Fact, ...]:
        """A record that must be a dead letter: without one, nothing will ever answer for it."""
        key = one.key.decode(errors="replace") if one.key else one.place
        return (Fact(key, self._post, version=1, state=state),)


def documents(client: Elasticsearch, query: Query | None = None) -> Iterator[Fact]:
    """Gives the documents that readers see."""
    everything = query or {"match_all": {}}
    for hit in scan(client, ALIAS, everything, source=False, fields=[CLASSIFIED_AT]):
        (at,) = hit.get("fields", {}).get(CLASSIFIED_AT, ["0"])
        month = month_in(hit["_index"]) or hit["_index"]
        yield Fact(hit["_id"], Kind.DOCUMENT, month, hit["_version"], at=int(at))


def tombstones(client: Elasticsearch) -> Iterator[Fact]:
    """Gives the deletions on record."""
    for hit in scan(client, DELETIONS, {"match_all": {}}, source=False):
        yield Fact(hit["_id"], Kind.TOMBSTONE)


def in_the_index(client: Elasticsearch, keys: Sequence[str]) -> Iterator[Fact]:
    """Gives the documents and the deletions of some ids, as they are now."""
    now = version_of(datetime.now(UTC))
    for start in range(0, len(keys), PAGE):
        query = {"ids": {"values": list(keys[start : start + PAGE])}}
        yield from documents(client, query)
        for hit in scan(client, DELETIONS, query, source=False):
            yield Fact(hit["_id"], Kind.TOMBSTONE, at=now)
