"""The five classes that creators sort comments into, by a rule over what the model says.

| class | when |
|---|---|
| constructive_feedback | it proposes something: p(suggestion) reaches its threshold and SURE |
| sadness | else, its primary emotion is sadness or grief, and it is not positive |
| positive, negative, neutral | else, its polarity |

A proposal comes first because it is what a creator can act on, whatever its tone. The suggestion
head learned from a forum where every other sentence proposes something; in comments few do, and
below SURE most of what it finds is polite or eager and proposes nothing. Disappointment,
remorse and embarrassment are no sadness here: of a video they are criticism and apology, and
their polarity says so. A sad song that somebody loves is positive. A text without a polarity, of
which the model says nothing, has no class.
"""

from functools import cache

from stream.posts import CommentClass

SAD = frozenset({"sadness", "grief"})
"""The emotions that make a text sad."""

SURE = 0.4
"""Least p(suggestion) of constructive feedback; chosen by reading GoEmotions dev: 2 % have it."""

_BY_POLARITY: dict[str, CommentClass] = {
    "negative": "negative",
    "neutral": "neutral",
    "positive": "positive",
}


@cache
def comment_class(primary: str | None, polarity: str | None, suggests: bool) -> CommentClass | None:
    """The class of a text, or None if it has no polarity.

    Args:
        primary: its primary emotion, or None.
        polarity: its polarity, or None.
        suggests: whether it proposes something, as above.
    """
    if polarity is None:
        return None
    if suggests:
        return "constructive_feedback"
    if primary in SAD and polarity != "positive":
        return "sadness"
    return _BY_POLARITY[polarity]
