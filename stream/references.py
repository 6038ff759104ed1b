"""Character references of HTML (`&amp;`, `&#x1f600;`) to the characters they stand for."""

import html
import re
import sys

_ENDLESS = re.compile(rf"&#[0-9]{{{sys.int_info.default_max_str_digits},}};?")
"""Python reads no number of so many digits; no character has one of more than seven."""


def unescape(text: str) -> str:
    """Replaces each reference, as browsers do; one beyond Unicode becomes U+FFFD.

    Total: `html.unescape` raises ValueError for `&#` and more than 4,300 digits.
    """
    if "&" not in text:
        return text
    if len(text) > sys.int_info.default_max_str_digits and "&#" in text:
        text = _ENDLESS.sub("\N{REPLACEMENT CHARACTER}", text)
    return html.unescape(text)
