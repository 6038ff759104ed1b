"""The file, read back: what a check or a query wants to know of each dashboard.

Only a file whose structure has been checked can be read so.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kibana.objects import Json

LAYER_REFERENCE = "indexpattern-datasource-layer-"
CONTROL_FIELDS = {
    "optionsListControl": "optionsListDataView",
    "rangeSliderControl": "rangeSliderDataView",
}


@dataclass(frozen=True)
class LensLayer:
    """A layer of a chart: its columns, their order, and the id of its data view."""

    name: str
    view: str
    columns: Mapping[str, Json]
    order: Sequence[str]
    unfiltered: bool


@dataclass(frozen=True)
class LensPanel:
    """A chart on a dashboard."""

    place: str
    """Dashboard and panel, as a message names them."""
    title: str
    query: str
    since: str
    layers: Sequence[LensLayer]


@dataclass(frozen=True)
class SearchPanel:
    """A saved search on a dashboard, or alone."""

    place: str
    title: str
    view: str
    query: str
    since: str
    columns: Sequence[str]
    sort: Sequence[Sequence[str]]


@dataclass(frozen=True)
class ControlList:
    """A control: the values of one field."""

    place: str
    title: str
    view: str
    field: str
    since: str


@dataclass(frozen=True)
class Page:
    """A dashboard."""

    title: str
    query: str
    since: str
    charts: Sequence[LensPanel]
    searches: Sequence[SearchPanel]
    controls: Sequence[ControlList]


@dataclass(frozen=True)
class Contents:
    """All of the file."""

    views: Mapping[str, str]
    """Each data view's id, with its pattern."""
    searches: Sequence[SearchPanel]
    pages: Sequence[Page]


def read(objects: Sequence[Json]) -> Contents:
    """Reads the objects of a checked file."""
    found = [one for one in objects if "exportedCount" not in one]
    views = {o["id"]: o["attributes"]["title"] for o in found if o["type"] == "index-pattern"}
    searches = {o["id"]: o for o in found if o["type"] == "search"}
    return Contents(
        views,
        [_search(one, one["attributes"]["title"], "") for one in searches.values()],
        [_page(one, searches) for one in found if one["type"] == "dashboard"],
    )


def references(holder: Json) -> dict[str, str]:
    """Gives the id behind each reference's name."""
    return {one["name"]: one["id"] for one in holder["references"]}


def panels(dashboard: Json) -> list[Json]:
    """Gives a dashboard's panels."""
    found: list[Json] = json.loads(dashboard["attributes"]["panelsJSON"])
    return found


def controls(dashboard: Json) -> dict[str, Json]:
    """Gives a dashboard's controls by their ids."""
    group = dashboard["attributes"].get("controlGroupInput")
    found: dict[str, Json] = json.loads(group["panelsJSON"]) if group else {}
    return found


def place(*names: str) -> str:
    """Names a place in the file: dashboard, panel, column."""
    return " / ".join(names)


def title_of(panel: Json) -> str:
    """Names a panel for people: its title, or its id where it has none."""
    title: str = panel["embeddableConfig"].get("title") or panel["panelIndex"]
    return title


def searched(holder: Json) -> Json:
    """Gives the search source that an object keeps as a string of JSON."""
    source: Json = json.loads(holder["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"])
    return source


def _page(dashboard: Json, searches: Mapping[str, Json]) -> Page:
    attributes, needs = dashboard["attributes"], references(dashboard)
    title, since = attributes["title"], attributes.get("timeFrom", "")
    found = panels(dashboard)
    return Page(
        title,
        searched(dashboard)["query"]["query"],
        since,
        [_chart(title, panel, since, needs) for panel in found if panel["type"] == "lens"],
        [
            _search(
                searches[needs[f"{panel['panelIndex']}:{panel['panelRefName']}"]],
                place(title, title_of(panel)),
                since,
            )
            for panel in found
            if panel["type"] == "search"
        ],
        list(_controls(title, dashboard, since, needs)),
    )


def _chart(page: str, panel: Json, since: str, needs: Mapping[str, str]) -> LensPanel:
    config = panel["embeddableConfig"]
    state = config["attributes"]["state"]
    layers = state["datasourceStates"]["formBased"]["layers"]
    return LensPanel(
        place(page, title_of(panel)),
        title_of(panel),
        state["query"]["query"],
        config.get("timeRange", {}).get("from", since),
        [
            LensLayer(
                name,
                needs[f"{panel['panelIndex']}:{LAYER_REFERENCE}{name}"],
                layer["columns"],
                layer["columnOrder"],
                layer.get("ignoreGlobalFilters", False),
            )
            for name, layer in layers.items()
        ],
    )


def _search(search: Json, where: str, since: str) -> SearchPanel:
    attributes: Any = search["attributes"]
    source = searched(search)
    return SearchPanel(
        where,
        where.split(" / ")[-1],
        references(search)[source["indexRefName"]],
        source["query"]["query"],
        since,
        attributes["columns"],
        attributes["sort"],
    )


def _controls(
    page: str, dashboard: Json, since: str, needs: Mapping[str, str]
) -> Iterator[ControlList]:
    for name, control in controls(dashboard).items():
        asked = control["explicitInput"]
        view = needs[f"controlGroup_{name}:{CONTROL_FIELDS[control['type']]}"]
        title = f"list of {asked['title']}"
        yield ControlList(place(page, title), title, view, asked["fieldName"], since)
