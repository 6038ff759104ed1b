"""How the line does: what came lately, what failed, what was deleted; one request."""

from collections.abc import Sequence
from typing import Any

from indexer.letters import INDEX as LETTERS
from stream.index import ALIAS, DELETIONS
from web.live.filters import Query
from web.live.searches import Answer, buckets, counts, terms

MINUTE = 60


def searches() -> list[Query]:
    """How the line does: what came lately, what failed, what was deleted."""
    lately: Query = {"range": {"event.ingested": {"gte": "now-60s"}}}
    return [
        {"index": ALIAS, "ignore_unavailable": True},
        {
            "size": 0,
            "track_total_hits": True,
            "aggs": {
                "lately": {"filter": lately},
                "newest": {"max": {"field": "event.ingested"}},
            },
        },
        {"index": LETTERS, "ignore_unavailable": True},
        {
            "size": 0,
            "track_total_hits": True,
            "aggs": {
                "lately": {"filter": {"range": {"@timestamp": {"gte": "now-1h"}}}},
                "reasons": {**terms("reason", 8), "aggs": {"stations": terms("station", 1)}},
            },
        },
        {"index": DELETIONS, "ignore_unavailable": True},
        {"size": 0, "track_total_hits": True},
    ]


def read(answers: Sequence[Answer]) -> dict[str, Any]:
    """Gives what the strip shows, less what Kafka knows."""
    posts, letters, deletions = answers
    found, failed = (one.get("aggregations") or {} for one in (posts, letters))
    newest = found.get("newest", {}).get("value")
    return {
        "posts": posts["hits"]["total"]["value"],
        "a_second": round(found.get("lately", {}).get("doc_count", 0) / MINUTE, 2),
        "newest": int(newest) if newest else None,
        "dead_letters": letters["hits"]["total"]["value"],
        "dead_letters_in_an_hour": failed.get("lately", {}).get("doc_count", 0),
        "reasons": [
            {
                "station": next(iter(counts(one, "stations")), None),
                "reason": one["key"],
                "letters": one["doc_count"],
            }
            for one in buckets(failed, "reasons")
        ],
        "deletions": deletions["hits"]["total"]["value"],
    }
