"""Every panel's search, sent to the live node: what a Kibana would show, in numbers of rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from elasticsearch import Elasticsearch

from kibana.queries import searches
from kibana.reading import Contents
from kibana.rows import rows


@dataclass(frozen=True)
class Filled:
    """How many rows a part of a dashboard has."""

    page: str
    part: str
    rows: int


def ask(client: Elasticsearch, contents: Contents, since: str = "") -> list[Filled]:
    """Counts the rows of each panel, control and saved search; of several layers, the least."""
    found: dict[str, int] = {}
    for search in searches(contents, since):
        answer = client.search(
            index=contents.views[search.view],
            body=search.body,
            ignore_unavailable=True,
        )
        number = rows(search, answer.body)
        if not search.optional:
            found[search.place] = min(number, found.get(search.place, number))
    return [_filled(place, number) for place, number in found.items()]


def told(parts: Sequence[Filled]) -> list[str]:
    """Writes the counts, dashboard by dashboard, and how many parts are empty."""
    pages: Mapping[str, list[Filled]] = {part.page: [] for part in parts}
    for part in parts:
        pages[part.page].append(part)
    lines = []
    for page, its in pages.items():
        lines.append(page)
        lines += [
            f"  {part.part:<48} " + (f"{part.rows:>6,}" if part.rows else " empty") for part in its
        ]
    empty = sum(not part.rows for part in parts)
    total = f"{len(parts)} panels, controls and tables"
    return [*lines, f"{total}: none is empty" if not empty else f"{total}: {empty} empty"]


def _filled(place: str, number: int) -> Filled:
    page, part = place.split(" / ", 1)
    return Filled(page, part, number)
