"""Lens charts, each with its data: what a panel of a dashboard holds.

A chart draws one or more layers; a layer has buckets, which split the posts from the outside to
the inside, and metrics, which are counted of each part.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from kibana.objects import Json, Reference, kql


@dataclass(frozen=True)
class Layer:
    """Columns by their ids, and the data view they are of."""

    view: str
    buckets: Mapping[str, Json]
    metrics: Mapping[str, Json]
    unfiltered: bool = False
    """Takes no filter of the dashboard's: for data that has none of the filters' fields."""

    def state(self) -> Json:
        """Gives the layer as Lens keeps it; the order of the buckets is their nesting."""
        return {
            "columns": {**self.buckets, **self.metrics},
            "columnOrder": [*self.buckets, *self.metrics],
            "incompleteColumns": {},
            "ignoreGlobalFilters": self.unfiltered,
            "sampling": 1,
        }


@dataclass(frozen=True)
class Chart:
    """One drawing of some layers."""

    type: str
    visualization: Json
    layers: Mapping[str, Layer]
    query: str = ""

    def references(self) -> list[Reference]:
        """Gives each layer's need of its data view."""
        return [
            Reference(f"indexpattern-datasource-layer-{name}", "index-pattern", layer.view)
            for name, layer in self.layers.items()
        ]

    def attributes(self, title: str, note: str) -> Json:
        """Gives the chart as Lens keeps it inside a dashboard."""
        layers = {name: layer.state() for name, layer in self.layers.items()}
        return {
            "title": title,
            "description": note,
            "type": "lens",
            "visualizationType": self.type,
            "references": [
                {"id": one.id, "name": one.name, "type": one.type} for one in self.references()
            ],
            "state": {
                "visualization": self.visualization,
                "query": kql(self.query),
                "filters": [],
                "datasourceStates": {"formBased": {"layers": layers}},
                "internalReferences": [],
                "adHocDataViews": {},
            },
        }

    def of(self, query: str) -> "Chart":
        """Gives the same chart of those documents that match a query."""
        return Chart(self.type, self.visualization, self.layers, query)
