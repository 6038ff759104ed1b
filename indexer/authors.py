"""Authors who are gone: every post of theirs from before is erased, and none of those comes back.

A post has its own partition, and its author's deletion another: either may be handled first, by
different workers. So each side looks for the other *after* it has written. The one erases what it
finds in the index once the author is on record; the other looks for the author once its posts are
written, and erases them. Whoever writes second finds what the first has written.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import orjson
from elasticsearch import Elasticsearch

from indexer import deletions
from indexer.bulk import Bulk, Outcome
from indexer.documents import FAMILY, MAX_ID, timestamp
from stream import structs
from stream.backoff import Backoff
from stream.elastic import writing
from stream.index import EPOCH, MILLISECOND, PAGE, Query, scan, version_of
from stream.posts import AuthorDeletion, Deletion, Origin, Post, author_key

SEEN = {"includes": ["user.id", "@timestamp"]}

AnyPost = Post | structs.Post

Versions = Mapping[str, int]
"""Of each author on record, by key: posts of that moment (ms since 1970) and older ones go."""


def remember(bulk: Bulk, authors: Sequence[AuthorDeletion]) -> list[Outcome]:
    """Writes down each author under their key; one outcome for each.

    The time is the external version: an older deletion never takes the place of a newer one, nor
    any of one that is for good.
    """
    return bulk.send([_record(author) for author in authors])


def keys(posts: Iterable[AnyPost]) -> list[str]:
    """Gives the keys of some posts' authors, each once."""
    found = {key for post in posts if (key := key_of(post)) and len(key.encode()) <= MAX_ID}
    return sorted(found)


def covers(versions: Versions, post: AnyPost) -> bool:
    """Whether a post goes with its author: it is of the time of their deletion, or older."""
    version = versions.get(key_of(post) or "")
    return version is not None and version_of(post.created_at) <= version


def key_of(post: AnyPost) -> str | None:
    """Gives the key of a post's author; None where nobody knows who it is."""
    return author_key(post.platform, post.author.id) if post.author.id else None


def posts_of(
    client: Elasticsearch, backoff: Backoff, authors: Sequence[AuthorDeletion]
) -> Iterator[list[tuple[Deletion, str]]]:
    """Gives, in pages, each post that goes with one of some authors, and the index it is in.

    Of those that a search sees: one search for all authors, because most of those who leave a
    platform have no post here.
    """
    of = {author.key: author for author in authors}
    theirs = {"terms": {"user.id": sorted({author.author_id for author in authors})}}
    found = scan(client, f"{FAMILY}-*", theirs, source=SEEN)
    while True:
        with writing(backoff):
            hits = list(islice(found, PAGE))
        if not hits:
            return
        yield [(gone, hit["_index"]) for hit in hits if (gone := _goes(hit, of))]


def refresh(client: Elasticsearch, backoff: Backoff) -> None:
    """Lets searches see every post that has been written so far."""
    with writing(backoff):
        client.indices.refresh(index=f"{FAMILY}-*")


def query(author: AuthorDeletion) -> Query:
    """Selects the posts that go with an author."""
    of: list[dict[str, Any]] = [
        {"term": {"event.provider": author.platform}},
        {"term": {"user.id": author.author_id}},
    ]
    if not author.for_good:
        of.append({"range": {"@timestamp": {"lte": timestamp(author.deleted_at)}}})
    return {"bool": {"filter": of}}


def deletion_of(post: AnyPost, versions: Versions) -> Deletion:
    """Makes the deletion of a post that goes with its author."""
    version = versions[key_of(post) or ""]
    for_good = version == deletions.FINAL
    return Deletion(
        platform=post.platform,
        native_id=post.native_id,
        deleted_at=post.observed_at if for_good else EPOCH + version * MILLISECOND,
        origin=Origin(crawl=post.origin.crawl),
    )


def _goes(hit: Mapping[str, Any], of: Mapping[str, AuthorDeletion]) -> Deletion | None:
    """Makes the deletion of a document, if it goes with one of these authors."""
    platform, _colon, native_id = hit["_id"].partition(":")
    author = of.get(author_key(platform, hit["_source"]["user"]["id"]))
    if author is None:
        return None
    created_at = datetime.fromisoformat(hit["_source"]["@timestamp"])
    if not author.for_good and version_of(created_at) > version_of(author.deleted_at):
        return None
    return Deletion(
        platform=platform,
        native_id=native_id,
        deleted_at=author.deleted_at,
        origin=author.origin,
    )


def _record(author: AuthorDeletion) -> bytes:
    version = deletions.FINAL if author.for_good else version_of(author.deleted_at)
    action = {
        "_index": deletions.INDEX,
        "_id": author.key,
        "version": version,
        "version_type": "external_gte",
    }
    fields = {
        "platform": author.platform,
        "author_id": author.author_id,
        "deleted_at": timestamp(author.deleted_at),
        "for_good": author.for_good,
        "crawl": author.origin.crawl,
    }
    return orjson.dumps({"index": action}) + b"\n" + orjson.dumps(fields) + b"\n"
