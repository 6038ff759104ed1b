"""Colours for Lens: one for each label everywhere, and ramps for heat maps."""

from collections.abc import Mapping, Sequence

from kibana.objects import Json
from stream.faces import COLOURS, COMMENT_COLOURS, POLARITY_COLOURS

NOW, BEFORE = "#4f9de0", "#c9d3df"
"""Of what is compared with an earlier time: strong and pale."""

OTHERS = "#dfe3ea"
"""Of what has no colour of its own, such as "Other"; Kibana's own would be some emotion's."""
INK = "#3b5b8c"
"""Of words."""

MOODS = ("#c4463a", "#e39a8f", "#d5d8dc", "#9ccb9c", "#4fa84f")
WARMTHS = ("#fdf3e3", "#f9d9a8", "#f3b562", "#e0862f", "#b4561a")


def of(labels: Mapping[str, str], others: str = OTHERS) -> Json:
    """Fixes the colour of each label, and one for all other values."""
    return {
        "paletteId": "default",
        "colorMode": {"type": "categorical"},
        "assignments": [
            {
                "rule": {"type": "matchExactly", "values": [label]},
                "color": {"type": "colorCode", "colorCode": colour},
                "touched": True,
            }
            for label, colour in labels.items()
        ],
        "specialAssignments": [
            {
                "rule": {"type": "other"},
                "color": {"type": "colorCode", "colorCode": others},
                "touched": True,
            }
        ],
    }


EMOTIONS = of(COLOURS)
POLARITIES = of(POLARITY_COLOURS)
COMMENT_CLASSES = of(COMMENT_COLOURS)
WORDS = of({"the": INK}, INK)
"""Kibana heeds the colour of all others only beside that of one value."""


def moods(column: str) -> Json:
    """Colours a score from -1 (red) over 0 (grey) to 1 (green)."""
    return _ramp(column, MOODS, (-1, -0.6, -0.2, 0.2, 0.6, 1), "number", "none")


def warmth(column: str) -> Json:
    """Colours a number by its place between the least and the most."""
    return _ramp(column, WARMTHS, (0, 20, 40, 60, 80, 100), "percent", "above")


def _ramp(
    column: str, colours: Sequence[str], bounds: Sequence[float], kind: str, continuity: str
) -> Json:
    """Gives each colour from one bound to the next; there is one bound more than colours."""
    lows = [{"color": c, "stop": low} for c, low in zip(colours, bounds[:-1], strict=True)]
    highs = [{"color": c, "stop": high} for c, high in zip(colours, bounds[1:], strict=True)]
    return {
        "type": "palette",
        "name": "custom",
        "accessor": column,
        "params": {
            "name": "custom",
            "reverse": False,
            "rangeType": kind,
            "rangeMin": bounds[0],
            "rangeMax": None if continuity == "above" else bounds[-1],
            "continuity": continuity,
            "progression": "fixed",
            "steps": len(colours),
            "maxSteps": len(colours),
            "colorStops": lows,
            "stops": highs,
        },
    }
