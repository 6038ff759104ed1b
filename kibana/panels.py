"""What can stand on a dashboard: a chart, a line of help, a table of posts."""

from dataclasses import dataclass

from kibana.lens import Chart
from kibana.objects import NOTHING_ASKED, Json, Reference, Search

Placed = tuple[Json, list[Reference]]
"""A panel as the dashboard keeps it, and what it needs."""


@dataclass(frozen=True)
class Panel:
    """A chart with a title that is a question, and a note on how to read it."""

    id: str
    width: int
    title: str
    chart: Chart
    note: str = ""
    since: str = ""
    """A time range of its own, such as `now-24h`; otherwise the dashboard's."""
    to_posts: bool = False
    """A click offers the posts behind a value in Discover, beside the filter."""

    def placed(self, place: Json) -> Placed:
        """Gives the panel at a place of the grid; its chart's references get its name in front."""
        config: Json = {
            "attributes": self.chart.attributes(self.title, self.note),
            "enhancements": _to_posts(self.id) if self.to_posts else {},
            "title": self.title,
            "description": self.note,
        }
        if self.since:
            config["timeRange"] = {"from": self.since, "to": "now"}
        needs = [
            Reference(f"{self.id}:{one.name}", one.type, one.id) for one in self.chart.references()
        ]
        return _panel("lens", place, config), needs


@dataclass(frozen=True)
class Words:
    """A line of help in Markdown."""

    id: str
    width: int
    markdown: str

    def placed(self, place: Json) -> Placed:
        """Gives the panel in the form that all of Kibana 9 reads."""
        params = {"fontSize": 11, "openLinksInNewTab": False, "markdown": self.markdown}
        shown = {
            "title": "",
            "description": "",
            "type": "markdown",
            "params": params,
            "uiState": {},
            "data": {"aggs": [], "searchSource": {"query": NOTHING_ASKED, "filter": []}},
        }
        config = {"savedVis": shown, "hidePanelTitles": True, "enhancements": {}}
        return _panel("visualization", place, config), []


@dataclass(frozen=True)
class Posts:
    """A saved search: the documents that the dashboard's filters leave."""

    id: str
    width: int
    title: str
    search: Search

    def placed(self, place: Json) -> Placed:
        """Gives the panel, which names the search by reference."""
        name = f"panel_{self.id}"
        body = _panel("search", place, {"title": self.title, "enhancements": {}})
        needs = [Reference(f"{self.id}:{name}", "search", self.search.id)]
        return body | {"panelRefName": name}, needs


AnyPanel = Panel | Words | Posts


def _panel(kind: str, place: Json, config: Json) -> Json:
    return {
        "type": kind,
        "panelIndex": place["i"],
        "gridData": place,
        "embeddableConfig": config,
    }


def _to_posts(panel: str) -> Json:
    """Offers Discover beside the filter, when a value of the chart is clicked."""
    action = {
        "factoryId": "OPEN_IN_DISCOVER_DRILLDOWN",
        "name": "See these posts",
        "config": {"openInNewTab": True},
    }
    event = {"eventId": f"{panel}-to-posts", "triggers": ["FILTER_TRIGGER"], "action": action}
    return {"dynamicActions": {"events": [event]}}
