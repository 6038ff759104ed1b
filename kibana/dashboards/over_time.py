"""Emotions over time: what comes, what goes, and at which hour."""

from kibana import charts, colours, columns, fields
from kibana.dashboards.shared import DAY, SHOWS_AN_EMOTION, TWO_DAYS, dashboard, layer, mood
from kibana.layout import Row
from kibana.lens import Layer
from kibana.panels import Panel
from stream.faces import COLOURS

PEAKING = ("joy", "excitement", "gratitude", "anger", "fear", "sadness")
"""Emotions whose curves tell stories apart; more than six lines cannot be read."""


def by_emotion() -> Layer:
    """Counts the commonest emotions over time."""
    return layer(
        {
            "emotion": columns.top(fields.EMOTION, "Emotion", 11, "posts", other=True),
            "time": columns.over_time(fields.TIME, "Time of the post"),
        },
        posts=columns.count(),
    )


STACKED = Row(
    15,
    [
        Panel(
            "timeline",
            48,
            "Which emotions come and go?",
            charts.series(
                "bar_stacked", by_emotion(), "time", "emotion", colours.EMOTIONS, y_title="posts"
            ).of(SHOWS_AN_EMOTION),
            "The eleven commonest emotions and all others; neutral posts are left out.",
        )
    ],
)

MOODS = Row(
    12,
    [
        Panel(
            "mood",
            24,
            "Does the mood get better or worse?",
            charts.series(
                "line",
                layer(
                    {"time": columns.over_time(fields.TIME, "Time of the post")},
                    mood=mood("mood"),
                ),
                "time",
                metric_colours={"mood": colours.NOW},
                y_title="mood, -1 to +1",
            ),
            "Mean polarity score: p(positive) - p(negative).",
        ),
        Panel(
            "polarity",
            24,
            "How large is the share of good and bad?",
            charts.series(
                "bar_percentage_stacked",
                layer(
                    {
                        "polarity": columns.in_order(fields.POLARITY, "Polarity", 3),
                        "time": columns.over_time(fields.TIME, "Time of the post"),
                    },
                    posts=columns.count(),
                ),
                "time",
                "polarity",
                colours.POLARITIES,
                y_title="share of posts",
            ),
        ),
    ],
)

SWINGS = Row(
    15,
    [
        Panel(
            "peaks",
            28,
            "When does each feeling peak?",
            charts.series(
                "line",
                layer(
                    {"time": columns.over_time(fields.TIME, "Time of the post")},
                    **{
                        label: columns.average(
                            fields.PROBABILITY + label,
                            fields.faced(label),
                            shape=columns.percents(),
                        )
                        for label in PEAKING
                    },
                ),
                "time",
                metric_colours={label: COLOURS[label] for label in PEAKING},
                y_title="mean probability",
            ),
            "Mean probability of each emotion over all posts of the interval; the fewer posts, the "
            "more it swings.",
        ),
        Panel(
            "swings",
            20,
            "What changed since yesterday?",
            charts.series(
                "bar_horizontal",
                layer(
                    {"emotion": columns.top(fields.EMOTION, "Emotion", 10, "posts")},
                    posts=columns.count("last 24 hours"),
                    before=columns.count("24 hours before", shift="1d"),
                ),
                "emotion",
                metric_colours={"posts": colours.NOW, "before": colours.BEFORE},
                y_title="posts",
                legend="bottom",
            ).of(SHOWS_AN_EMOTION),
            "The last 24 hours against the 24 hours before them, whatever time is chosen above.",
            since=DAY,
        ),
    ],
)

HOURS = Row(
    14,
    [
        Panel(
            "week",
            24,
            "At which hour of the week is the mood best?",
            charts.heat(
                layer(
                    {
                        "hour": columns.in_order(fields.HOUR, "Hour (UTC)", 24),
                        "weekday": columns.in_order(fields.WEEKDAY, "Weekday (UTC)", 7),
                    },
                    mood=mood(),
                ),
                "hour",
                "weekday",
                colours.moods("mood"),
            ),
            "Mean polarity score, from -1 (red) to +1 (green). Hours without posts stay empty.",
        ),
        Panel(
            "emotional",
            24,
            "At which hour of the week are emotions written?",
            charts.heat(
                layer(
                    {
                        "hour": columns.in_order(fields.HOUR, "Hour (UTC)", 24),
                        "weekday": columns.in_order(fields.WEEKDAY, "Weekday (UTC)", 7),
                    },
                    posts=columns.count(),
                ),
                "hour",
                "weekday",
                colours.warmth("posts"),
            ).of(SHOWS_AN_EMOTION),
            "Number of posts that show an emotion. Choose one above to see its own hours.",
        ),
    ],
)

DAY_HOURS = Row(
    12,
    [
        Panel(
            "hours",
            48,
            "At which hour is which emotion written?",
            charts.heat(
                layer(
                    {
                        "hour": columns.in_order(fields.HOUR, "Hour (UTC)", 24),
                        "emotion": columns.without(
                            columns.in_order(fields.EKMAN, "Emotion group", 7), "neutral"
                        ),
                    },
                    posts=columns.count(),
                ),
                "hour",
                "emotion",
                colours.warmth("posts"),
            ),
            "Number of posts in six groups of emotions; neutral is left out.",
        ),
    ],
)

DASHBOARD = dashboard(
    "emostream-over-time",
    "Which emotions come and go. Drag over a timeline to look closer. Hours of the day and the "
    "week are UTC.",
    TWO_DAYS,
    [STACKED, MOODS, SWINGS, HOURS, DAY_HOURS],
)
