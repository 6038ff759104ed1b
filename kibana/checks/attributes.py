"""The attributes of each type of object: what must be there, and that strings of JSON are JSON."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kibana.objects import Json

NEEDED: Mapping[str, Mapping[str, type]] = {
    "index-pattern": {
        "title": str,
        "name": str,
        "timeFieldName": str,
        "fields": str,
        "fieldAttrs": str,
        "fieldFormatMap": str,
    },
    "tag": {"name": str, "description": str, "color": str},
    "search": {
        "title": str,
        "description": str,
        "columns": list,
        "sort": list,
        "grid": dict,
        "hideChart": bool,
        "isTextBasedQuery": bool,
        "kibanaSavedObjectMeta": dict,
    },
    "dashboard": {
        "title": str,
        "description": str,
        "panelsJSON": str,
        "optionsJSON": str,
        "controlGroupInput": dict,
        "kibanaSavedObjectMeta": dict,
        "timeRestore": bool,
        "timeFrom": str,
        "timeTo": str,
        "refreshInterval": dict,
        "version": int,
    },
}
ALLOWED_IN_SEARCH = frozenset(
    {
        *("title", "description", "columns", "sort", "grid", "hideChart", "isTextBasedQuery"),
        *("kibanaSavedObjectMeta", "rowHeight", "rowsPerPage", "headerRowHeight", "viewMode"),
        *("breakdownField", "sampleSize", "density", "timeRestore", "timeRange"),
        *("refreshInterval", "hideAggregatedPreview", "usesAdHocDataView", "visContext"),
    }
)
"""Kibana refuses a search with any other attribute."""
STRINGS_OF_JSON: Mapping[str, Mapping[str, type]] = {
    "index-pattern": {
        "fields": list,
        "fieldAttrs": dict,
        "fieldFormatMap": dict,
        "runtimeFieldMap": dict,
        "sourceFilters": list,
        "typeMeta": dict,
    },
    "dashboard": {"panelsJSON": list, "optionsJSON": dict},
}


FORMATS = frozenset(
    {"boolean", "bytes", "color", "date", "duration", "number", "percent"}
    | {"static_lookup", "string", "truncate", "url"}
)
"""Kibana's field formats."""


def faults(objects: Sequence[Json]) -> Iterator[str]:
    """Finds attributes that are missing, of another kind, or hold no JSON."""
    for one in objects:
        if "type" in one:
            where = f"{one['type']} {one['id']}"
            yield from (f"{where}: {fault}" for fault in _of(one["type"], one["attributes"]))


def _of(kind: str, attributes: Json) -> Iterator[str]:
    for name, wanted in NEEDED[kind].items():
        if name not in attributes:
            yield f"{name} is missing"
        elif not isinstance(attributes[name], wanted):
            yield f"{name} must be of type {wanted.__name__}"
    if kind == "search":
        unknown = sorted(set(attributes) - ALLOWED_IN_SEARCH)
        yield from (f"a search knows no attribute {name}" for name in unknown)
    for name, wanted in STRINGS_OF_JSON.get(kind, {}).items():
        yield from _json(name, attributes.get(name), wanted)
    if kind == "index-pattern" and not list(_json("", attributes.get("fieldFormatMap"), dict)):
        yield from _formats(attributes)
    meta = attributes.get("kibanaSavedObjectMeta")
    if isinstance(meta, dict):
        yield from _source(meta.get("searchSourceJSON"))
    if kind == "dashboard" and isinstance(attributes.get("controlGroupInput"), dict):
        group = attributes["controlGroupInput"]
        yield from _json("controlGroupInput.panelsJSON", group.get("panelsJSON"), dict)
        ignored = group.get("ignoreParentSettingsJSON")
        yield from _json("controlGroupInput.ignoreParentSettingsJSON", ignored, dict)


def _formats(attributes: Json) -> Iterator[str]:
    for field, shown in json.loads(attributes.get("fieldFormatMap", "{}")).items():
        if not isinstance(shown, dict) or shown.get("id") not in FORMATS:
            yield f"fieldFormatMap: the format of {field} is none of {', '.join(sorted(FORMATS))}"


def _source(text: object) -> Iterator[str]:
    found = list(_json("searchSourceJSON", text, dict))
    yield from found
    if not found and isinstance(text, str):
        query: Any = json.loads(text).get("query")
        if not isinstance(query, dict) or query.get("language") != "kuery":
            yield "searchSourceJSON: the query must be of the language kuery"


def _json(name: str, text: object, kind: type) -> Iterator[str]:
    if text is None:
        return
    if not isinstance(text, str):
        yield f"{name} must be JSON in a string"
        return
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        yield f"{name} does not hold JSON: {error.msg} (column {error.colno})"
        return
    if not isinstance(value, kind):
        yield f"{name} holds a {type(value).__name__}"
