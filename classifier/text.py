"""Normalisation and tokens: one way, in training and in serving.

    raw text -> normalise -> one lower-case line -> tokenise -> words, emoji, emoticons, marks

Both are total functions: any `str` is taken, whatever it holds, in time linear in its length.
"""

import html
import re
import unicodedata

_INVISIBLE = dict.fromkeys(
    [
        *range(0x200B, 0x2010),  # zero-width and direction marks, the emoji joiner
        *range(0x202A, 0x202F),  # bidirectional embedding
        *range(0x2060, 0x2070),
        *range(0xFE00, 0xFE10),  # variation selectors: a heart is a heart
        *range(0x1F3FB, 0x1F400),  # skin tones
        *range(0xE0000, 0xE0080),  # tags
        0x00AD,
        0x034F,
        0x061C,
        0x180E,
        0xFEFF,
    ]
)
_SAME = {
    0x2018: "'",
    0x2019: "'",
    0x02BC: "'",
    0x00B4: "'",
    0x201C: '"',
    0x201D: '"',
    0x2764: "\u2665",  # both hearts that follow a selector or not
}
_TABLE: dict[int, str | None] = {**_INVISIBLE, **_SAME}

_SURROGATE = re.compile(r"[\ud800-\udfff]")
_GENDER = re.compile("\u200d[\u2640\u2642]")
_MARKS = re.compile(r"[\u0300-\u036f]+")
_SLICE = 1000  # NFKC sorts marks in quadratic time: it gets this many characters at once
_URL = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_MENTION = re.compile(r"@\w+")
_HASHTAG = re.compile(r"#(\w+)")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_")
_SHOUT = re.compile(r"[A-Z]{3,}(?![\w\]])")  # but for the masks of the data: [NAME]
_ELONGATED = re.compile(r"(\S)\1{2,}")
_DIGIT = re.compile(r"[0-9]")
_NUMBER = re.compile(r"(?<![<:;=])\d+(?:[.,:]\d+)*")  # but for <3 and :3

_EMOTICON = r"(?:[:;=][-^']?[)(\]\[dpo3/\\|*@$]|</?3|\^_?\^|[-;]_+[-;])(?!\w)"
_TOKEN = re.compile(
    r"[^\W_]+(?:'[^\W\d_]+)*"  # words, with the apostrophes inside
    r"|\[[a-z]+\]"  # masks of the data: [name], [religion]
    r"|@user"
    rf"|{_EMOTICON}"
    r"|[!?]+|\.\.+|[#\"]"
    r"|[^\w\s\x00-\x7f]"  # emoji and other signs, one by one
)

_ALIASES = {
    ":-)": ":)", "=)": ":)", ":]": ":)", "=]": ":)", ":^)": ":)",
    ":-d": ":d", "=d": ":d", "=p": ":p", ":-p": ":p", ":-(": ":(", "=(": ":(", ":[": ":(",
    ":'(": ":(", ":-/": ":/", "=/": ":/", ":\\": ":/", ":-\\": ":/", "=\\": ":/", ":-|": ":|",
    ";-)": ";)", ";]": ";)", ":-o": ":o", "^_^": "^^", "\u2661": "\u2665",
    "dont": "don't", "cant": "can't", "wont": "won't", "didnt": "didn't", "doesnt": "doesn't",
    "isnt": "isn't", "wasnt": "wasn't", "arent": "aren't", "werent": "weren't",
    "couldnt": "couldn't", "wouldnt": "wouldn't", "shouldnt": "shouldn't", "havent": "haven't",
    "hasnt": "hasn't", "hadnt": "hadn't", "aint": "ain't", "im": "i'm", "ive": "i've",
    "youre": "you're", "theyre": "they're", "thats": "that's", "whats": "what's",
    "u": "you", "ur": "your", "thx": "thanks", "thnx": "thanks", "tnx": "thanks", "ty": "thanks",
    "pls": "please", "plz": "please", "luv": "love", "cuz": "because", "coz": "because",
    "fuckin": "fucking", "soo": "so", "noo": "no",
}  # fmt: skip

SHOUTING = "<caps>"
"""The token that stands for two or more words in capitals."""


def normalise(text: str) -> str:
    """Brings a text to the form that is compared and tokenised.

    Entities are decoded (twice: tweets are often escaped twice), addresses become `http`, mentions
    `@user`, numbers `0`, hashtags `#` and their words; a sign repeated three times or more stays
    twice; lone surrogates, zero-width and direction marks go; letters are lower-case.
    """
    if not text.isascii():
        text = _plain(text)
    if "&" in text:
        text = html.unescape(html.unescape(text))
        text = _plain(text)
    if "http" in text or "www." in text or "HTTP" in text:
        text = _URL.sub("http", text)
    if "@" in text:
        text = _MENTION.sub("@user", text)
    if "#" in text:
        text = _HASHTAG.sub(_split_hashtag, text)
    shouts = len(_SHOUT.findall(text)) > 1
    text = _ELONGATED.sub(r"\1\1", text.lower())
    if not text.isascii() or _DIGIT.search(text):
        text = _NUMBER.sub("0", text)
    return f"{text} {SHOUTING}" if shouts else text


def tokenise(text: str) -> list[str]:
    """Splits a raw text into tokens; empty where there is nothing but spaces and marks."""
    line = normalise(text)
    shouts = line.endswith(SHOUTING)
    if shouts:
        line = line[: -len(SHOUTING)]
    tokens = [_ALIASES.get(token, token) for token in _TOKEN.findall(line)]
    if shouts:
        tokens.append(SHOUTING)
    return tokens


def key(text: str) -> str:
    """Names a text for the search of repeats: equal for texts that give the same tokens."""
    return " ".join(tokenise(text))


def _plain(text: str) -> str:
    if _SURROGATE.search(text):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = _GENDER.sub("", text)
    text = text.translate(_TABLE)
    parts = (text[start : start + _SLICE] for start in range(0, len(text), _SLICE))
    text = "".join(unicodedata.normalize("NFKC", part) for part in parts)
    return _MARKS.sub("", text)  # what is left belongs to no letter: struck-out and piled-up text


def _split_hashtag(match: re.Match[str]) -> str:
    return "# " + _CAMEL.sub(" ", match[1]) + " "
