"""Each panel as the searches that Kibana would send for it.

Close to Kibana's own, not the same byte for byte: a metric with a shifted time is a search of its
own, as it is there, but what is in no bar ("Other") is not asked for.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from kibana import kql
from kibana.columns import RECORDS
from kibana.intervals import interval_for
from kibana.objects import Json
from kibana.reading import Contents, ControlList, LensLayer, LensPanel, Page, SearchPanel, place

LISTED = 10

AGGREGATIONS = {
    "average": "avg",
    "sum": "sum",
    "min": "min",
    "max": "max",
    "median": "percentiles",
    "percentile": "percentiles",
    "unique_count": "cardinality",
}


@dataclass(frozen=True)
class Search:
    """One search for a part of the dashboards."""

    place: str
    """Dashboard and panel, as a message names them."""
    view: str
    """Id of the data view."""
    body: Json
    layer: LensLayer | None = None
    """What the answer's aggregations mean; none where rows are documents."""
    optional: bool = False
    """May find nothing: it asks of an earlier time."""


def searches(contents: Contents, since: str = "") -> Iterator[Search]:
    """Gives every search of every dashboard, each over its own time or from `since` on."""
    for page in contents.pages:
        for chart in page.charts:
            yield from _of_chart(chart, page, since or chart.since)
        for control in page.controls:
            yield _of_control(control, page, since or control.since)
        for search in page.searches:
            yield _of_search(search, page, since or search.since)


def _of_chart(chart: LensPanel, page: Page, since: str) -> Iterator[Search]:
    for layer in chart.layers:
        shifts = {layer.columns[name].get("timeShift", "") for name in layer.order} - {""}
        for shift in ["", *sorted(shifts)]:
            part = _shifted(layer, shift)
            query = chart.query if layer.unfiltered else _both(page.query, chart.query)
            if any(not part.columns[name]["isBucketed"] for name in part.order):
                body = _body(since, query, shift) | {"aggs": _aggregations(part, since)}
                yield Search(chart.place, layer.view, body, part, optional=bool(shift))


def _shifted(layer: LensLayer, shift: str) -> LensLayer:
    """Keeps the buckets, and those metrics that are of this time.

    A bucket in the order of a metric of another time is then in the order of its posts.
    """
    order = [
        name
        for name in layer.order
        if layer.columns[name]["isBucketed"] or layer.columns[name].get("timeShift", "") == shift
    ]
    return replace(layer, order=order)


def _both(first: str, second: str) -> str:
    return " and ".join(f"({query})" for query in (first, second) if query)


def _body(since: str, query: str, shift: str = "") -> Json:
    start, end = _moved(since, shift), _moved("now", shift)
    time = {"range": {"@timestamp": {"gte": start, "lte": end, "format": FORMAT}}}
    return {
        "size": 0,
        "track_total_hits": True,
        "query": {"bool": {"filter": [time, kql.parse(query).query]}},
    }


FORMAT = "strict_date_optional_time"


def _moved(moment: str, shift: str) -> str:
    if not shift:
        return moment
    return f"{moment}-{shift}" if moment.startswith("now") else f"{moment}||-{shift}"


def _aggregations(layer: LensLayer, since: str) -> Json:
    buckets = [name for name in layer.order if layer.columns[name]["isBucketed"]]
    metrics = [name for name in layer.order if not layer.columns[name]["isBucketed"]]
    found = {name: _metric(layer.columns[name]) for name in metrics}
    inner = {name: one for name, one in found.items() if one}
    aggregations = dict(inner)
    for name in reversed(buckets):
        ordering = _ordering(layer, name)
        bucket = _bucket(name, layer, since)
        under = {**aggregations, **({ordering: inner[ordering]} if ordering in inner else {})}
        aggregations = {name: bucket | ({"aggs": under} if under else {})}
    return aggregations


def _ordering(layer: LensLayer, name: str) -> str:
    by = layer.columns[name]["params"].get("orderBy", {})
    column = by.get("columnId", "")
    return column if column in layer.order else ""


def _metric(column: Json) -> Json:
    """Gives a metric's aggregation; none for a plain count, which every bucket has anyway."""
    operation, field = column["operationType"], column["sourceField"]
    inner: Json = {}
    if field != RECORDS:
        inner = {AGGREGATIONS[operation]: {"field": field}}
        if operation in ("median", "percentile"):
            inner["percentiles"]["percents"] = [column["params"].get("percentile", 50)]
    if "filter" not in column:
        return inner
    asked = {"filter": kql.parse(column["filter"]["query"]).query}
    return asked | ({"aggs": {"value": inner}} if inner else {})


def _bucket(name: str, layer: LensLayer, since: str) -> Json:
    column = layer.columns[name]
    field, params = column["sourceField"], column["params"]
    if column["operationType"] == "date_histogram":
        chosen = params["interval"]
        interval = interval_for(since) if chosen == "auto" else chosen
        kind = {"field": field, "fixed_interval": interval, "min_doc_count": 1}
        return {"date_histogram": kind}
    if column["operationType"] == "range":
        bounds = [{"from": one["from"], "to": one["to"]} for one in params["ranges"]]
        return {"range": {"field": field, "ranges": bounds}}
    terms: Json = {"field": field, "size": params["size"], "order": _order(layer, params)}
    if params["missingBucket"]:
        terms["missing"] = "__missing__"
    terms |= {key: params[key] for key in ("include", "exclude") if params.get(key)}
    return {"terms": terms}


def _order(layer: LensLayer, params: Json) -> Json:
    by, direction = params["orderBy"], params["orderDirection"]
    if by["type"] == "alphabetical":
        return {"_key": direction}
    column = by["columnId"]
    if column not in layer.order or not _metric(layer.columns[column]):
        return {"_count": direction}
    if layer.columns[column]["operationType"] in ("median", "percentile"):
        percent = layer.columns[column]["params"].get("percentile", 50)
        return {f"{column}.{percent}": direction}
    return {column: direction}


def _of_control(control: ControlList, page: Page, since: str) -> Search:
    listed = {"list": {"terms": {"field": control.field, "size": LISTED}}}
    return Search(control.place, control.view, _body(since, page.query) | {"aggs": listed})


def _of_search(search: SearchPanel, page: Page, since: str) -> Search:
    body = _body(since, _both(page.query, search.query))
    body |= {
        "size": LISTED,
        "sort": [{field: {"order": order}} for field, order in search.sort],
        "fields": list(search.columns),
        "_source": False,
    }
    return Search(place(page.title, search.title), search.view, body)
