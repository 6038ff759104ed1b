"""A classified post becomes a document: its `_id`, its index, its version, its fields.

All but `event.ingested`, the moment of the write, are functions of the record alone, so a record
that Kafka delivers twice overwrites its document instead of counting it twice. docs/records.md
describes every field.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from indexer import entities
from stream.errors import InvalidRecord
from stream.index import month_of, version_of
from stream.posts import ClassifiedPost, Post

PREFIX = "emotions-v1-"
"""What the names of the months' indices begin with. The number is raised for a mapping that the
months there are cannot take on: then `python -m indexer migrate` copies their documents over."""
FAMILY = PREFIX.removesuffix("-")
"""The months' indices together: the name of their index template."""
DATASET = "emostream.posts"
ECS_VERSION = "9.1.0"

EMPTY: tuple[Any, ...] = ((), [], {})

SECOND = timedelta(seconds=1)

WEEKDAYS = (
    "1 Monday",
    "2 Tuesday",
    "3 Wednesday",
    "4 Thursday",
    "5 Friday",
    "6 Saturday",
    "7 Sunday",
)
"""Named so that they sort in their order."""

MAX_ID = 512
"""Bytes of UTF-8. Elasticsearch refuses a whole bulk request for one longer `_id`."""


@dataclass(frozen=True, slots=True)
class Document:
    """What Elasticsearch stores of one post."""

    id: str
    index: str
    version: int
    fields: dict[str, Any]

    def bulk_action(self) -> bytes:
        """Writes the line pair of a bulk request.

        `external_gte`: an older observation loses with status 409, the same one repeats
        harmlessly, and the same one with new labels replaces.

        Raises:
            InvalidRecord: a number does not fit JSON's 64 bits.
        """
        action = {
            "_index": self.index,
            "_id": self.id,
            "version": self.version,
            "version_type": "external_gte",
        }
        try:
            return orjson.dumps({"index": action}) + b"\n" + orjson.dumps(self.fields) + b"\n"
        except orjson.JSONEncodeError as error:
            raise InvalidRecord(f"cannot be written as JSON: {error}") from None


def document(record: ClassifiedPost, ingested: datetime) -> Document:
    """Makes the document of a post as it is written at `ingested`."""
    return Document(
        id=record.key,
        index=index_of(record.post.created_at),
        version=version_of(record.post.observed_at),
        fields=_fields(record, ingested),
    )


def index_of(created_at: datetime) -> str:
    """Names the index of a post: the month of its own time, in UTC."""
    return PREFIX + month_of(created_at)


def timestamp(moment: datetime) -> str:
    """Writes a moment as Elasticsearch keeps it: UTC, milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def hour_of_week(moment: datetime) -> tuple[str, str]:
    """Gives the weekday and the hour of a moment, in UTC: ("6 Saturday", "09")."""
    there = moment.astimezone(UTC)
    return WEEKDAYS[there.weekday()], f"{there.hour:02d}"


def checked_id(key: str) -> str:
    """Gives the key back if it can be an `_id`; raises InvalidRecord."""
    size = len(key.encode())
    if size > MAX_ID:
        raise InvalidRecord(f"the post's key has {size} bytes; an _id takes at most {MAX_ID}")
    return key


def _fields(record: ClassifiedPost, ingested: datetime) -> dict[str, Any]:
    post = record.post
    author = post.author
    user = {"id": author.id, "name": author.name, "full_name": author.display_name}
    return _present(
        {
            "@timestamp": timestamp(post.created_at),
            "ecs": {"version": ECS_VERSION},
            "message": post.text,
            "event": {
                "id": post.native_id,
                "dataset": DATASET,
                "provider": post.platform,
                "created": timestamp(post.observed_at),
                "ingested": timestamp(ingested),
            },
            "url": _present({"full": post.url}),
            "user": _present(user),
            "related": _present({"user": _related(post)}),
            "tags": _distinct(tag.lower() for tag in post.hashtags),
            "emostream": _ours(record),
        }
    )


def _ours(record: ClassifiedPost) -> dict[str, Any]:
    """Gives the fields that ECS has no name for."""
    post, found = record.post, record.classification
    weekday, hour = hour_of_week(post.created_at)
    emotion = {
        "labels": found.emotions,
        "primary": found.primary,
        "confidence": found.probabilities.get(found.primary) if found.primary else None,
        "ekman": found.ekman,
        "sentiment_groups": found.sentiment_groups,
        "words": found.words,
        "probability": found.probabilities,
    }
    polarity = {
        "label": found.polarity.label,
        "score": found.polarity.score,
        "probability": found.polarity.probabilities,
    }
    topic = {"labels": found.topics, "probability": found.topic_probabilities}
    return _present(
        {
            "schema_version": record.schema_version,
            "weekday": weekday,
            "hour": hour,
            "delay": (post.observed_at - post.created_at) // SECOND,
            "language": post.language,
            "text_language": found.language,
            "links": _distinct(post.links),
            "link_hosts": entities.hosts(post.links),
            "reply_to": post.reply_to,
            "conversation": post.conversation,
            "author": _present({"followers": post.author.followers}),
            "counts": _present(dict(post.counts)),
            "entities": entities.by_kind(record),
            "recogniser": record.recogniser,
            "context": [{"domain": one.domain, "entity": one.entity} for one in post.context],
            "distant_labels": post.distant_labels,
            "origin": _present(dict(post.origin)),
            "emotion": _present(emotion),
            "polarity": _present(polarity),
            "suggestion": found.suggestion,
            "comment_class": found.comment_class,
            "topic": _present(topic),
            "model": found.model,
            "abstained": found.abstained,
            "classified_at": timestamp(found.classified_at),
        }
    )


def _related(post: Post) -> list[str]:
    author = [post.author.name] if post.author.name else []
    return _distinct([*author, *post.mentions])


def _distinct(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _present(fields: dict[str, Any]) -> dict[str, Any]:
    """Leaves out the fields that are null or hold nothing; an empty text stays."""
    return {
        name: value for name, value in fields.items() if value is not None and value not in EMPTY
    }
