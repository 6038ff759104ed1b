"""A classified post becomes a document."""

from datetime import UTC, datetime, timedelta, timezone

import orjson
import pytest

from indexer.documents import PREFIX, checked_id, document
from stream.errors import InvalidRecord
from stream.index import month_of, version_of
from stream.posts import Author, ContextAnnotation, Counts, Entity, Origin, Polarity
from tests.indexer.records import LABELS, NOON, TOPICS, classification, classified

WRITTEN = NOON + timedelta(seconds=3)

FULL = classified(
    "42",
    platform="youtube",
    text="Wow! #Fun",
    url="https://example.org/42",
    author=Author(id="7", name="ann", display_name="Ann A.", followers=9),
    language="en",
    hashtags=("Fun", "FUN", "Day"),
    mentions=("bob", "ann"),
    links=("https://example.org/a",),
    reply_to="41",
    conversation="40",
    counts=Counts(likes=1, replies=2, reposts=3, quotes=4, bookmarks=5, views=6),
    entities=tuple(
        Entity(type=kind, text=f"a {kind}", probability=0.8)
        for kind in ("Person", "Place", "Organization", "Product", "Other")
    ),
    context=(ContextAnnotation(domain_id="1", domain="Sport", entity_id="2", entity="Chess"),),
    distant_labels=("joy",),
    origin=Origin(crawl="c", query="q", channel="ch", video="v", stream="s", rules=("r1", "r2")),
    labels=classification(
        "joy",
        probabilities={label: n / 100 for n, label in enumerate(LABELS)},
        abstained="no known word",
        ekman=("joy", "surprise"),
        sentiment_groups=("positive",),
        words=("wow", "such fun"),
        suggestion=0.2,
        comment_class="positive",
        topics=("gaming",),
        topic_probabilities={topic: n / 100 for n, topic in enumerate(TOPICS)},
        language="en",
    ),
).model_copy(update={"recogniser": "tiny@1"})

GOLDEN = {
    "@timestamp": "2026-03-14T12:00:00.000Z",
    "ecs": {"version": "9.1.0"},
    "message": "Wow! #Fun",
    "event": {
        "id": "42",
        "dataset": "emostream.posts",
        "provider": "youtube",
        "created": "2026-03-14T12:00:01.000Z",
        "ingested": "2026-03-14T12:00:03.000Z",
    },
    "url": {"full": "https://example.org/42"},
    "user": {"id": "7", "name": "ann", "full_name": "Ann A."},
    "related": {"user": ["ann", "bob"]},
    "tags": ["fun", "day"],
    "emostream": {
        "schema_version": 1,
        "weekday": "6 Saturday",
        "hour": "12",
        "delay": 1,
        "language": "en",
        "text_language": "en",
        "links": ["https://example.org/a"],
        "reply_to": "41",
        "conversation": "40",
        "author": {"followers": 9},
        "counts": {
            "likes": 1,
            "replies": 2,
            "reposts": 3,
            "quotes": 4,
            "bookmarks": 5,
            "views": 6,
        },
        "link_hosts": ["example.org"],
        "entities": {
            "person": ["a Person"],
            "place": ["a Place"],
            "organisation": ["a Organization"],
            "product": ["a Product"],
            "other": ["a Other"],
        },
        "recogniser": "tiny@1",
        "distant_labels": ["joy"],
        "context": [{"domain": "Sport", "entity": "Chess"}],
        "origin": {
            "crawl": "c",
            "query": "q",
            "channel": "ch",
            "video": "v",
            "stream": "s",
            "rules": ["r1", "r2"],
        },
        "emotion": {
            "labels": ["joy"],
            "primary": "joy",
            "confidence": 0.17,
            "ekman": ["joy", "surprise"],
            "sentiment_groups": ["positive"],
            "words": ["wow", "such fun"],
            "probability": {label: n / 100 for n, label in enumerate(LABELS)},
        },
        "polarity": {
            "label": "positive",
            "score": 0.5,
            "probability": {"negative": 0.1, "neutral": 0.3, "positive": 0.6},
        },
        "suggestion": 0.2,
        "comment_class": "positive",
        "topic": {
            "labels": ["gaming"],
            "probability": {topic: n / 100 for n, topic in enumerate(TOPICS)},
        },
        "model": "tiny-1",
        "abstained": "no known word",
        "classified_at": "2026-03-14T12:00:02.000Z",
    },
}


def test_a_post_with_every_field_becomes_the_golden_document() -> None:
    one = document(FULL, WRITTEN)
    assert (one.id, one.index) == ("youtube:42", "emotions-v1-2026.03")
    assert one.version == 1773489601000
    assert orjson.loads(orjson.dumps(one.fields)) == GOLDEN


def test_what_a_post_does_not_have_is_left_out() -> None:
    labels = classification(emotions=(), primary=None, polarity=Polarity(score=0, probabilities={}))
    fields = document(classified(text="", author=Author(), labels=labels), WRITTEN).fields
    assert fields["message"] == ""
    assert not {"url", "user", "related", "tags"} & set(fields)
    assert set(fields["emostream"]) == {
        "schema_version",
        "weekday",
        "hour",
        "delay",
        "origin",
        "emotion",
        "polarity",
        "model",
        "classified_at",
    }
    assert set(fields["emostream"]["emotion"]) == {"probability"}
    assert fields["emostream"]["polarity"] == {"score": 0.0}


def test_the_bulk_action_names_index_id_and_external_version() -> None:
    action, fields, rest = document(FULL, WRITTEN).bulk_action().split(b"\n")
    assert orjson.loads(action) == {
        "index": {
            "_index": "emotions-v1-2026.03",
            "_id": "youtube:42",
            "version": 1773489601000,
            "version_type": "external_gte",
        }
    }
    assert orjson.loads(fields) == GOLDEN
    assert rest == b""


@pytest.mark.parametrize(
    ("created_at", "index"),
    [
        (datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC), "emotions-v1-2026.01"),
        (datetime(2026, 2, 1, 0, 30, tzinfo=timezone(timedelta(hours=1))), "emotions-v1-2026.01"),
        (datetime(2003, 1, 1, tzinfo=UTC), "emotions-v1-2003.01"),
    ],
)
def test_the_index_is_the_month_of_the_posts_own_time_in_utc(
    created_at: datetime, index: str
) -> None:
    assert document(classified(created_at=created_at), WRITTEN).index == index
    assert PREFIX + month_of(created_at) == index


def test_a_post_seen_and_written_in_later_months_goes_into_that_of_its_own_time() -> None:
    last = datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC)
    post = classified(created_at=last, observed_at=last + timedelta(seconds=1))
    assert document(post, WRITTEN).index == "emotions-v1-2026.01"


@pytest.mark.parametrize(
    ("created_at", "weekday", "hour"),
    [
        (datetime(2026, 3, 15, 23, 59, 59, tzinfo=UTC), "7 Sunday", "23"),
        (datetime(2026, 3, 16, 0, 30, tzinfo=timezone(timedelta(hours=1))), "7 Sunday", "23"),
        (datetime(2026, 3, 16, 9, 5, tzinfo=UTC), "1 Monday", "09"),
    ],
)
def test_weekday_and_hour_are_of_the_posts_own_time_in_utc(
    created_at: datetime, weekday: str, hour: str
) -> None:
    ours = document(classified(created_at=created_at), WRITTEN).fields["emostream"]
    assert (ours["weekday"], ours["hour"]) == (weekday, hour)


@pytest.mark.parametrize(
    ("observed_after", "delay"),
    [(timedelta(hours=2), 7200), (timedelta(milliseconds=999), 0), (timedelta(seconds=-30), -30)],
)
def test_the_delay_is_from_the_posts_own_time_to_its_observation(
    observed_after: timedelta, delay: int
) -> None:
    ours = document(classified(observed_at=NOON + observed_after), WRITTEN).fields["emostream"]
    assert ours["delay"] == delay


def test_the_confidence_is_the_probability_of_the_primary_emotion() -> None:
    labels = classification("fear", probabilities={"joy": 0.9, "fear": 0.4})
    emotion = document(classified(labels=labels), WRITTEN).fields["emostream"]["emotion"]
    assert emotion["confidence"] == 0.4


def test_the_version_follows_the_observation_and_nothing_else() -> None:
    first = document(classified(), WRITTEN)
    relabelled = document(classified(primary="anger"), WRITTEN + timedelta(days=1))
    later = document(classified(observed_at=NOON + timedelta(minutes=1)), WRITTEN)
    assert first.version == relabelled.version < later.version


def test_a_time_before_1970_has_a_version_that_elasticsearch_takes() -> None:
    assert version_of(datetime(1960, 1, 1, tzinfo=UTC)) == 0


def test_an_id_of_more_than_512_bytes_is_refused() -> None:
    assert checked_id("x:" + "é" * 255) == "x:" + "é" * 255
    with pytest.raises(InvalidRecord, match="514 bytes"):
        checked_id("x:" + "é" * 256)
