"""How many rows a panel has, by the answer to its search."""

from collections.abc import Mapping, Sequence
from typing import Any

from kibana.columns import RECORDS
from kibana.objects import Json
from kibana.queries import Search
from kibana.reading import LensLayer


def rows(search: Search, answer: Mapping[str, Any]) -> int:
    """Counts the rows that an answer gives the panel: documents, parts or numbers."""
    if search.layer is None:
        if "list" in answer.get("aggregations", {}):
            return len(answer["aggregations"]["list"]["buckets"])
        return int(answer["hits"]["total"]["value"])
    found = answer.get("aggregations", {})
    if not search.layer.order:
        return 0
    total = int(answer["hits"]["total"]["value"])
    return _rows(search.layer, list(search.layer.order), {**found, "doc_count": total})


def _rows(layer: LensLayer, order: Sequence[str], found: Mapping[str, Any]) -> int:
    """Counts the innermost parts that hold documents and a value."""
    if found.get("doc_count", 0) == 0:
        return 0
    name = order[0]
    if not layer.columns[name]["isBucketed"]:
        return int(any(_has_value(layer.columns[one], found.get(one)) for one in order))
    return sum(_rows(layer, order[1:], bucket) for bucket in found[name]["buckets"])


def _has_value(column: Json, value: Mapping[str, Any] | None) -> bool:
    if value is None:  # a plain count, of a part that holds documents
        return bool(column["sourceField"] == RECORDS)
    if "doc_count" in value:
        inner = value.get("value")
        return bool(value["doc_count"]) and (inner is None or _has_value(column, inner))
    if "values" in value:
        return any(one is not None for one in value["values"].values())
    return value["value"] is not None
