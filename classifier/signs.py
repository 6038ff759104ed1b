"""What each Unicode character counts as: two tables, by code point.

FOLD gives the character that stands for it: lower case, without accent, in its plain shape, every
digit 0, every quote one quote; 0 where it is left out. KIND gives what it is to the tokeniser.
"""

import unicodedata
from functools import cache

import numpy as np
from numpy.typing import NDArray

BREAK, WORD, SIGN, CALL, DOT, APOSTROPHE = range(6)
"""Kinds: parts tokens; joins others of its kind; stands alone; ! and ?; a dot; '."""

END = 0x1E
"""Record separator: stands between texts, and so in none."""

_LOOKED_UP = (  # between and beyond are ideographs and Hangul, words as they are, and tags
    *range(0x3400), *range(0x4DC0, 0x4E00), *range(0xA000, 0xAC00), *range(0xD7A4, 0x17000),
    *range(0x1B000, 0x20000),
)  # fmt: skip
_DROPPED = (
    (0x00, 0x09),  # control characters; the rest of them are space
    (0x0E, 0x1E),
    (0x7F, 0x85),
    (0x86, 0xA0),
    (0xAD, 0xAE),
    (0x0300, 0x0370),  # combining marks
    (0x061C, 0x061D),
    (0x180B, 0x180F),
    (0x1AB0, 0x1B00),
    (0x1DC0, 0x1E00),
    (0x200B, 0x2010),  # zero-width and direction marks, the emoji joiner
    (0x202A, 0x202F),
    (0x2060, 0x2070),
    (0x20D0, 0x2100),
    (0xD800, 0xE000),  # lone surrogates
    (0xFE00, 0xFE10),  # variation selectors: a heart is a heart
    (0xFE20, 0xFE30),
    (0xFEFF, 0xFF00),
    (0x1F3FB, 0x1F400),  # skin tones
    (0xE0000, 0xE01F0),
)
_SAME = {
    "\u2018": "'", "\u2019": "'", "\u02bc": "'", "\u00b4": "'", "`": "'",
    "\u201c": '"', "\u201d": '"', "\u2764": "\u2665", "\u2661": "\u2665",
}  # fmt: skip


@cache
def fold() -> NDArray[np.uint32]:
    """FOLD, (0x110000,)."""
    table = np.arange(0x110000, dtype=np.uint32)
    for code in _LOOKED_UP:
        sign = chr(code)
        if sign.isdigit():
            table[code] = ord("0")
        elif sign.isascii():
            table[code] = ord(sign.lower())
        else:
            plain = unicodedata.normalize("NFKD", sign)
            folded = (plain if len(plain) == 1 or _accented(plain) else sign)[0].lower()
            table[code] = ord(folded[0])
    for sign, other in _SAME.items():
        table[ord(sign)] = ord(other)
    for start, end in _DROPPED:
        table[start:end] = 0
    return table


@cache
def kind() -> NDArray[np.uint8]:
    """KIND, (0x110000,): of folded characters."""
    table = np.full(0x110000, WORD, dtype=np.uint8)
    for code in _LOOKED_UP:
        category = unicodedata.category(chr(code))
        if category[0] in "LNM":
            continue
        table[code] = SIGN if category == "So" or category == "Co" else BREAK
    table[ord("#")] = table[ord('"')] = SIGN
    table[ord("!")] = table[ord("?")] = CALL
    table[ord(".")] = table[0x2026] = DOT
    table[ord("'")] = APOSTROPHE
    return table


def _accented(plain: str) -> bool:
    """Whether a decomposed character is a letter and nothing but marks."""
    return all(unicodedata.combining(mark) for mark in plain[1:])
