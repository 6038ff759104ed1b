"""Every field against the mapping of its index: it exists, and its type fits the question."""

import json
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatch
from functools import cache
from typing import Any

from indexer import templates
from kibana import kql
from kibana.columns import RECORDS
from kibana.objects import Json
from kibana.reading import Contents, ControlList, LensPanel, Page, SearchPanel, place, read
from stream.index import ALIAS

NUMBERS = frozenset({"long", "integer", "short", "byte", "double", "float", "half_float"})
LISTED = NUMBERS | {"keyword", "date", "boolean", "ip"}
TYPES: Mapping[str, frozenset[str]] = {
    "date_histogram": frozenset({"date"}),
    "terms": LISTED,
    "range": NUMBERS,
    "average": NUMBERS,
    "sum": NUMBERS,
    "median": NUMBERS,
    "percentile": NUMBERS,
    "min": NUMBERS | {"date"},
    "max": NUMBERS | {"date"},
    "unique_count": LISTED,
}
SORTED = LISTED
OF_KIBANA = frozenset({"_id", "_index", "_source"})

Fields = Mapping[str, str]


@cache
def fields_of(pattern: str) -> dict[str, str]:
    """Gives the fields of a data view's pattern, from the index template; none if unknown."""
    if pattern == ALIAS:
        return templates.fields()
    for file in templates.FOLDER.glob("*.json"):
        template: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        covered = template.get("index_patterns", [])
        if any(fnmatch(one, pattern) or fnmatch(pattern, one) for one in covered):
            properties = template["template"].get("mappings", {}).get("properties")
            if properties:
                return templates.fields(properties)
    return {}


def faults(objects: Sequence[Json]) -> Iterator[str]:
    """Finds fields that are not in the index, or not of a type that can be asked so."""
    contents = read(objects)
    for name, pattern in contents.views.items():
        if not fields_of(pattern):
            yield f"data view {name}: no index template is for {pattern}"
    yield from _of_views(objects)
    for search in contents.searches:
        yield from _of_search(search, _view(contents, search.view))
    for page in contents.pages:
        yield from _of_page(page, contents)


def _view(contents: Contents, view: str) -> Fields:
    return fields_of(contents.views[view])


def _of_views(objects: Sequence[Json]) -> Iterator[str]:
    for one in objects:
        if one.get("type") != "index-pattern":
            continue
        attributes = one["attributes"]
        known = fields_of(attributes["title"])
        named = {attributes["timeFieldName"], *json.loads(attributes["fieldAttrs"])}
        named |= set(json.loads(attributes["fieldFormatMap"]))
        for field in sorted(named - set(known)) if known else []:
            yield f"data view {attributes['name']}: there is no field {field}"


def _of_page(page: Page, contents: Contents) -> Iterator[str]:
    for chart in page.charts:
        yield from _of_chart(chart, contents)
    for control in page.controls:
        yield from _of_control(control, _view(contents, control.view))
    views = {control.view for control in page.controls}
    for view in views:
        yield from _of_query(place(page.title, "query"), page.query, _view(contents, view))


def _of_chart(chart: LensPanel, contents: Contents) -> Iterator[str]:
    for layer in chart.layers:
        known = _view(contents, layer.view)
        yield from _of_query(place(chart.place, "query"), chart.query, known)
        for name, column in layer.columns.items():
            where = place(chart.place, name)
            if column["sourceField"] != RECORDS:
                yield from _fits(where, column, known)
            if "filter" in column:
                yield from _of_query(where, column["filter"]["query"], known)


def _fits(where: str, column: Json, known: Fields) -> Iterator[str]:
    field, operation = column["sourceField"], column["operationType"]
    if field not in known:
        yield f"{where}: there is no field {field}"
    elif known[field] not in TYPES[operation]:
        yield f"{where}: {operation} cannot be of {field}, a {known[field]}"


def _of_control(control: ControlList, known: Fields) -> Iterator[str]:
    if control.field not in known:
        yield f"{control.place}: there is no field {control.field}"
    elif known[control.field] not in LISTED:
        yield f"{control.place}: {control.field}, a {known[control.field]}, cannot be listed"


def _of_search(search: SearchPanel, known: Fields) -> Iterator[str]:
    for column in search.columns:
        if column not in known and column not in OF_KIBANA:
            yield f"{place(search.place, 'columns')}: there is no field {column}"
    for field, _direction in search.sort:
        if known.get(field) not in SORTED:
            yield f"{place(search.place, 'sort')}: cannot sort by {field}"
    yield from _of_query(place(search.place, "query"), search.query, known)


def _of_query(where: str, query: str, known: Fields) -> Iterator[str]:
    try:
        asked = kql.parse(query)
    except kql.NotUnderstood as error:
        yield f"{where}: {error}"
        return
    yield from (f"{where}: there is no field {name}" for name in asked.fields if name not in known)
