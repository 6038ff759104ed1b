"""Feedback for creators: what the comments under each video say, and what they suggest."""

from kibana import charts, colours, columns, fields
from kibana.dashboards.shared import (
    COMMENTS,
    ON_A_VIDEO,
    SUGGESTIONS,
    TWO_DAYS,
    dashboard,
    layer,
    mood,
    words,
)
from kibana.layout import Control, Row
from kibana.lens import Chart
from kibana.panels import Panel, Posts

FEEDBACK = f'{fields.COMMENT_CLASS} : "constructive_feedback"'
PER_VIDEO = 12


def words_of(comment_class: str) -> Chart:
    """The words that weigh most in the comments of one class."""
    return charts.cloud(words(25)).of(
        f'{ON_A_VIDEO} and {fields.COMMENT_CLASS} : "{comment_class}"'
    )


NUMBERS = Row(
    6,
    [
        Panel(
            "comments",
            12,
            "How many comments?",
            charts.number(layer({}, posts=columns.count("comments"))).of(ON_A_VIDEO),
        ),
        Panel(
            "people",
            12,
            "From how many people?",
            charts.number(layer({}, people=columns.distinct(fields.AUTHOR_ID, "people"))).of(
                ON_A_VIDEO
            ),
        ),
        Panel(
            "suggested",
            12,
            "How many suggest something?",
            charts.number(layer({}, posts=columns.count("suggestions", FEEDBACK))).of(ON_A_VIDEO),
        ),
        Panel(
            "mood",
            12,
            "How is the mood?",
            charts.number(layer({}, mood=mood("from -1 (bad) to +1 (good)"))).of(ON_A_VIDEO),
        ),
    ],
)

CLASSES = Row(
    16,
    [
        Panel(
            "videos",
            32,
            "What do the comments under each video say?",
            charts.series(
                "bar_horizontal_stacked",
                layer(
                    {
                        "video": columns.top(fields.VIDEO, "Video", PER_VIDEO, "posts"),
                        "class": columns.in_order(fields.COMMENT_CLASS, "Class", 5),
                    },
                    posts=columns.count("comments"),
                ),
                "video",
                "class",
                colours.COMMENT_CLASSES,
                y_title="comments",
            ),
            "Five classes by rule: suggestions first, then sadness, then polarity.",
            to_posts=True,
        ),
        Panel(
            "classes",
            16,
            "What do all comments say together?",
            charts.parts(
                "donut",
                layer(
                    {"class": columns.in_order(fields.COMMENT_CLASS, "Class", 5)},
                    posts=columns.count("comments"),
                ),
                colours.COMMENT_CLASSES,
            ).of(ON_A_VIDEO),
            to_posts=True,
        ),
    ],
)

SUGGESTED = Row(14, [Posts("suggestions", 48, "What do they suggest?", SUGGESTIONS)])

DETAILS = Row(
    13,
    [
        Panel(
            "timeline",
            24,
            "When do the comments come?",
            charts.series(
                "bar_stacked",
                layer(
                    {
                        "class": columns.in_order(fields.COMMENT_CLASS, "Class", 5),
                        "time": columns.over_time(fields.TIME, "Time of the comment"),
                    },
                    posts=columns.count("comments"),
                ),
                "time",
                "class",
                colours.COMMENT_CLASSES,
                y_title="comments",
            ).of(ON_A_VIDEO),
        ),
        Panel("praise", 12, "Which words carry the praise?", words_of("positive")),
        Panel("criticism", 12, "Which words carry the criticism?", words_of("negative")),
    ],
)

DASHBOARD = dashboard(
    "emostream-feedback",
    "What viewers say under your videos. Choose a channel or a video above; suggestions are "
    "in a list of their own, the surest first.",
    TWO_DAYS,
    [NUMBERS, CLASSES, SUGGESTED, DETAILS],
    controls=[
        Control("channel", fields.CHANNEL, "Channel", "medium"),
        Control("video", fields.VIDEO, "Video", "medium"),
    ],
    posts=Posts("posts", 48, "Which comments are these? Newest first", COMMENTS),
)
