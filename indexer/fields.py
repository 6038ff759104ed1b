"""The fields of a document, as structs that are written as JSON in one pass.

docs/records.md describes every field; what is null or empty is left out.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from functools import lru_cache

import orjson
from msgspec import Raw, Struct, field, json

from indexer import entities
from stream import structs

DATASET = "emostream.posts"
ECS_VERSION = "9.1.0"

ECS = Raw(orjson.dumps({"version": ECS_VERSION}))
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


class _Part(Struct, omit_defaults=True, gc=False):
    """A part of a document: what is null or empty in it is left out."""


class _Event(Struct, gc=False):
    id: str
    provider: str
    created: str
    ingested: str
    dataset: str = DATASET


class _Url(_Part):
    full: str


class _User(_Part):
    id: str | None = None
    name: str | None = None
    full_name: str | None = None


class _Related(_Part):
    user: list[str]


class _Author(_Part):
    followers: int


class _Context(_Part):
    domain: str
    entity: str


class _Emotion(_Part):
    labels: tuple[str, ...] = ()
    primary: str | None = None
    confidence: float | None = None
    ekman: tuple[str, ...] = ()
    sentiment_groups: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    probability: Raw | None = None


class _Polarity(_Part):
    score: float
    label: str | None = None
    probability: dict[str, float] | None = None


class _Topic(_Part):
    labels: tuple[str, ...] = ()
    probability: Raw | None = None


class _Ours(_Part):
    """The fields that ECS has no name for."""

    schema_version: int
    weekday: str
    hour: str
    delay: int
    origin: structs.Origin
    polarity: _Polarity
    model: str
    classified_at: str
    language: str | None = None
    text_language: str | None = None
    links: list[str] | None = None
    link_hosts: list[str] | None = None
    reply_to: str | None = None
    conversation: str | None = None
    author: _Author | None = None
    counts: structs.Counts | None = None
    entities: dict[str, list[str]] | None = None
    recogniser: str | None = None
    context: list[_Context] | None = None
    distant_labels: tuple[str, ...] = ()
    emotion: _Emotion | None = None
    suggestion: float | None = None
    comment_class: str | None = None
    topic: _Topic | None = None
    abstained: str | None = None


class _Fields(_Part):
    timestamp: str = field(name="@timestamp")
    ecs: Raw
    message: str
    event: _Event
    emostream: _Ours
    url: _Url | None = None
    user: _User | None = None
    related: _Related | None = None
    tags: list[str] | None = None


_encode = json.Encoder().encode
_NO_COUNTS, _NO_USER, _NO_EMOTION, _NO_TOPIC = structs.Counts(), _User(), _Emotion(), _Topic()


def body(record: structs.ClassifiedPost, ingested: str) -> bytes:
    """Writes the fields of a post's document as one line of JSON."""
    post, author, links = record.post, record.post.author, record.post.links
    found, polarity = record.classification, record.classification.polarity
    chances, topics = found.probabilities, found.topic_probabilities
    created = post.created
    delay = (post.observed_at - post.created_at) // SECOND
    user = _User(author.id, author.name, author.display_name)
    emotion = _Emotion(
        found.emotions,
        found.primary,
        chances.get(found.primary) if found.primary else None,
        found.ekman,
        found.sentiment_groups,
        found.words,
        _numbers(chances),
    )
    topic = _Topic(found.topics, _numbers(topics))
    # By position: naming them takes four times as long.
    ours = _Ours(
        record.schema_version,
        _weekday(created[:10]),
        created[11:13],
        delay,
        post.origin,
        _Polarity(polarity.score, polarity.label, polarity.probabilities or None),
        found.model,
        _milliseconds(found.classified),
        post.language,
        found.language,
        _distinct(links) if links else None,
        (entities.hosts(links) or None) if links else None,
        post.reply_to,
        post.conversation,
        _Author(author.followers) if author.followers is not None else None,
        post.counts if post.counts != _NO_COUNTS else None,
        entities.by_kind(record) or None,
        record.recogniser,
        [_Context(one.domain, one.entity) for one in post.context] or None,
        post.distant_labels,
        emotion if emotion != _NO_EMOTION else None,
        found.suggestion,
        found.comment_class,
        topic if topic != _NO_TOPIC else None,
        found.abstained,
    )
    fields = _Fields(
        _milliseconds(created),
        ECS,
        post.text,
        _Event(post.native_id, post.platform, _milliseconds(post.observed), ingested),
        ours,
        _Url(post.url) if post.url is not None else None,
        user if user != _NO_USER else None,
        _Related(related) if (related := _related(post)) else None,
        _distinct([tag.lower() for tag in post.hashtags]) if post.hashtags else None,
    )
    return _encode(fields)


def _numbers(of: dict[str, float]) -> Raw | None:
    # orjson writes numbers in half of msgspec's time.
    return Raw(orjson.dumps(of)) if of else None


def _related(post: structs.Post) -> list[str]:
    author = [post.author.name] if post.author.name else []
    return _distinct([*author, *post.mentions]) if post.mentions else author


def _distinct(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _milliseconds(time: str) -> str:
    """Cuts the time of a struct to what Elasticsearch keeps."""
    return f"{time[:23]}Z" if len(time) > structs.WHOLE else f"{time[:-1]}.000Z"


@lru_cache(1000)
def _weekday(day: str) -> str:
    """Names the weekday of a day: `2026-03-14` is "6 Saturday"."""
    return WEEKDAYS[date.fromisoformat(day).weekday()]
