"""References: every need is named by the rules, and what is needed is in the file."""

from collections.abc import Iterator, Sequence

from kibana.objects import Json
from kibana.reading import (
    CONTROL_FIELDS,
    LAYER_REFERENCE,
    controls,
    panels,
    place,
    searched,
    title_of,
)

Need = tuple[str, str, str]
"""Type and name that the attributes ask for, and where they do."""


def faults(objects: Sequence[Json]) -> Iterator[str]:
    """Finds references that lead nowhere, are missing, or are not needed."""
    there = {(one["type"], one["id"]) for one in objects if "type" in one}
    for one in objects:
        if "type" in one:
            where = one["attributes"].get("title") or one["attributes"]["name"]
            yield from _leading_nowhere(where, one["references"], there)
            yield from _unmatched(where, one)
            if one["type"] == "dashboard":
                yield from _inner(where, one, there)


def _leading_nowhere(
    where: str, references: Sequence[Json], there: set[tuple[str, str]]
) -> Iterator[str]:
    for one in references:
        if (one["type"], one["id"]) not in there:
            needed = f"{one['type']} {one['id']}"
            yield f"{where}: {one['name']} needs {needed}, which is not in the file"


def _unmatched(where: str, one: Json) -> Iterator[str]:
    needs = list(_needs(one))
    given = {(reference["type"], reference["name"]) for reference in one["references"]}
    for kind, name, spot in needs:
        if (kind, name) not in given:
            yield f"{place(where, spot)}: no reference of type {kind} is named {name}"
    needed = {(kind, name) for kind, name, _spot in needs}
    for kind, name in sorted(given - needed):
        reference = next(r for r in one["references"] if r["name"] == name)
        if (kind, name) != ("tag", f"tag-{reference['id']}"):
            yield f"{where}: nothing needs the reference {name} of type {kind}"


def _needs(one: Json) -> Iterator[Need]:
    if one["type"] == "search":
        yield "index-pattern", searched(one).get("indexRefName", "an indexRefName"), "search source"
    if one["type"] != "dashboard":
        return
    for panel in panels(one):
        title, index = title_of(panel), panel["panelIndex"]
        if panel["type"] == "search":
            yield "search", f"{index}:{panel['panelRefName']}", title
        for layer in _layers(panel):
            yield "index-pattern", f"{index}:{LAYER_REFERENCE}{layer}", title
    for name, control in controls(one).items():
        view = CONTROL_FIELDS[control["type"]]
        yield "index-pattern", f"controlGroup_{name}:{view}", f"control {name}"


def _inner(where: str, dashboard: Json, there: set[tuple[str, str]]) -> Iterator[str]:
    """Checks the references inside a chart, which must say the same as the dashboard's."""
    outer = {(one["name"], one["id"]) for one in dashboard["references"]}
    for panel in panels(dashboard):
        if panel["type"] != "lens":
            continue
        spot = place(where, title_of(panel))
        inner = panel["embeddableConfig"]["attributes"].get("references", [])
        yield from _leading_nowhere(spot, inner, there)
        names = {one["name"] for one in inner}
        for layer in _layers(panel):
            if LAYER_REFERENCE + layer not in names:
                yield f"{spot}: the chart itself has no reference {LAYER_REFERENCE}{layer}"
        for one in inner:
            if (f"{panel['panelIndex']}:{one['name']}", one["id"]) not in outer:
                yield f"{spot}: chart and dashboard do not agree on {one['name']}"


def _layers(panel: Json) -> list[str]:
    if panel["type"] != "lens":
        return []
    state = panel["embeddableConfig"]["attributes"]["state"]
    return list(state["datasourceStates"]["formBased"]["layers"])
