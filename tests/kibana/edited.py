"""The committed file with one thing changed: what a fault in it looks like."""

from __future__ import annotations

import json
from typing import Any

from kibana import building
from kibana.objects import Json, compact


class File:
    """The built file, open for changes."""

    def __init__(self) -> None:
        self.lines: list[Json] = [json.loads(line) for line in building.built().splitlines()]
        self._panels: dict[str, list[Json]] = {}
        self._controls: dict[str, Json] = {}

    def one(self, kind: str, name: str) -> Json:
        """Gives an object to change."""
        return next(o for o in self.lines if (o.get("type"), o.get("id")) == (kind, name))

    @property
    def page(self) -> Json:
        """Gives the first dashboard."""
        return self.one("dashboard", "emostream-now")

    @property
    def pipeline(self) -> Json:
        """Gives the dashboard that has the dead letters."""
        return self.one("dashboard", "emostream-pipeline")

    @property
    def search(self) -> Json:
        """Gives a saved search."""
        return self.one("search", "emostream-search-posts")

    @property
    def view(self) -> Json:
        """Gives the posts' data view."""
        return self.one("index-pattern", "emostream-posts")

    def panel(self, index: str, page: str = "emostream-now") -> Json:
        """Gives a panel to change."""
        return next(one for one in self.panels(page) if one["panelIndex"] == index)

    def panels(self, page: str = "emostream-now") -> list[Json]:
        """Gives a dashboard's panels to change."""
        if page not in self._panels:
            text = self.one("dashboard", page)["attributes"]["panelsJSON"]
            self._panels[page] = json.loads(text)
        return self._panels[page]

    def state(self, index: str, page: str = "emostream-now") -> Json:
        """Gives the state of a chart to change."""
        state: Json = self.panel(index, page)["embeddableConfig"]["attributes"]["state"]
        return state

    def layer(self, index: str, page: str = "emostream-now") -> Json:
        """Gives the only layer of a chart to change."""
        (layer,) = self.state(index, page)["datasourceStates"]["formBased"]["layers"].values()
        found: Json = layer
        return found

    def column(self, index: str, column: str, page: str = "emostream-now") -> Any:
        """Gives a column of a chart to change."""
        return self.layer(index, page)["columns"][column]

    def drawing(self, index: str, page: str = "emostream-now") -> Json:
        """Gives what a chart draws: its first layer where it has several."""
        drawing: Json = self.state(index, page)["visualization"]
        found: Json = drawing["layers"][0] if "layers" in drawing else drawing
        return found

    def control(self, name: str) -> Json:
        """Gives a control of the first dashboard to change."""
        if not self._controls:
            text = self.page["attributes"]["controlGroupInput"]["panelsJSON"]
            self._controls = json.loads(text)
        found: Json = self._controls[name]
        return found

    def text(self) -> str:
        """Writes the file as it is now."""
        for page, panels in self._panels.items():
            self.one("dashboard", page)["attributes"]["panelsJSON"] = compact(panels)
        if self._controls:
            group = self.page["attributes"]["controlGroupInput"]
            group["panelsJSON"] = compact(self._controls)
        return "".join(compact(line) + "\n" for line in self.lines)
