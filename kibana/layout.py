"""Dashboards: rows of panels, the controls above them, and what Kibana stores of both."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kibana.objects import Json, Reference, SavedObject, compact, kql, tagged
from kibana.panels import AnyPanel

COLUMNS = 48
"""Width of Kibana's grid; a unit of height is about 28 pixels."""


@dataclass(frozen=True)
class Row:
    """Panels side by side, of one height, which fill the width together."""

    height: int
    panels: Sequence[AnyPanel]


@dataclass(frozen=True)
class Control:
    """A list of a field's values above the panels; a choice filters all of them."""

    id: str
    field: str
    title: str
    width: str = "small"
    """`small`, `medium` or `large`; each grows with the window."""


@dataclass(frozen=True)
class Dashboard:
    """A page of panels with the time range and refresh that it opens with."""

    id: str
    title: str
    note: str
    rows: Sequence[Row]
    controls: Sequence[Control]
    view: str
    """The data view of the controls."""
    tag: str
    since: str
    query: str = ""
    refresh_seconds: int = 0

    def saved(self) -> SavedObject:
        """Gives the object."""
        panels, references = [], [tagged(self.tag), *self._control_references()]
        for panel, place in self._placed():
            body, needs = panel.placed(place)
            panels.append(body)
            references += needs
        source = {"query": kql(self.query), "filter": []}
        options = {
            "useMargins": True,
            "syncColors": False,
            "syncCursor": True,
            "syncTooltips": False,
            "hidePanelTitles": False,
        }
        return SavedObject(
            "dashboard",
            self.id,
            {
                "title": self.title,
                "description": self.note,
                "panelsJSON": compact(panels),
                "optionsJSON": compact(options),
                "controlGroupInput": self._control_group(),
                "kibanaSavedObjectMeta": {"searchSourceJSON": compact(source)},
                "timeRestore": True,
                "timeFrom": self.since,
                "timeTo": "now",
                "refreshInterval": {
                    "pause": not self.refresh_seconds,
                    "value": (self.refresh_seconds or 60) * 1000,
                },
                "version": 1,
                "hits": 0,
            },
            references,
        )

    def _placed(self) -> Iterator[tuple[AnyPanel, Json]]:
        y = 0
        for row in self.rows:
            x = 0
            for panel in row.panels:
                place = {"x": x, "y": y, "w": panel.width, "h": row.height, "i": panel.id}
                yield panel, place
                x += panel.width
            y += row.height

    def _control_group(self) -> Json:
        listed = {
            control.id: {
                "type": "optionsListControl",
                "order": order,
                "width": control.width,
                "grow": True,
                "explicitInput": {
                    "id": control.id,
                    "fieldName": control.field,
                    "title": control.title,
                    "enhancements": {},
                },
            }
            for order, control in enumerate(self.controls)
        }
        heeded = ("ignoreFilters", "ignoreQuery", "ignoreTimerange", "ignoreValidations")
        return {
            "controlStyle": "oneLine",
            "chainingSystem": "HIERARCHICAL",
            "showApplySelections": False,
            "ignoreParentSettingsJSON": compact(dict.fromkeys(heeded, False)),
            "panelsJSON": compact(listed),
        }

    def _control_references(self) -> list[Reference]:
        return [
            Reference(f"controlGroup_{one.id}:optionsListDataView", "index-pattern", self.view)
            for one in self.controls
        ]
