"""Pipeline: whether posts arrive, how late, by which model, and what could not be used."""

from kibana import charts, colours, columns, fields
from kibana.dashboards.dead_letters import NUMBER, REASONS, TIMELINE
from kibana.dashboards.shared import NO_LABEL, POSTS, TWO_DAYS, dashboard, layer
from kibana.layout import Row
from kibana.lens import Chart, Layer
from kibana.panels import Panel

TENTHS = [(n / 10, (n + 1) / 10, f"{n * 10}-{n * 10 + 10}") for n in range(9)]
TENTHS += [(0.9, 1.01, "90+")]  # a range ends before its upper bound


def arrival() -> Chart:
    """Posts by their own time and by the time when they reached the index, in one chart."""
    written = layer(
        {"time": columns.over_time(fields.TIME, "Time")}, written=columns.count("written")
    )
    indexed = Layer(
        POSTS.id,
        {"indexed_at": columns.over_time(fields.INGESTED, "Time")},
        {"indexed": columns.count("indexed")},
    )
    return charts.combined(
        [
            charts.drawn(
                "bar", "written", written, "time", metric_colours={"written": colours.BEFORE}
            ),
            charts.drawn(
                "line", "indexed", indexed, "indexed_at", metric_colours={"indexed": colours.NOW}
            ),
        ],
        {"written": written, "indexed": indexed},
        "posts",
        "bottom",
    )


NUMBERS = Row(
    6,
    [
        Panel(
            "indexed",
            12,
            "How many posts are here?",
            charts.number(layer({}, posts=columns.count("posts"))),
        ),
        Panel(
            "delay",
            12,
            "How late do posts reach us?",
            charts.number(layer({}, delay=columns.median(fields.DELAY, "median delay"))),
            "From the post's own time to our observation of it; half of the posts are quicker.",
        ),
        Panel(
            "unlabelled",
            12,
            "How many posts get no label?",
            charts.number(layer({}, posts=columns.count("posts without a label", NO_LABEL))),
        ),
        NUMBER,
    ],
)

ARRIVAL = Row(
    12,
    [
        Panel(
            "arrival",
            24,
            "Do posts arrive when they are written?",
            arrival(),
            "Posts of the chosen time by their own time (bars) and by the time when they were "
            "indexed (line).",
        ),
        Panel(
            "delays",
            24,
            "How long do they take?",
            charts.series(
                "line",
                layer(
                    {"time": columns.over_time(fields.TIME, "Time of the post")},
                    half=columns.median(fields.DELAY, "half of the posts"),
                    most=columns.percentile(fields.DELAY, "95 of 100 posts", 95),
                ),
                "time",
                metric_colours={"half": colours.NOW, "most": colours.MOODS[1]},
                y_title="delay, at most",
                legend="bottom",
            ),
            "From the post's own time to our observation of it. Replayed samples are observed at "
            "the moment of the replay, so theirs is long.",
        ),
    ],
)

LABELS = Row(
    13,
    [
        Panel(
            "models",
            16,
            "Which model labels the posts?",
            charts.series(
                "bar_stacked",
                layer(
                    {
                        "model": columns.top(fields.MODEL, "Model", 5, "posts"),
                        "time": columns.over_time(fields.TIME, "Time of the post"),
                    },
                    posts=columns.count(),
                ),
                "time",
                "model",
                y_title="posts",
                legend="bottom",
            ),
        ),
        Panel(
            "confidence",
            16,
            "How sure is it?",
            charts.series(
                "bar",
                layer(
                    {"range": columns.ranges(fields.CONFIDENCE, "Confidence", TENTHS)},
                    posts=columns.count(),
                ),
                "range",
                metric_colours={"posts": colours.NOW},
                y_title="posts",
                x_title="confidence, %",
            ),
            "Probability of the emotion that stands for the post.",
        ),
        Panel(
            "abstained",
            16,
            "Why does it give no label?",
            charts.table(
                layer(
                    {
                        "reason": columns.top(fields.ABSTAINED, "Reason", 10, "posts"),
                        "language": columns.top(fields.LANGUAGE, "Language", 5, "posts"),
                    },
                    posts=columns.count("Posts"),
                ),
                "posts",
            ),
        ),
    ],
)

SURE = Panel(
    "sure",
    24,
    "Of which emotions is it least sure?",
    charts.table(
        layer(
            {"emotion": columns.top(fields.EMOTION, "Emotion", 28, "posts")},
            posts=columns.count("Posts"),
            confidence=columns.average(
                fields.CONFIDENCE, "Mean confidence", shape=columns.percents()
            ),
        ),
        "confidence",
        direction="asc",
    ),
)

DASHBOARD = dashboard(
    "emostream-pipeline",
    "Whether posts arrive, how late, by which model, and what could not be used. The time chosen "
    "above is the posts' own, not that of their arrival.",
    TWO_DAYS,
    [NUMBERS, ARRIVAL, LABELS, Row(14, [SURE, REASONS]), Row(10, [TIMELINE])],
)
