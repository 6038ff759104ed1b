"""What the dashboards share: data views, tables of posts, controls, the line of help, metrics."""

from collections.abc import Sequence

from kibana import columns, fields
from kibana.layout import Control, Dashboard, Row
from kibana.lens import Layer
from kibana.objects import DataView, Json, Search, tag
from kibana.panels import Posts, Words
from stream.index import ALIAS

TAG_ID = "emostream"
TAG = tag(TAG_ID, "emostream", "What people feel, live", "#f2c200")

POSTS = DataView("emostream-posts", "Emotions", ALIAS, fields.LABELS, fields.formats())
DEAD_LETTERS = DataView(
    "emostream-dead-letters",
    "Dead letters",
    "emotions-dead-letters-*",
    fields.DEAD_LETTER_LABELS,
    {},
)

TITLES = {
    "emostream-now": "Emotions now",
    "emostream-over-time": "Emotions over time",
    "emostream-compare": "Compare",
    "emostream-feedback": "Feedback for creators",
    "emostream-pipeline": "Pipeline",
}
"""Each dashboard's id and title, in the order of the links between them."""

FUNCTION_WORDS = """
a about all am an and are as at be been but by can could did do does for from get had has have he
her him his i i'd i'm i've if in is it it's its just me my of on or our she so than that that's the
their them then there these they this those to too us was we we're were will with would you you're
your
"""
"""English words that carry no feeling; no, not, never, don't and the words of questions stay."""

SHOWS_AN_EMOTION = f'{fields.EMOTION} : * and not {fields.EMOTION} : "neutral"'
ON_A_VIDEO = f"{fields.VIDEO} : *"
NO_LABEL = f"{fields.ABSTAINED} : *"
DAY = "now-24h"
TWO_DAYS = "now-48h"
"""The sample posts are of 48 hours, shifted so that they end now."""

POST_COLUMNS = (
    fields.TEXT,
    fields.EMOTION,
    fields.WORDS,
    fields.AUTHOR,
    fields.PLATFORM,
    fields.LIKES,
    fields.LINK,
)

NEWEST = Search(
    "emostream-search-posts",
    "Posts",
    "Every post with what the classifier says of it, newest first.",
    POSTS.id,
    POST_COLUMNS,
    (fields.TIME, "desc"),
    tag=TAG_ID,
    widths=fields.WIDTHS,
)
COMMENTS = Search(
    "emostream-search-comments",
    "Comments",
    "Every post under a video with what the classifier says of it, newest first.",
    POSTS.id,
    POST_COLUMNS,
    (fields.TIME, "desc"),
    ON_A_VIDEO,
    tag=TAG_ID,
    widths=fields.WIDTHS,
)
MOST_LIKED = Search(
    "emostream-search-most-liked",
    "Most liked posts",
    "Posts with the most likes when they were observed.",
    POSTS.id,
    (fields.TEXT, fields.LIKES, fields.EMOTION, fields.AUTHOR, fields.PLATFORM, fields.LINK),
    (fields.LIKES, "desc"),
    f"{fields.LIKES} > 0",
    tag=TAG_ID,
    widths=fields.WIDTHS,
)
SUGGESTIONS = Search(
    "emostream-search-suggestions",
    "Suggestions",
    "Comments under videos that propose something, the surest first.",
    POSTS.id,
    (
        fields.TEXT,
        fields.SUGGESTION,
        fields.VIDEO,
        fields.AUTHOR,
        fields.LIKES,
        fields.LINK,
    ),
    (fields.SUGGESTION, "desc"),
    f'{ON_A_VIDEO} and {fields.COMMENT_CLASS} : "constructive_feedback"',
    tag=TAG_ID,
    widths=fields.WIDTHS,
)

CONTROLS = (
    Control("platform", fields.PLATFORM, "Platform"),
    Control("language", fields.LANGUAGE, "Language"),
    Control("emotion", fields.EMOTION, "Emotion"),
    Control("topic", fields.TOPIC, "Topic"),
    Control("author", fields.AUTHOR, "Author"),
    Control("model", fields.MODEL, "Model"),
)


THE_POSTS = Posts("posts", 48, "Which posts are these? Newest first", NEWEST)


def dashboard(
    key: str,
    note: str,
    since: str,
    rows: Sequence[Row],
    refresh_seconds: int = 60,
    controls: Sequence[Control] = (),
    posts: Posts = THE_POSTS,
) -> Dashboard:
    """Frames the panels: own controls first, help and links above, the newest posts below."""
    help_row = Row(3, [Words("help", 48, _help(key, note))])
    posts_row = Row(16, [posts])
    return Dashboard(
        key,
        TITLES[key],
        note,
        [help_row, *rows, posts_row],
        [*controls, *CONTROLS],
        POSTS.id,
        TAG_ID,
        since,
        refresh_seconds=refresh_seconds,
    )


def layer(buckets: dict[str, Json], **metrics: Json) -> Layer:
    """Makes a layer of the posts."""
    return Layer(POSTS.id, buckets, metrics)


def mood(label: str = "Mood", shift: str = "") -> Json:
    """Averages the polarity score, shown with its sign: -1 is negative, +1 positive."""
    return columns.average(fields.MOOD, label, shift=shift)


def words(size: int) -> Layer:
    """Counts the commonest words behind the emotions; words that carry no feeling are left out."""
    word = columns.top(fields.WORDS, "Word", size, "posts")
    return layer({"word": columns.without(word, *FUNCTION_WORDS.split())}, posts=columns.count())


def _help(own: str, note: str) -> str:
    links = " · ".join(
        f"**{title}**" if key == own else f"[{title}](#/view/{key})"
        for key, title in TITLES.items()
    )
    return f"{links}  \n{note}"
