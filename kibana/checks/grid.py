"""The panels of a dashboard: their types, their places on the grid, their keys; its controls."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations

from kibana.layout import COLUMNS
from kibana.objects import Json
from kibana.reading import CONTROL_FIELDS, controls, panels, place

HOLDS = {"lens": "attributes", "visualization": "savedVis", "search": "title"}
"""What the embeddableConfig of each type of panel must hold."""


def faults(objects: Sequence[Json]) -> Iterator[str]:
    """Finds panels that are incomplete or in each other's way."""
    for dashboard in objects:
        if dashboard.get("type") != "dashboard":
            continue
        title = dashboard["attributes"]["title"]
        found = list(_complete(title, panels(dashboard)))
        yield from found or _placed(title, panels(dashboard))
        yield from _controls(title, controls(dashboard))


def _complete(title: str, found: Sequence[Json]) -> Iterator[str]:
    for panel in found:
        where = place(title, str(panel.get("panelIndex", "a panel without panelIndex")))
        missing = {"type", "panelIndex", "gridData", "embeddableConfig"} - set(panel)
        if missing:
            yield f"{where}: {', '.join(sorted(missing))} is missing"
            continue
        if set(panel["gridData"]) < {"x", "y", "w", "h", "i"}:
            yield f"{where}: gridData needs x, y, w, h and i"
        if panel["type"] not in HOLDS:
            yield f"{where}: a panel of type {panel['type']} is not for every Kibana 9"
        elif HOLDS[panel["type"]] not in panel["embeddableConfig"]:
            yield f"{where}: embeddableConfig lacks {HOLDS[panel['type']]}"
        if panel["type"] == "search" and "panelRefName" not in panel:
            yield f"{where}: panelRefName is missing"


def _placed(title: str, found: Sequence[Json]) -> Iterator[str]:
    ids = Counter(panel["panelIndex"] for panel in found)
    yield from (f"{title}: {times} panels are {name}" for name, times in ids.items() if times > 1)
    for panel in found:
        where, grid = place(title, panel["panelIndex"]), panel["gridData"]
        if grid["i"] != panel["panelIndex"]:
            yield f"{where}: gridData.i is {grid['i']}"
        if min(grid["x"], grid["y"]) < 0 or min(grid["w"], grid["h"]) < 1:
            yield f"{where}: its place must have x and y from 0, w and h from 1"
        if grid["x"] + grid["w"] > COLUMNS:
            yield f"{where}: it ends at column {grid['x'] + grid['w']}, the grid at {COLUMNS}"
    for one, other in combinations(found, 2):
        if _overlap(one["gridData"], other["gridData"]):
            yield f"{place(title, one['panelIndex'])}: lies over {other['panelIndex']}"


def _overlap(one: Json, other: Json) -> bool:
    across = one["x"] < other["x"] + other["w"] and other["x"] < one["x"] + one["w"]
    down = one["y"] < other["y"] + other["h"] and other["y"] < one["y"] + one["h"]
    return bool(across and down)


def _controls(title: str, found: dict[str, Json]) -> Iterator[str]:
    orders = Counter(control.get("order") for control in found.values())
    for name, control in found.items():
        where = place(title, f"control {name}")
        asked = control.get("explicitInput", {})
        if control.get("type") not in CONTROL_FIELDS:
            yield f"{where}: the type {control.get('type')} is none of {', '.join(CONTROL_FIELDS)}"
        if asked.get("id") != name:
            yield f"{where}: explicitInput.id is {asked.get('id')}"
        if not asked.get("fieldName") or not asked.get("title"):
            yield f"{where}: explicitInput needs fieldName and title"
        if not isinstance(control.get("order"), int) or orders[control["order"]] > 1:
            yield f"{where}: needs an order of its own"
