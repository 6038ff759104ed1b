"""Saved objects: what Kibana keeps, one line of NDJSON for each.

The shapes are those that every Kibana 9 imports; docs/kibana.md says how they were learned.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

CORE_STAMP = "8.8.0"
STAMPS = {"index-pattern": "8.0.0", "tag": "8.0.0", "search": "8.0.0", "dashboard": "8.9.0"}
"""The version of its shape that each object says it has.

Without one, Kibana replays the migrations of ten years on it and fails; a version newer than
Kibana's own is refused. These are the oldest that mean what we write.
"""

NOTHING_ASKED: Json = {"query": "", "language": "kuery"}


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """One object's need of another, under the name that its attributes use."""

    name: str
    type: str
    id: str


@dataclass(frozen=True)
class SavedObject:
    """One object; `type` and `id` together are its identity, so importing it again replaces it."""

    type: str
    id: str
    attributes: Json
    references: Sequence[Reference] = ()

    def line(self) -> str:
        """Writes the object as one line, the same for the same object."""
        return compact(
            {
                "id": self.id,
                "type": self.type,
                "attributes": self.attributes,
                "references": [
                    {"id": one.id, "name": one.name, "type": one.type}
                    for one in sorted(self.references)
                ],
                "coreMigrationVersion": CORE_STAMP,
                "typeMigrationVersion": STAMPS[self.type],
            }
        )


def compact(value: Any) -> str:
    """Writes JSON without spaces and with sorted keys; Kibana keeps some attributes so."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def kql(query: str) -> Json:
    """Gives a query in Kibana's language."""
    return NOTHING_ASKED | {"query": query}


def tag(key: str, name: str, description: str, colour: str) -> SavedObject:
    """Makes a tag; dashboards that carry it are found together."""
    return SavedObject("tag", key, {"name": name, "description": description, "color": colour})


def tagged(key: str) -> Reference:
    """Puts a tag on the object that holds this reference."""
    return Reference(f"tag-{key}", "tag", key)


@dataclass(frozen=True)
class DataView:
    """An index, alias or pattern as Kibana sees it: its time field, names and formats of fields."""

    id: str
    name: str
    pattern: str
    labels: dict[str, str]
    formats: dict[str, Json]

    def saved(self) -> SavedObject:
        """Gives the object."""
        labels = {field: {"customLabel": label} for field, label in self.labels.items()}
        return SavedObject(
            "index-pattern",
            self.id,
            {
                "title": self.pattern,
                "name": self.name,
                "timeFieldName": "@timestamp",
                "allowNoIndex": True,  # so that the dashboards open before the first post
                "fields": "[]",  # Kibana asks Elasticsearch for them
                "fieldAttrs": compact(labels),
                "fieldFormatMap": compact(self.formats),
                "runtimeFieldMap": "{}",
                "sourceFilters": "[]",
                "typeMeta": "{}",
            },
        )


@dataclass(frozen=True)
class Search:
    """A saved Discover session: a table of documents, on a dashboard or in Discover."""

    id: str
    title: str
    note: str
    view: str
    columns: Sequence[str]
    sort: tuple[str, str]
    query: str = ""
    tag: str = ""
    widths: Mapping[str, int] = field(default_factory=dict)
    """Pixels of a column; those that are not named share what is left."""

    def saved(self) -> SavedObject:
        """Gives the object."""
        widths = {one: {"width": self.widths[one]} for one in self.columns if one in self.widths}
        index = "kibanaSavedObjectMeta.searchSourceJSON.index"
        source = {"query": kql(self.query), "filter": [], "indexRefName": index}
        return SavedObject(
            "search",
            self.id,
            {
                "title": self.title,
                "description": self.note,
                "columns": list(self.columns),
                "sort": [list(self.sort)],
                "grid": {"columns": widths} if widths else {},
                "hideChart": True,
                "isTextBasedQuery": False,
                "rowHeight": 2,
                "rowsPerPage": 50,
                "timeRestore": False,
                "kibanaSavedObjectMeta": {"searchSourceJSON": compact(source)},
            },
            [
                Reference(index, "index-pattern", self.view),
                *([tagged(self.tag)] if self.tag else []),
            ],
        )
