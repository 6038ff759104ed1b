"""Compare: the same question asked of platforms, languages, topics, hashtags, names, videos ..."""

from kibana import charts, colours, columns, fields
from kibana.dashboards.shared import TWO_DAYS, dashboard, layer, mood
from kibana.layout import Row
from kibana.panels import Panel

EMOTION_GROUPS = 6


def feelings(
    name: str,
    width: int,
    title: str,
    field: str,
    label: str,
    note: str = "",
    *,
    missing: bool = False,
) -> Panel:
    """A bar for each of a field's commonest values, divided by what its posts feel."""
    values = columns.top(field, label, 8, "posts", missing=missing)
    group = columns.in_order(fields.EKMAN, "Emotion group", EMOTION_GROUPS)
    chart = charts.series(
        "bar_horizontal_percentage_stacked",
        layer(
            {"value": values, "emotion": columns.without(group, "neutral")},
            posts=columns.count(),
        ),
        "value",
        "emotion",
        colours.EMOTIONS,
        legend="bottom",
    )
    return Panel(name, width, title, chart, note, to_posts=True)


NUMBERS = Panel(
    "numbers",
    24,
    "Which topics move people, and how?",
    charts.table(
        layer(
            {"topic": columns.top(fields.TOPIC, "Topic", 19, "posts")},
            posts=columns.count("Posts"),
            people=columns.distinct(fields.AUTHOR_ID, "People"),
            mood=mood("Mood, -1 to +1"),
            likes=columns.average(fields.LIKES, "Likes a post", shape=columns.decimals(1)),
        ),
        "posts",
        20,
    ),
    "A post may be of several topics.",
)

NAMED = "From X's annotations, and from a recogniser where one is set: empty without either."

DASHBOARD = dashboard(
    "emostream-compare",
    "Who feels what. Each bar is 100 % of the emotions found there, in six groups and without "
    "neutral; the value with most posts comes first. Point at a bar for its number of posts.",
    TWO_DAYS,
    [
        Row(
            12,
            [
                feelings("platforms", 24, "How do platforms differ?", fields.PLATFORM, "Platform"),
                feelings("languages", 24, "How do languages differ?", fields.LANGUAGE, "Language"),
            ],
        ),
        Row(
            18,
            [
                NUMBERS,
                feelings("topics", 24, "What is felt about each topic?", fields.TOPIC, "Topic"),
            ],
        ),
        Row(
            14,
            [
                feelings(
                    "hashtags", 24, "What is felt under each hashtag?", fields.HASHTAG, "Hashtag"
                ),
                feelings("rules", 24, "What does each stream rule find?", fields.RULE, "Rule"),
            ],
        ),
        Row(
            14,
            [
                feelings(
                    "people", 24, "What is felt about each person?", fields.PERSON, "Person", NAMED
                ),
                feelings(
                    "organisations",
                    24,
                    "What is felt about each organisation?",
                    fields.ORGANISATION,
                    "Organisation",
                    NAMED,
                ),
            ],
        ),
        Row(
            14,
            [
                feelings(
                    "places", 16, "What is felt about each place?", fields.PLACE, "Place", NAMED
                ),
                feelings(
                    "products",
                    16,
                    "What is felt about each product?",
                    fields.PRODUCT,
                    "Product",
                    NAMED,
                ),
                feelings("links", 16, "What is felt with each link?", fields.LINK_HOST, "Site"),
            ],
        ),
        Row(
            14,
            [
                feelings("videos", 16, "What is felt under each video?", fields.VIDEO, "Video"),
                feelings(
                    "channels", 16, "What is felt in each channel?", fields.CHANNEL, "Channel"
                ),
                feelings(
                    "queries",
                    16,
                    "What does each search find?",
                    fields.QUERY,
                    "Search",
                    "Posts that no search brought are under (missing value).",
                    missing=True,
                ),
            ],
        ),
    ],
)
