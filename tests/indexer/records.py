"""Records for the tests of the indexer, and a node of the stack with nothing of ours on it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from elasticsearch import Elasticsearch

from indexer.bulk import Limits
from indexer.templates import fields
from stream.posts import (
    Author,
    Classification,
    ClassifiedPost,
    Deletion,
    Origin,
    Polarity,
    Post,
)
from stream.records import Item, Received

NOON = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
CRAWL = "crawl-1"

PROBABILITY = "emostream.emotion.probability."
LABELS = tuple(n.removeprefix(PROBABILITY) for n in fields() if n.startswith(PROBABILITY))

TOPIC = "emostream.topic.probability."
TOPICS = tuple(n.removeprefix(TOPIC) for n in fields() if n.startswith(TOPIC))

LIMITS = Limits(actions=1000, bytes=1_000_000, retry_seconds=0.01)


def origin(crawl: str = CRAWL) -> Origin:
    return Origin(crawl=crawl)


def classification(label: str = "joy", **changes: Any) -> Classification:
    return Classification(
        **{
            "model": "tiny-1",
            "emotions": (label,),
            "primary": label,
            "probabilities": dict.fromkeys(LABELS, 0.01) | {label: 0.9},
            "polarity": Polarity(
                label="positive",
                score=0.5,
                probabilities={"negative": 0.1, "neutral": 0.3, "positive": 0.6},
            ),
            "classified_at": NOON + timedelta(seconds=2),
        }
        | changes
    )


def classified(
    native_id: str = "1", primary: str = "joy", labels: Any = None, **changes: Any
) -> ClassifiedPost:
    """A classified post; `changes` are fields of the post."""
    post = Post(
        **{
            "platform": "x",
            "native_id": native_id,
            "text": f"such {primary} today",
            "created_at": NOON,
            "observed_at": changes.get("created_at", NOON) + timedelta(seconds=1),
            "author": Author(name="ann"),
            "origin": origin(),
        }
        | changes
    )
    return ClassifiedPost(post=post, classification=labels or classification(primary))


def deletion(native_id: str = "1", **changes: Any) -> Deletion:
    return Deletion(
        **{
            "platform": "x",
            "native_id": native_id,
            "deleted_at": NOON + timedelta(hours=1),
            "origin": origin(),
        }
        | changes
    )


def items(*records: Any) -> list[Item[Any]]:
    """The records as a station receives them."""
    return [
        Item(record, Received("posts.classified", 0, offset, record.key.encode(), b"original"))
        for offset, record in enumerate(records)
    ]


def found(client: Elasticsearch, native_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The documents of March 2026 under these ids, in real time."""
    answer = client.mget(index="emotions-v1-2026.03", ids=[f"x:{one}" for one in native_ids])
    return {doc["_id"]: doc["_source"] for doc in answer["docs"] if doc.get("found")}
