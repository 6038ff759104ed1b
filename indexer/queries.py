"""The read side of the index: counts, words, and every document.

Every function reads the alias, so it works for however many months there are, and for none.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from elasticsearch import Elasticsearch

from stream import index
from stream.index import ALIAS, DELETIONS, PAGE, scan

WORDS = 8
"""Shown behind one emotion."""
CANDIDATES = 40
"""Significant words that are asked for, so that enough of them are an emotion's own."""
TOP_EMOTIONS = 3

Query = dict[str, Any]

refresh = index.refresh


@dataclass(frozen=True)
class Overview:
    """What the index says of some posts. The counts are in descending order."""

    crawl: str | None
    posts: int
    emotions: dict[str, int]
    polarities: dict[str, int]
    platforms: dict[str, int]
    languages: dict[str, int]
    comment_classes: dict[str, int]
    topics: dict[str, int]
    abstained: int
    mean_polarity: float | None
    busiest_hour: datetime | None
    busiest_posts: int
    seconds: float
    """From the first post classified to the last one indexed."""

    @property
    def top_emotions(self) -> list[str]:
        """The commonest emotions that are one: neutral says that there is none."""
        return [label for label in self.emotions if label != "neutral"][:TOP_EMOTIONS]

    @property
    def posts_per_second(self) -> float | None:
        """How fast they went from the classifier into the index."""
        return self.posts / self.seconds if self.seconds else None


def of_crawl(crawl: str | None) -> Query:
    """Selects one crawl's documents, or all."""
    return {"term": {"emostream.origin.crawl": crawl}} if crawl else {"match_all": {}}


def count(client: Elasticsearch, query: Query) -> int:
    """Counts documents."""
    answer = client.count(index=ALIAS, query=query, ignore_unavailable=True)
    return int(answer["count"])


def overview(client: Elasticsearch, crawl: str | None = None) -> Overview:
    """Counts some posts in every way the summary shows."""
    refresh(client)
    answer = client.search(
        index=ALIAS,
        ignore_unavailable=True,
        size=0,
        track_total_hits=True,
        query=of_crawl(crawl),
        aggregations={
            "emotions": _terms("emostream.emotion.primary", 28),
            "polarities": _terms("emostream.polarity.label", 3),
            "platforms": _terms("event.provider", 10),
            "languages": _terms("emostream.language", 5),
            "comment_classes": _terms("emostream.comment_class", 5),
            "topics": _terms("emostream.topic.labels", 5),
            "abstained": {"filter": {"exists": {"field": "emostream.abstained"}}},
            "polarity": {"avg": {"field": "emostream.polarity.score"}},
            "hours": {
                "date_histogram": {
                    "field": "@timestamp",
                    "fixed_interval": "1h",
                    "min_doc_count": 1,
                    "order": {"_count": "desc"},
                }
            },
            "first": {"min": {"field": "emostream.classified_at"}},
            "last": {"max": {"field": "event.ingested"}},
        },
    )
    found = answer.get("aggregations") or {}
    hours = _buckets(found, "hours")
    first, last = (found.get(name, {}).get("value") for name in ("first", "last"))
    return Overview(
        crawl=crawl,
        posts=int(answer["hits"]["total"]["value"]),
        emotions=_counts(found, "emotions"),
        polarities=_counts(found, "polarities"),
        platforms=_counts(found, "platforms"),
        languages=_counts(found, "languages"),
        comment_classes=_counts(found, "comment_classes"),
        topics=_counts(found, "topics"),
        abstained=int(found.get("abstained", {}).get("doc_count", 0)),
        mean_polarity=found.get("polarity", {}).get("value"),
        busiest_hour=datetime.fromisoformat(hours[0]["key_as_string"]) if hours else None,
        busiest_posts=int(hours[0]["doc_count"]) if hours else 0,
        seconds=(last - first) / 1000 if first is not None and last is not None else 0.0,
    )


def words(client: Elasticsearch, emotion: str, crawl: str | None = None) -> list[str]:
    """Gives the words behind an emotion, as the classifier explains it, the most telling first.

    Told are words that stand behind this emotion in at least half of the posts where they stand
    behind any; where there is none, the commonest. All are of the one crawl, or of all.
    """
    among = of_crawl(crawl)
    answer = client.search(
        index=ALIAS,
        ignore_unavailable=True,
        size=0,
        query={"bool": {"filter": [among, {"term": {"emostream.emotion.primary": emotion}}]}},
        aggregations={
            "telling": {
                "significant_terms": {
                    "field": "emostream.emotion.words",
                    "size": CANDIDATES,
                    "min_doc_count": 1,
                    "background_filter": among,
                }
            },
            "common": _terms("emostream.emotion.words", WORDS),
        },
    )
    found = answer.get("aggregations") or {}
    own = [
        one["key"] for one in _buckets(found, "telling") if 2 * one["doc_count"] >= one["bg_count"]
    ]
    return own[:WORDS] or list(_counts(found, "common"))


def deletions(client: Elasticsearch, crawl: str | None = None) -> int:
    """Counts the deletions on record, of one crawl or of all."""
    query = {"term": {"crawl": crawl}} if crawl else {"match_all": {}}
    answer = client.count(index=DELETIONS, query=query, ignore_unavailable=True)
    return int(answer["count"])


def all_documents(
    client: Elasticsearch,
    query: Query | None = None,
    *,
    crawl: str | None = None,
    source: bool = True,
) -> Iterator[Mapping[str, Any]]:
    """Gives every document that a search finds now, each once.

    A document has `_id`, `_index`, `_version` (its observation, in ms) and `_source`.
    """
    return scan(client, ALIAS, query or of_crawl(crawl), source=source)


def present(client: Elasticsearch, ids: Sequence[str]) -> dict[str, int]:
    """Gives those of the ids that have a document, with its version."""
    found: dict[str, int] = {}
    for start in range(0, len(ids), PAGE):
        query: Query = {"ids": {"values": list(ids[start : start + PAGE])}}
        for hit in all_documents(client, query, source=False):
            found[hit["_id"]] = hit["_version"]
    return found


def _terms(field: str, size: int) -> dict[str, Any]:
    return {"terms": {"field": field, "size": size}}


def _buckets(found: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    buckets: list[dict[str, Any]] = found.get(name, {}).get("buckets", [])
    return buckets


def _counts(found: Mapping[str, Any], name: str) -> dict[str, int]:
    return {bucket["key"]: int(bucket["doc_count"]) for bucket in _buckets(found, name)}
