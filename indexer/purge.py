"""Everything of one author goes, on request: the record that says so, onto the line like any other.

The indexer erases the posts that are there and keeps out those that are still on their way or come
by a replay (`indexer/authors.py`). So it does not matter whether a station runs just now.
"""

import secrets
from collections.abc import Iterator
from datetime import datetime

from elasticsearch import Elasticsearch
from pydantic import ValidationError

from indexer import authors
from indexer.documents import checked_id
from stream.broker import KafkaWriter, create_topics
from stream.codec import encode, explain
from stream.errors import Backpressure, InvalidRecord, UserError
from stream.index import ALIAS
from stream.posts import AuthorDeletion, Origin
from stream.records import Outgoing
from stream.settings import Settings
from stream.topics import COLLECTED

SHOWN = 3
UNREACHED = (
    "not reached: records and dead letters on Kafka, until they expire; archives; snapshots; files "
    "of your own (docs/compliance.md)"
)


def author_of(given: str, now: datetime, *, for_good: bool = False) -> AuthorDeletion:
    """Makes the deletion of the author `PLATFORM:ID`, as of now.

    Raises:
        UserError: it names no author.
    """
    platform, colon, author_id = given.partition(":")
    if not colon:
        raise UserError(f"--author {given}: must be PLATFORM:ID, for example x:2244994945")
    crawl = f"purge-{now:%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
    try:
        author = AuthorDeletion(
            platform=platform,
            author_id=author_id,
            deleted_at=now,
            for_good=for_good,
            origin=Origin(crawl=crawl),
        )
        checked_id(author.key)
    except InvalidRecord:
        raise UserError("--author: the id is too long for a document's") from None
    except ValidationError as error:
        raise UserError(f"--author {given}: {explain(error)}") from None
    return author


def purge(
    client: Elasticsearch, settings: Settings, author: AuthorDeletion, *, dry_run: bool
) -> Iterator[str]:
    """Counts the author's posts and, unless dry, sends their deletion; gives what to say of it.

    Raises:
        UserError: no broker takes it.
    """
    name = f"{author.platform}:{author.author_id}"
    found = client.count(index=ALIAS, query=authors.query(author), ignore_unavailable=True)["count"]
    yield f"{name}: {found:,} posts in the index"
    if not found:
        yield from _named_so(client, author)
    if dry_run:
        yield "nothing is sent (--dry-run)"
        return
    _send(settings, author)
    yield (
        f"their deletion is on {COLLECTED.name} (crawl {author.origin.crawl}): classifier and "
        "indexer carry it out; --dry-run then counts none"
    )
    yield (
        "posts of this author stay out for good, whenever they were written"
        if author.for_good
        else f"posts written until {author.deleted_at:%Y-%m-%d %H:%M:%S} UTC stay out, later ones "
        "are indexed (--for-good keeps them out too)"
    )
    yield UNREACHED


def _named_so(client: Elasticsearch, author: AuthorDeletion) -> Iterator[str]:
    """Says whose handle it is, where somebody gives a handle for an id."""
    answer = client.search(
        index=ALIAS,
        ignore_unavailable=True,
        size=0,
        query={
            "bool": {
                "filter": [
                    {"term": {"event.provider": author.platform}},
                    {"term": {"user.name": author.author_id.removeprefix("@")}},
                ]
            }
        },
        aggregations={"ids": {"terms": {"field": "user.id", "size": SHOWN}}},
    )
    for one in answer.get("aggregations", {}).get("ids", {}).get("buckets", []):
        yield (
            f"{author.author_id} is the name of {author.platform}:{one['key']}, with "
            f"{one['doc_count']:,} posts: --author takes the id"
        )


def _send(settings: Settings, author: AuthorDeletion) -> None:
    create_topics(settings)
    record = Outgoing(author.key, encode(author), author.origin.crawl)
    try:
        with KafkaWriter(settings) as writer:
            refused = writer.write(COLLECTED, [record])
    except Backpressure as pressure:
        raise UserError(f"Kafka at {settings.kafka}: {pressure}: nothing is deleted") from None
    if refused:
        raise UserError(f"Kafka at {settings.kafka}: {refused[0][1]}: nothing is deleted")
