"""Columns of a Lens layer: buckets that split the posts, metrics that are counted of each."""

from collections.abc import Mapping, Sequence

from kibana.objects import Json, kql

RECORDS = "___records___"
"""Kibana's name for the documents themselves, where a metric needs no field."""


def over_time(field: str, label: str = "", interval: str = "auto") -> Json:
    """Splits by time; "auto" lets Kibana choose the interval that suits the time range."""
    params = {"interval": interval, "includeEmptyRows": True, "dropPartials": False}
    return _bucket("date_histogram", field, label, "date", "interval", params)


def top(
    field: str, label: str, size: int, by: str = "", *, other: bool = False, missing: bool = False
) -> Json:
    """Splits by the commonest values, as the metric column `by` counts them."""
    return _terms(
        field, label, size, {"type": "column", "columnId": by}, "desc", other=other, missing=missing
    )


def in_order(field: str, label: str, size: int) -> Json:
    """Splits by value, in the values' own order."""
    return _terms(field, label, size, {"type": "alphabetical", "fallback": False}, "asc")


def without(column: Json, *values: str) -> Json:
    """Leaves values out of a split."""
    return column | {"params": column["params"] | {"exclude": list(values)}}


def ranges(field: str, label: str, bounds: Sequence[tuple[float, float, str]]) -> Json:
    """Splits numbers into ranges [from, to), each with its label."""
    named = [{"from": low, "to": high, "label": name} for low, high, name in bounds]
    params = {"type": "range", "maxBars": "auto", "ranges": named}
    return _bucket("range", field, label, "string", "ordinal", params)


def count(label: str = "Posts", query: str = "", shift: str = "") -> Json:
    """Counts documents; only those that match `query`, or those of an earlier time."""
    return _metric("count", RECORDS, label, query, shift, {"emptyAsNull": False})


def average(
    field: str, label: str, query: str = "", shape: Json | None = None, shift: str = ""
) -> Json:
    """Averages a number; without a shape it is shown in the field's own format."""
    return _metric("average", field, label, query, shift, {"emptyAsNull": True}, shape)


def median(field: str, label: str, shape: Json | None = None) -> Json:
    """Gives the middle value."""
    return _metric("median", field, label, "", "", {"emptyAsNull": True}, shape)


def percentile(field: str, label: str, percent: int, shape: Json | None = None) -> Json:
    """Gives the value that `percent` of the documents do not exceed."""
    return _metric("percentile", field, label, "", "", {"percentile": percent}, shape)


def distinct(field: str, label: str, shift: str = "") -> Json:
    """Counts different values."""
    return _metric("unique_count", field, label, "", shift, {"emptyAsNull": False})


def latest(field: str, label: str) -> Json:
    """Gives the latest of some times."""
    return _metric("max", field, label, "", "", {"emptyAsNull": True}) | {"dataType": "date"}


def percents(decimals: int = 0) -> Json:
    """Shows a number between 0 and 1 as a percentage."""
    return {"id": "percent", "params": {"decimals": decimals}}


def decimals(places: int) -> Json:
    """Shows a number with so many decimals."""
    return {"id": "number", "params": {"decimals": places}}


def _terms(
    field: str,
    label: str,
    size: int,
    order: Mapping[str, object],
    direction: str,
    *,
    other: bool = False,
    missing: bool = False,
) -> Json:
    params = {
        "size": size,
        "orderBy": dict(order),
        "orderDirection": direction,
        "otherBucket": other,
        "missingBucket": missing,
        "parentFormat": {"id": "terms"},
        "include": [],
        "exclude": [],
        "includeIsRegex": False,
        "excludeIsRegex": False,
    }
    return _bucket("terms", field, label, "string", "ordinal", params)


def _bucket(
    operation: str, field: str, label: str, data_type: str, scale: str, params: Json
) -> Json:
    return {
        "operationType": operation,
        "sourceField": field,
        "label": label or field,
        "customLabel": bool(label),
        "dataType": data_type,
        "isBucketed": True,
        "scale": scale,
        "params": params,
    }


def _metric(
    operation: str,
    field: str,
    label: str,
    query: str,
    shift: str,
    params: Json,
    shape: Json | None = None,
) -> Json:
    column: Json = {
        "operationType": operation,
        "sourceField": field,
        "label": label,
        "customLabel": True,
        "dataType": "number",
        "isBucketed": False,
        "scale": "ratio",
        "params": params | ({"format": shape} if shape else {}),
    }
    if query:
        column["filter"] = kql(query)
    if shift:
        column["timeShift"] = shift
    return column
