"""The kinds of charts: one function for each way to draw a layer."""

from collections.abc import Mapping, Sequence

from kibana import colours as fixed
from kibana.lens import Chart, Layer
from kibana.objects import Json

LAYER = "layer"
"""The name of the layer of a chart that has one."""


def number(layer: Layer, before: str = "", colour: str = "") -> Chart:
    """One large number; `before` names the metric to show small beside it."""
    first = next(iter(layer.metrics))
    state: Json = {"layerId": LAYER, "layerType": "data", "metricAccessor": first}
    if before:
        state["secondaryMetricAccessor"] = before
    if colour:
        state["color"] = colour
    return Chart("lnsMetric", state, {LAYER: layer})


def series(
    kind: str,
    layer: Layer,
    x: str,
    split: str = "",
    colours: Json | None = None,
    metric_colours: Mapping[str, str] | None = None,
    y_title: str = "",
    legend: str = "right",
    x_title: str = "",
) -> Chart:
    """Lines, areas or bars: all metrics of the layer over `x`, split by `split`.

    `kind` is one of Kibana's series types: `line`, `bar_stacked`, `bar_horizontal` ...
    """
    part = drawn(kind, LAYER, layer, x, split, colours, metric_colours)
    many = bool(split) or len(layer.metrics) > 1
    return combined([part], {LAYER: layer}, y_title, legend if many else "", x_title)


def drawn(
    kind: str,
    name: str,
    layer: Layer,
    x: str,
    split: str = "",
    colours: Json | None = None,
    metric_colours: Mapping[str, str] | None = None,
) -> Json:
    """Gives one layer of lines, areas or bars, for `combined`."""
    state: Json = {
        "layerId": name,
        "layerType": "data",
        "seriesType": kind,
        "xAccessor": x,
        "accessors": list(layer.metrics),
        "yConfig": [
            {"forAccessor": metric, "color": colour}
            for metric, colour in (metric_colours or {}).items()
        ],
    }
    if split:
        state["splitAccessor"] = split
    if colours:
        state["colorMapping"] = colours
    return state


def combined(
    parts: Sequence[Json],
    layers: Mapping[str, Layer],
    y_title: str = "",
    legend: str = "right",
    x_title: str = "",
) -> Chart:
    """Several layers of lines, areas or bars in one chart."""
    axes = {"x": True, "yLeft": True, "yRight": True}
    state: Json = {
        "layers": list(parts),
        "preferredSeriesType": parts[0]["seriesType"],
        "legend": {"isVisible": bool(legend), "position": legend or "right"},
        "valueLabels": "hide",
        "fittingFunction": "None",
        "axisTitlesVisibilitySettings": {
            "x": bool(x_title),
            "yLeft": bool(y_title),
            "yRight": False,
        },
        "tickLabelsVisibilitySettings": axes,
        "gridlinesVisibilitySettings": {"x": False, "yLeft": True, "yRight": False},
        "labelsOrientation": {"x": 0, "yLeft": 0, "yRight": 0},
    }
    if y_title:
        state["yTitle"] = y_title
    if x_title:
        state["xTitle"] = x_title
    return Chart("lnsXY", state, layers)


def parts(shape: str, layer: Layer, colours: Json) -> Chart:
    """Parts of a whole, in percent, each with its name: `donut`, `pie` or `treemap`."""
    state: Json = {
        "shape": shape,
        "layers": [
            {
                "layerId": LAYER,
                "layerType": "data",
                "primaryGroups": list(layer.buckets),
                "metrics": list(layer.metrics),
                "numberDisplay": "percent",
                "categoryDisplay": "default",
                "legendDisplay": "hide",
                "nestedLegend": False,
                "colorMapping": colours,
            }
        ],
    }
    return Chart("lnsPie", state, {LAYER: layer})


def cloud(layer: Layer) -> Chart:
    """Words, the larger the more posts; one colour, since a word's own would mean nothing."""
    state: Json = {
        "layerId": LAYER,
        "layerType": "data",
        "tagAccessor": next(iter(layer.buckets)),
        "valueAccessor": next(iter(layer.metrics)),
        "minFontSize": 14,
        "maxFontSize": 48,
        "orientation": "single",
        "showLabel": False,
        "colorMapping": fixed.WORDS,
    }
    return Chart("lnsTagcloud", state, {LAYER: layer})


def heat(layer: Layer, across: str, down: str, palette: Json) -> Chart:
    """A grid of cells, coloured by the metric.

    An older Kibana 9 keeps the order in which values first come, so what is `across` must be the
    outer bucket; a newer one sorts both axes.
    """
    state: Json = {
        "layerId": LAYER,
        "layerType": "data",
        "shape": "heatmap",
        "xAccessor": across,
        "yAccessor": down,
        "valueAccessor": next(iter(layer.metrics)),
        "gridConfig": {
            "type": "heatmap_grid",
            "isCellLabelVisible": False,
            "isXAxisLabelVisible": True,
            "isYAxisLabelVisible": True,
            "isXAxisTitleVisible": True,
            "isYAxisTitleVisible": False,
            "xSortPredicate": "asc",
            "ySortPredicate": "asc",
        },
        "legend": {"type": "heatmap_legend", "isVisible": True, "position": "right"},
        "palette": palette,
    }
    return Chart("lnsHeatmap", state, {LAYER: layer})


def table(layer: Layer, sort: str, rows: int = 10, direction: str = "desc") -> Chart:
    """A row for each bucket, a column for each metric; with "desc" the largest of `sort` first."""
    state: Json = {
        "layerId": LAYER,
        "layerType": "data",
        "columns": [{"columnId": column} for column in (*layer.buckets, *layer.metrics)],
        "sorting": {"columnId": sort, "direction": direction},
        "paging": {"size": rows, "enabled": True},
    }
    return Chart("lnsDatatable", state, {LAYER: layer})
