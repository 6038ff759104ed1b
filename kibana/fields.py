"""The fields that the dashboards use: their names, labels for people, and how values are shown.

A format changes what is seen, never what is filtered: a click on "😄 joy" asks for `joy`.
"""

from collections.abc import Iterable

from indexer import templates
from kibana.objects import Json
from stream.faces import COLOURS, COMMENT_COLOURS, FACES, POLARITY_COLOURS

TIME = "@timestamp"
TEXT = "message"
LINK = "url.full"
PLATFORM = "event.provider"
INGESTED = "event.ingested"
AUTHOR = "user.name"
AUTHOR_ID = "user.id"
HASHTAG = "tags"
LANGUAGE = "emostream.text_language"
WEEKDAY = "emostream.weekday"
HOUR = "emostream.hour"
DELAY = "emostream.delay"
LIKES = "emostream.counts.likes"
EMOTION = "emostream.emotion.primary"
EMOTIONS = "emostream.emotion.labels"
EKMAN = "emostream.emotion.ekman"
WORDS = "emostream.emotion.words"
CONFIDENCE = "emostream.emotion.confidence"
POLARITY = "emostream.polarity.label"
MOOD = "emostream.polarity.score"
COMMENT_CLASS = "emostream.comment_class"
SUGGESTION = "emostream.suggestion"
TOPIC = "emostream.topic.labels"
QUERY = "emostream.origin.query"
RULE = "emostream.origin.rules"
VIDEO = "emostream.origin.video"
CHANNEL = "emostream.origin.channel"
PERSON = "emostream.entities.person"
PLACE = "emostream.entities.place"
ORGANISATION = "emostream.entities.organisation"
PRODUCT = "emostream.entities.product"
LINK_HOST = "emostream.link_hosts"
MODEL = "emostream.model"
ABSTAINED = "emostream.abstained"

PROBABILITY = "emostream.emotion.probability."
TOPIC_PROBABILITY = "emostream.topic.probability."

STATION = "station"
STAGE = "stage"
REASON = "reason"

LABELS = {
    TIME: "Time",
    TEXT: "Post",
    LINK: "Link",
    PLATFORM: "Platform",
    INGESTED: "Indexed at",
    AUTHOR: "Author",
    HASHTAG: "Hashtag",
    LANGUAGE: "Language",
    WEEKDAY: "Weekday (UTC)",
    HOUR: "Hour (UTC)",
    DELAY: "Delay",
    LIKES: "Likes",
    EMOTION: "Emotion",
    EMOTIONS: "Emotions",
    EKMAN: "Emotion group",
    WORDS: "Words behind it",
    CONFIDENCE: "Confidence",
    POLARITY: "Polarity",
    MOOD: "Mood",
    COMMENT_CLASS: "Comment class",
    SUGGESTION: "Suggestion",
    TOPIC: "Topic",
    QUERY: "Search",
    RULE: "Stream rule",
    VIDEO: "Video",
    CHANNEL: "Channel",
    PERSON: "Person",
    PLACE: "Place",
    ORGANISATION: "Organisation",
    PRODUCT: "Product",
    LINK_HOST: "Site linked to",
    MODEL: "Model",
    ABSTAINED: "Why no label",
}

DEAD_LETTER_LABELS = {TIME: "Time", STATION: "Station", STAGE: "Stage", REASON: "Reason"}

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

WIDTHS = {
    EMOTION: 150,
    WORDS: 190,
    AUTHOR: 140,
    PLATFORM: 95,
    LIKES: 80,
    SUGGESTION: 110,
    VIDEO: 130,
    LINK: 80,
}
"""Pixels of a column in a table of posts; the text takes what is left."""

PERCENT: Json = {"id": "percent", "params": {"pattern": "0%"}}
SIGNED: Json = {"id": "number", "params": {"pattern": "+0.00"}}
DURATION: Json = {
    "id": "duration",
    "params": {
        "inputFormat": "seconds",
        "outputFormat": "humanizePrecise",
        "outputPrecision": 1,
        "includeSpaceWithSuffix": True,
        "useShortSuffix": True,
    },
}


def faced(label: str) -> str:
    """Shows an emotion with its face."""
    return f"{FACES[label]} {label}"


def plain(label: str) -> str:
    """Shows a label as words: `news_&_social_concern` as "news & social concern"."""
    return label.replace("_", " ")


def topics() -> list[str]:
    """Gives the topic domains, as the mapping names them."""
    return sorted(
        field.removeprefix(TOPIC_PROBABILITY)
        for field in templates.fields()
        if field.startswith(TOPIC_PROBABILITY)
    )


def formats() -> dict[str, Json]:
    """Gives the formats of the posts' fields."""
    faces = _lookup((label, faced(label)) for label in COLOURS)
    shares = [CONFIDENCE, SUGGESTION, *(PROBABILITY + label for label in COLOURS)]
    shares += [TOPIC_PROBABILITY + topic for topic in topics()]
    shares += [f"emostream.polarity.probability.{label}" for label in POLARITY_COLOURS]
    return {
        EMOTION: faces,
        EMOTIONS: faces,
        EKMAN: faces,
        COMMENT_CLASS: _lookup((label, plain(label)) for label in COMMENT_COLOURS),
        TOPIC: _lookup((topic, plain(topic)) for topic in topics()),
        WEEKDAY: _lookup((f"{number} {name}", name) for number, name in enumerate(WEEKDAYS, 1)),
        MOOD: SIGNED,
        DELAY: DURATION,
        LINK: {"id": "url", "params": {"labelTemplate": "read it"}},
        VIDEO: {
            "id": "url",
            "params": {
                "urlTemplate": "https://www.youtube.com/watch?v={{value}}",
                "labelTemplate": "{{value}}",
            },
        },
    } | dict.fromkeys(shares, PERCENT)


def _lookup(entries: Iterable[tuple[str, str]]) -> Json:
    pairs = [{"key": key, "value": value} for key, value in entries]
    return {"id": "static_lookup", "params": {"lookupEntries": pairs, "unknownKeyValue": None}}
