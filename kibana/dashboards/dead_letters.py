"""Panels of the dead letters: what could not be used, when and why."""

from kibana import charts, columns, fields
from kibana.dashboards.shared import DEAD_LETTERS
from kibana.lens import Layer
from kibana.objects import Json
from kibana.panels import Panel

UNFILTERED = "The filters above do not apply: a dead letter has none of their fields."


def letters(buckets: dict[str, Json], **metrics: Json) -> Layer:
    """Makes a layer of the dead letters."""
    return Layer(DEAD_LETTERS.id, buckets, metrics, unfiltered=True)


NUMBER = Panel(
    "letters",
    12,
    "How many records could not be used?",
    charts.number(letters({}, letters=columns.count("dead letters"))),
    UNFILTERED,
)

REASONS = Panel(
    "reasons",
    24,
    "What could not be used, and why?",
    charts.table(
        letters(
            {
                "station": columns.top(fields.STATION, "Station", 5, "letters"),
                "reason": columns.top(fields.REASON, "Reason", 20, "letters"),
            },
            letters=columns.count("Dead letters"),
            last=columns.latest(fields.TIME, "Last seen"),
        ),
        "letters",
    ),
    UNFILTERED,
)

TIMELINE = Panel(
    "letters-timeline",
    48,
    "When did records fail?",
    charts.series(
        "bar_stacked",
        letters(
            {
                "station": columns.top(fields.STATION, "Station", 5, "letters"),
                "time": columns.over_time(fields.TIME, "Time of the failure"),
            },
            letters=columns.count("dead letters"),
        ),
        "time",
        "station",
        y_title="dead letters",
    ),
    UNFILTERED,
)
