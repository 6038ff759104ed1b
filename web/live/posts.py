"""Posts as the page lists them: cut to a length, each word with its weight, links checked."""

from collections.abc import Mapping, Sequence
from typing import Any

from classifier.predictor import Predictor
from web.live.filters import Filters, Query
from web.shading import weighed

SORTS: dict[str, list[dict[str, str]]] = {
    "latest": [{"event.ingested": "desc"}, {"@timestamp": "desc"}],
    "suggestion": [{"emostream.suggestion": "desc"}, {"@timestamp": "desc"}],
    "critical": [{"emostream.polarity.score": "asc"}, {"@timestamp": "desc"}],
}
"""The orders in which posts may be asked for."""

LATEST, MOST = 20, 100
"""Posts of an answer, if their number is not said, and at most."""

CRITICAL = -0.3
"""Polarity below which a post criticises at all."""

CHARACTERS = 600
"""Of a text, in a list."""
KEPT = 2000
"""Weighings that are remembered: the same posts are shown again and again."""

SOURCE = [
    "@timestamp", "message", "event", "url.full", "user.name", "user.full_name", "tags",
    "emostream.emotion.labels", "emostream.emotion.primary", "emostream.emotion.confidence",
    "emostream.polarity.label", "emostream.polarity.score", "emostream.comment_class",
    "emostream.suggestion", "emostream.topic.labels", "emostream.text_language",
    "emostream.counts.likes", "emostream.origin.video", "emostream.abstained",
]  # fmt: skip


def search(filters: Filters, order: str, size: int) -> Query:
    """The search for some posts."""
    query = filters.query()
    if order == "critical":
        below = {"range": {"emostream.polarity.score": {"lt": CRITICAL}}}
        query = {"bool": {"filter": [query, below]}}
    return {
        "size": size,
        "query": query,
        "sort": SORTS[order],
        "_source": SOURCE,
        "track_total_hits": False,
    }


class Shown:
    """Makes posts of hits."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._weighed: dict[tuple[str, str, str], Mapping[str, Any]] = {}

    def of(self, hits: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Gives the posts of some hits."""
        return [self._post(hit["_id"], hit["_source"]) for hit in hits]

    def _post(self, key: str, source: Mapping[str, Any]) -> dict[str, Any]:
        ours, event = source.get("emostream", {}), source.get("event", {})
        emotion, user = ours.get("emotion", {}), source.get("user", {})
        whole: str = source.get("message", "")
        text = whole[:CHARACTERS]
        url = source.get("url", {}).get("full")
        return {
            "id": key,
            "text": text,
            "cut": len(whole) - len(text),
            "at": source["@timestamp"],
            "ingested": event.get("ingested"),
            "platform": event.get("provider"),
            # Only what a browser opens as a page: the address is the author's.
            "url": url if url and url.startswith(("https://", "http://")) else None,
            "name": user.get("full_name") or user.get("name"),
            "tags": source.get("tags", []),
            "emotions": emotion.get("labels", []),
            "primary": emotion.get("primary"),
            "confidence": emotion.get("confidence"),
            "polarity": ours.get("polarity", {}),
            "comment_class": ours.get("comment_class"),
            "suggestion": ours.get("suggestion"),
            "topics": ours.get("topic", {}).get("labels", []),
            "language": ours.get("text_language"),
            "likes": ours.get("counts", {}).get("likes"),
            "abstained": ours.get("abstained"),
            "weighing": self._weighing(key, text, emotion.get("primary")),
        }

    def _weighing(self, key: str, text: str, emotion: str | None) -> Mapping[str, Any] | None:
        """What each word adds, by the model that answers now: the index has only the strongest."""
        if emotion is None or emotion == "neutral":
            return None
        place = (key, text, emotion)
        known = self._weighed.get(place)
        if known is None:
            if len(self._weighed) >= KEPT:
                self._weighed.clear()
            known = self._weighed[place] = weighed(self._predictor, text, emotion)
        return known
