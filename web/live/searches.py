"""The searches behind the view of the index, and what their answers say.

Two requests, whatever there is to see: one for the time that the posts span, one with all the rest.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from classifier.labels import EMOTIONS
from stream.index import ALIAS
from web.live.filters import NAMES, Filters, Query

COLUMNS = 90
"""Of a chart over time, at most."""

MINUTE, HOUR, DAY = 60, 3600, 86_400
STEPS = (
    1, 5, 10, 30, MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE,
    HOUR, 2 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 7 * DAY, 30 * DAY, 90 * DAY, 365 * DAY,
)  # fmt: skip
"""Seconds that a column may span."""

WORDS = 24
CANDIDATES = 60
"""Significant words that are asked for, so that enough of them are the emotion's own."""

Answer = Mapping[str, Any]


def step_of(start: int, end: int) -> int:
    """Gives the seconds of a column for a span of time in milliseconds."""
    span = max(0, end - start) / 1000
    return next((one for one in STEPS if span / one < COLUMNS), STEPS[-1])


def span(filters: Filters) -> Query:
    """The search for the time that the posts span, and for their commonest emotions."""
    return {
        "size": 0,
        "query": filters.query(),
        "aggs": {
            "first": {"min": {"field": "@timestamp"}},
            "last": {"max": {"field": "@timestamp"}},
            "emotions": terms("emostream.emotion.primary", 2),
        },
    }


def read_span(answer: Answer) -> tuple[int, int, str | None]:
    """Gives the first and the last moment in milliseconds, and the commonest emotion.

    Neutral says that there is no emotion, so it counts only where nothing else is.
    """
    found = answer.get("aggregations") or {}
    first, last = (int(found.get(name, {}).get("value") or 0) for name in ("first", "last"))
    emotions = sorted(counts(found, "emotions"), key=lambda one: one == "neutral")
    return first, last, emotions[0] if emotions else None


def overview(filters: Filters, emotion: str | None, step: int) -> list[Query]:
    """All the rest, as header and body of each search in one request."""
    posts = {"index": ALIAS, "ignore_unavailable": True}
    return [
        posts,
        _counted(filters, step),
        posts,
        _choices(filters),
        posts,
        _words(filters, emotion),
    ]


def read_overview(answers: Sequence[Answer]) -> dict[str, Any]:
    """Gives what the page shows, less the time that it spans."""
    counted, choices, words = answers
    found = counted.get("aggregations") or {}
    names: dict[str, int] = {}
    for kind in NAMES:
        for name, posts in counts(found, kind).items():
            names[name] = max(posts, names.get(name, 0))
    return {
        "posts": counted["hits"]["total"]["value"],
        "mood": found.get("mood", {}).get("value"),
        "timeline": [_column(one) for one in buckets(found, "timeline")],
        **{
            name: counts(found, name)
            for name in (
                "emotions", "polarities", "comment_classes", "topics", "tags", "platforms",
                "languages", "videos",
            )
        },
        "names": dict(sorted(names.items(), key=lambda one: -one[1])[:WORDS]),
        "choices": {
            name: counts(choices.get("aggregations") or {}, name)
            for name in ("platforms", "languages", "emotions", "tags", "videos")
        },
        "words": _own(words.get("aggregations") or {}),
    }  # fmt: skip


def _counted(filters: Filters, step: int) -> Query:
    emotions = terms("emostream.emotion.primary", len(EMOTIONS))
    mood = {"avg": {"field": "emostream.polarity.score"}}
    return {
        "size": 0,
        "track_total_hits": True,
        "query": filters.query(),
        "aggs": {
            "timeline": {
                "date_histogram": {"field": "@timestamp", "fixed_interval": f"{step}s"},
                "aggs": {"emotions": emotions, "mood": mood},
            },
            "mood": mood,
            "emotions": emotions,
            "polarities": terms("emostream.polarity.label", 3),
            "comment_classes": terms("emostream.comment_class", 5),
            "topics": terms("emostream.topic.labels", 19),
            "tags": terms("tags", WORDS),
            "platforms": terms("event.provider", 12),
            "languages": terms("emostream.text_language", 12),
            "videos": terms("emostream.origin.video", WORDS),
            **{kind: terms(field, WORDS) for kind, field in NAMES.items()},
        },
    }


def _choices(filters: Filters) -> Query:
    """What there is to choose from, whatever is chosen already."""
    return {
        "size": 0,
        "query": filters.time_only(),
        "aggs": {
            "platforms": terms("event.provider", 30),
            "languages": terms("emostream.text_language", 40),
            "emotions": terms("emostream.emotion.primary", len(EMOTIONS)),
            "tags": terms("tags", 50),
            "videos": terms("emostream.origin.video", 50),
        },
    }


def _words(filters: Filters, emotion: str | None) -> Query:
    """The words of an emotion, whichever of them is chosen."""
    posts = filters.query("emotion", "word")
    of_emotion = {"term": {"emostream.emotion.primary": emotion or ""}}
    telling = {
        "field": "emostream.emotion.words",
        "size": CANDIDATES,
        "min_doc_count": 1,
        "background_filter": posts,
    }
    return {
        "size": 0,
        "query": {"bool": {"filter": [posts, of_emotion]}},
        "aggs": {
            "telling": {"significant_terms": telling},
            "common": terms("emostream.emotion.words", WORDS),
        },
    }


def _own(found: Answer) -> list[dict[str, Any]]:
    """The words that stand behind this emotion in half of the posts where they do behind any.

    Where there are none, the commonest.
    """
    own = {
        one["key"]: one["doc_count"]
        for one in buckets(found, "telling")
        if 2 * one["doc_count"] >= one["bg_count"]
    }
    chosen = own or counts(found, "common")
    return [{"word": word, "posts": posts} for word, posts in list(chosen.items())[:WORDS]]


def _column(bucket: Answer) -> dict[str, Any]:
    return {
        "at": bucket["key"],
        "posts": bucket["doc_count"],
        "mood": bucket["mood"]["value"],
        "emotions": counts(bucket, "emotions"),
    }


def terms(field: str, size: int) -> Query:
    """The aggregation that counts the values of a field, the commonest first."""
    return {"terms": {"field": field, "size": size}}


def buckets(found: Answer, name: str) -> list[dict[str, Any]]:
    """Gives what an aggregation found; nothing where there was no index."""
    rows: list[dict[str, Any]] = found.get(name, {}).get("buckets", [])
    return rows


def counts(found: Answer, name: str) -> dict[str, int]:
    """Gives value to number of documents, in the order of the answer."""
    return {one["key"]: one["doc_count"] for one in buckets(found, name)}
