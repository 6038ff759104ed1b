"""The index as all that reads it knows it: names, months, versions, and every document in pages."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # a quarter of a second, which most who need a name of this module never use
    from elasticsearch import Elasticsearch

ALIAS = "emotions"
"""Behind it are the months of the family that is read."""
DELETIONS = "emotions-deletions-v1"
"""Which posts their platforms have deleted; `_id` is the post's key."""
MONTH = re.compile(r"emotions-v\d+-(?!0000)(\d{4})\.(0[1-9]|1[0-2])")
"""The name of a month's index."""

PAGE = 2000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)

Query = Mapping[str, Any]


def version_of(observed_at: datetime) -> int:
    """Gives the document's external version: the observation in milliseconds since 1970."""
    return max(0, (observed_at - EPOCH) // MILLISECOND)


def month_of(created_at: datetime) -> str:
    """Gives the month of a post's own time, in UTC: `2026.03`."""
    moment = created_at.astimezone(UTC)
    return f"{moment.year:04d}.{moment.month:02d}"


def month_in(index: str) -> str | None:
    """Gives the month in the name of an index; None where it is no month of ours."""
    found = MONTH.fullmatch(index)
    return f"{found[1]}.{found[2]}" if found else None


def is_over(month: str, months: int, now: datetime) -> bool:
    """Whether a month (`2026.03`) ended `months` calendar months ago or earlier."""
    moment = now.astimezone(UTC)
    return 12 * (moment.year - int(month[:4])) + moment.month - int(month[5:]) > months


def refresh(client: "Elasticsearch") -> None:
    """Makes everything written so far visible to searches.

    A key that may only read may not do this; it sees what the node has refreshed by itself.
    """
    client.options(ignore_status=403).indices.refresh(
        index=[ALIAS, DELETIONS], ignore_unavailable=True
    )


def scan(
    client: "Elasticsearch",
    index: str,
    query: Query,
    *,
    source: bool | Mapping[str, Any] = True,
    fields: Sequence[str] = (),
    sort: Sequence[Any] = ("_shard_doc",),
) -> Iterator[Mapping[str, Any]]:
    """Gives every document that a search finds now, each once; none where there is no index.

    They come in the order that is fastest, unless `sort` asks for another one.

    A document has `_id`, `_index`, `_version` and, where asked for, `_source` (or what a filter of
    Elasticsearch leaves of it) and `fields`.
    """
    from elasticsearch import NotFoundError

    try:
        opened = client.open_point_in_time(index=index, keep_alive="2m")
    except NotFoundError:
        return
    point, after = opened["id"], None
    try:
        while True:
            answer = client.search(
                size=PAGE,
                pit={"id": point, "keep_alive": "2m"},
                sort=list(sort),
                search_after=after,
                query=query,
                source=source,
                docvalue_fields=[{"field": one, "format": "epoch_millis"} for one in fields],
                version=True,
                track_total_hits=False,
            )
            point, hits = answer["pit_id"], answer["hits"]["hits"]
            yield from hits
            if len(hits) < PAGE:
                return
            after = hits[-1]["sort"]
    finally:
        client.close_point_in_time(id=point)
