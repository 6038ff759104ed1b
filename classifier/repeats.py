"""Which texts are the same text: the name under which repeats and leaks are found."""

import re

from stream.references import unescape

_ADDRESS = re.compile(r"(?:https?://|www\.)\S+|@\w+")


def key(text: str) -> str:
    """The letters and digits of a text in lower case, without mentions and addresses.

    Two texts with equal keys are the same text in another dress: other case, punctuation, spaces,
    emoji, entities. Empty for a text of signs only.
    """
    plain = _ADDRESS.sub("", unescape(unescape(text)))
    return "".join(sign for sign in plain.casefold() if sign.isalnum())
