"""The state of each Lens chart: its keys, the order of its columns, what its drawing points to."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kibana.columns import RECORDS
from kibana.objects import Json
from kibana.reading import panels, place, title_of

STATE = {
    "visualization",
    "query",
    "filters",
    "datasourceStates",
    "internalReferences",
    "adHocDataViews",
}
BUCKETS = frozenset({"date_histogram", "terms", "range"})
METRICS = frozenset(
    {"count", "average", "sum", "min", "max", "median", "percentile", "unique_count"}
)
COLUMN = ("label", "dataType", "operationType", "isBucketed", "scale", "sourceField")
TERMS = ("size", "orderBy", "orderDirection", "otherBucket", "missingBucket")

DRAWN: Mapping[str, Sequence[str]] = {
    "lnsXY": ("accessors",),
    "lnsPie": ("primaryGroups", "metrics"),
    "lnsMetric": ("metricAccessor",),
    "lnsTagcloud": ("tagAccessor", "valueAccessor"),
    "lnsHeatmap": ("xAccessor", "valueAccessor"),
    "lnsDatatable": ("columns",),
}
"""What each kind of chart cannot be drawn without."""

POINTERS = (
    "xAccessor",
    "yAccessor",
    "splitAccessor",
    "accessors",
    "metricAccessor",
    "secondaryMetricAccessor",
    "maxAccessor",
    "breakdownByAccessor",
    "tagAccessor",
    "valueAccessor",
    "primaryGroups",
    "secondaryGroups",
    "metrics",
)

Fault = tuple[tuple[str, ...], str]
"""Where in a chart, and what."""


def faults(objects: Sequence[Json]) -> Iterator[str]:
    """Finds charts that Lens could not draw."""
    for dashboard in objects:
        if dashboard.get("type") != "dashboard":
            continue
        for panel in panels(dashboard):
            if panel["type"] == "lens":
                where = place(dashboard["attributes"]["title"], title_of(panel))
                chart = panel["embeddableConfig"]["attributes"]
                yield from (f"{place(where, *at)}: {fault}" for at, fault in _of_chart(chart))


def _of_chart(chart: Json) -> Iterator[Fault]:
    kind, state = str(chart.get("visualizationType")), chart.get("state", {})
    if kind not in DRAWN:
        yield (), f"visualizationType: {kind} is none of {', '.join(DRAWN)}"
        return
    if set(state) != STATE:
        yield (), f"state: has {', '.join(sorted(state))}, not {', '.join(sorted(STATE))}"
        return
    layers = state["datasourceStates"].get("formBased", {}).get("layers", {})
    if not layers:
        yield (), "state: formBased has no layers"
        return
    found = [fault for name, layer in layers.items() for fault in _of_layer(name, layer)]
    if found:
        yield from found
    else:
        yield from (((), fault) for fault in _drawing(kind, state["visualization"], layers))


def _of_layer(name: str, layer: Json) -> Iterator[Fault]:
    missing = {"columns", "columnOrder", "incompleteColumns"} - set(layer)
    if missing:
        yield (), f"{name}: {', '.join(sorted(missing))} is missing"
        return
    columns, order = layer["columns"], layer["columnOrder"]
    if sorted(columns) != sorted(order):
        yield (), f"{name}: columnOrder does not name each column once"
        return
    bucketed = [bool(columns[column].get("isBucketed")) for column in order]
    if bucketed != sorted(bucketed, reverse=True):
        yield (), f"{name}: columnOrder must name the buckets before the metrics"
    for column, body in columns.items():
        yield from (((column,), fault) for fault in _of_column(body, columns))


def _of_column(column: Json, columns: Mapping[str, Json]) -> Iterator[str]:
    missing = [key for key in COLUMN if key not in column]
    if missing:
        yield f"{', '.join(missing)} is missing"
        return
    operation = column["operationType"]
    if operation not in BUCKETS | METRICS:
        yield f"operationType: {operation} is not one that this check knows"
    elif column["isBucketed"] != (operation in BUCKETS):
        yield f"isBucketed: must be {operation in BUCKETS} for {operation}"
    if (operation == "count") != (column["sourceField"] == RECORDS):
        yield f"sourceField: a count is of {RECORDS}, and nothing else is"
    if operation == "terms":
        yield from _terms(column.get("params", {}), columns)


def _terms(params: Json, columns: Mapping[str, Json]) -> Iterator[str]:
    missing = [key for key in TERMS if key not in params]
    if missing:
        yield f"params: {', '.join(missing)} is missing"
        return
    by = params["orderBy"]
    if by.get("type") == "column":
        target = columns.get(by.get("columnId"))
        if target is None or target["isBucketed"]:
            yield f"orderBy: {by.get('columnId')} is no metric of this layer"
    elif by.get("type") != "alphabetical":
        yield f"orderBy: the type {by.get('type')} is neither column nor alphabetical"


def _drawing(kind: str, drawing: Json, layers: Mapping[str, Json]) -> Iterator[str]:
    drawn = drawing.get("layers", []) if kind in ("lnsXY", "lnsPie") else [drawing]
    if sorted(part.get("layerId", "") for part in drawn) != sorted(layers):
        yield "visualization: its layers are not those of the data"
        return
    for part in drawn:
        columns = layers[part["layerId"]]["columns"]
        yield from (f"visualization: {key} is missing" for key in DRAWN[kind] if not part.get(key))
        yield from (
            f"visualization: {key} points to {column}, which is no column"
            for key, column in _pointers(part)
            if column not in columns
        )
        if kind == "lnsDatatable":
            shown = {one["columnId"] for one in part.get("columns", [])}
            hidden = sorted(set(columns) - shown)
            yield from (f"visualization: the table does not show {column}" for column in hidden)


def _pointers(part: Json) -> Iterator[tuple[str, Any]]:
    for key in POINTERS:
        value = part.get(key)
        if isinstance(value, list):
            yield from ((key, column) for column in value)
        elif value is not None:
            yield key, value
    if "palette" in part:
        yield "palette", part["palette"].get("accessor")
    if "sorting" in part:
        yield "sorting", part["sorting"].get("columnId")
    yield from (("columns", one.get("columnId")) for one in part.get("columns", []))
    yield from (("yConfig", one.get("forAccessor")) for one in part.get("yConfig", []))
