"""Emotions now: what people feel at this moment, how strongly, and in which words."""

from kibana import charts, colours, columns, fields
from kibana.dashboards.shared import (
    DAY,
    MOST_LIKED,
    SHOWS_AN_EMOTION,
    dashboard,
    layer,
    mood,
    words,
)
from kibana.layout import Row
from kibana.panels import Panel, Posts

AGO = "a day earlier"

NUMBERS = Row(
    6,
    [
        Panel(
            "volume",
            12,
            "How much is written?",
            charts.number(
                layer({}, posts=columns.count("posts"), before=columns.count(AGO, shift="1d")),
                "before",
            ),
        ),
        Panel(
            "people",
            12,
            "How many people write?",
            charts.number(
                layer(
                    {},
                    people=columns.distinct(fields.AUTHOR_ID, "people"),
                    before=columns.distinct(fields.AUTHOR_ID, AGO, shift="1d"),
                ),
                "before",
            ),
        ),
        Panel(
            "feeling",
            12,
            "How many posts show an emotion?",
            charts.number(
                layer(
                    {},
                    posts=columns.count("posts with an emotion", SHOWS_AN_EMOTION),
                    before=columns.count(AGO, SHOWS_AN_EMOTION, shift="1d"),
                ),
                "before",
            ),
            "Posts whose emotion is not neutral.",
        ),
        Panel(
            "mood",
            12,
            "How is the mood?",
            charts.number(
                layer({}, mood=mood("from -1 (bad) to +1 (good)"), before=mood(AGO, shift="1d")),
                "before",
            ),
            "Mean polarity score of all posts: p(positive) - p(negative).",
        ),
    ],
)

FEELINGS = Row(
    17,
    [
        Panel(
            "emotions",
            30,
            "What do people feel?",
            charts.parts(
                "treemap",
                layer(
                    {"emotion": columns.top(fields.EMOTION, "Emotion", 28, "posts")},
                    posts=columns.count(),
                ),
                colours.EMOTIONS,
            ).of(SHOWS_AN_EMOTION),
            "Share of each emotion among the posts that show one; neutral posts are left out.",
            to_posts=True,
        ),
        Panel(
            "polarity",
            18,
            "Is it good or bad?",
            charts.parts(
                "donut",
                layer(
                    {"polarity": columns.in_order(fields.POLARITY, "Polarity", 3)},
                    posts=columns.count(),
                ),
                colours.POLARITIES,
            ),
            "Share of each polarity among all posts that got a label.",
            to_posts=True,
        ),
    ],
)

WHEN_AND_WHY = Row(
    12,
    [
        Panel(
            "timeline",
            30,
            "When was it written?",
            charts.series(
                "bar_stacked",
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
                y_title="posts",
            ),
        ),
        Panel(
            "words",
            18,
            "Which words show it?",
            charts.cloud(words(40)),
            "Words that weigh most for each post's emotion. Neutral posts have none; words like "
            '"the" and "you" are left out. Choose an emotion to see its own.',
        ),
    ],
)

LIKED = Row(12, [Posts("liked", 48, "Which posts are liked most?", MOST_LIKED)])

DASHBOARD = dashboard(
    "emostream-now",
    "What people feel in the last 24 hours. Click a value to keep only its posts; they are listed "
    "at the end.",
    DAY,
    [NUMBERS, FEELINGS, WHEN_AND_WHY, LIKED],
    refresh_seconds=10,
)
