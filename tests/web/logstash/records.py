"""Classified posts that use every field, and few; Logstash's mapping is tried on them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from stream.posts import (
    Author,
    ClassifiedPost,
    ContextAnnotation,
    Counts,
    Entity,
    Origin,
    Post,
)
from tests.indexer.records import TOPICS, classification

INGESTED = datetime(2026, 4, 5, 6, 7, 8, 9_000, tzinfo=UTC)
WHEN = datetime(2026, 3, 1, 0, 30, 0, 123_456, tzinfo=timezone(timedelta(hours=2)))
"""In UTC it is still February, and a Saturday."""


def records() -> list[ClassifiedPost]:
    """Gives the posts."""
    full = Post(
        platform="x",
        native_id="17",
        text="so happy for you! #JOY",
        created_at=WHEN,
        observed_at=WHEN + timedelta(days=2, microseconds=-1),
        url="https://x.example/17",
        author=Author(id="a1", name="someone", display_name="Some One", followers=0),
        language="en",
        hashtags=("JOY", "Été", "joy"),
        mentions=("other", "someone", "other"),
        links=(
            "https://www.Example.org/a?b#c",
            "https://example.org:8080/x",
            "http://user:secret@host.example/",
            "https://münchen.example/ü",
            "//plain.example/p",
            "https://[::1]:9200/",
            "no link",
            "https://www.Example.org/a?b#c",
        ),
        reply_to="16",
        conversation="1",
        counts=Counts(likes=0, views=9),
        entities=(
            Entity(type="Person", text="Ada Lovelace", probability=0.9),
            Entity(type="Organization", text="ACME"),
            Entity(type="Other", text="Straße"),
        ),
        context=(
            ContextAnnotation(domain_id="3", domain="Politicians", entity="ADA LOVELACE"),
            ContextAnnotation(domain="Interests", entity="Computing"),
        ),
        distant_labels=("joy",),
        origin=Origin(crawl="c1", query="joy lang:en", rules=("r1", "r2")),
    )
    topics = dict.fromkeys(TOPICS, 0.1)
    rich = classification(
        ekman=("joy",), sentiment_groups=("positive",), words=("happy", "for"), suggestion=0.25,
        comment_class="positive", topics=(TOPICS[0],), topic_probabilities=topics, language="en",
        classified_at=WHEN + timedelta(days=3),
    )  # fmt: skip
    small = Post(
        platform="youtube",
        native_id="a.b-c",
        text="",
        created_at=datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        observed_at=datetime(2026, 12, 31, 23, 59, 59, 1, tzinfo=UTC),
        origin=Origin(crawl="c1"),
    )
    silent = classification(emotions=(), primary=None, abstained="no text")
    named = (Entity(type="product", text="STRASSE"), Entity(type="OTHER", text="STRASSE"))
    return [
        ClassifiedPost(post=full, classification=rich, entities=named, recogniser="spacy:x"),
        ClassifiedPost(post=small, classification=silent),
        *(
            ClassifiedPost(
                post=small.model_copy(
                    update={"native_id": str(day), "created_at": WHEN + timedelta(days=day)}
                ),
                classification=silent,
            )
            for day in range(7)
        ),
    ]
