"""Which language a text is in: English, another one, or too little to tell.

    text and what the platform says -> certain by its words or its script? -> else the identifier

Most texts are certain after one look at their words; only the doubtful ones are cleaned, and only
what is doubtful then goes to the identifier (py3langid: Lui and Baldwin 2012, langid.py), which is
loaded when the first such text comes. See docs/decisions/0008-language-identifier.md.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SUPPORTED = frozenset({"en"})
"""The languages that the classifier labels."""

UNKNOWN = "und"
"""Too little to tell (BCP 47): emoji only, a name, one word that many languages have."""

_GLANCE = 80  # certain English shows in its first ten words or so
_HEAD = 1000  # a text is judged by so many characters at most
_ENGLISH = frozenset(
    Path(__file__).with_name("english_words.txt").read_text(encoding="utf-8").split()
)  # common words of English that are not words of the candidates, too
_SHARED = frozenset(  # English words that are
    "a am an as at by do for had he her i in is me no of on or so to was we".split()  # noqa: SIM905
)
_CANDIDATES = (
    "en es pt fr de it nl tr id pl sv vi da no fi cs hu ro hr ca tl sq sw".split()  # noqa: SIM905
)
_LIKELY = 0.5
_SURE = 0.9  # what it takes to overrule a platform that says English

_RENAMED = {"in": "id", "iw": "he", "ji": "yi"}  # codes withdrawn in 1989 that platforms still use
_NO_LANGUAGE = re.compile("und|zxx|mul|mis|art|q[a-t][a-z]")  # X says qst, qme, art ... of a text
_SUBTAG = re.compile("[a-z]{2,3}")

_OTHER_SCRIPT = re.compile(
    "[\u0370-\u1cff\u1f00-\u1fff\u2c80-\u2dff\u3040-\ua6ff\ua800-\uab2f\uab70-\ud7ff"
    "\uf900-\ufaff\ufb13-\ufdff\ufe70-\ufefe\uff66-\uffdc\U00010000-\U0001cfff\U00020000-\U0003ffff]"
)
_NOISE = re.compile(  # addresses, mentions and hashtags (any language's), entities, masks
    r"https?://\S+|www\.\S+|@\w+|#\w+|&#?\w+;|\[[A-Za-z]+\]"
)  # every branch starts with a letter or sign: the search jumps to those
_UNSEEN = re.compile(  # control characters that are no space, soft hyphens, zero widths, directions
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]"
)
_WORD = re.compile(r"[^\W\d_]+'?[^\W\d_]*")

_SCRIPTS = {
    "CYRILLIC": "ru", "ARABIC": "ar", "HEBREW": "he", "GREEK": "el", "DEVANAGARI": "hi",
    "THAI": "th", "HANGUL": "ko", "HIRAGANA": "ja", "KATAKANA": "ja", "CJK": "zh",
    "BENGALI": "bn", "GURMUKHI": "pa", "GUJARATI": "gu", "ORIYA": "or", "TAMIL": "ta",
    "TELUGU": "te", "KANNADA": "kn", "MALAYALAM": "ml", "SINHALA": "si", "LAO": "lo",
    "MYANMAR": "my", "KHMER": "km", "GEORGIAN": "ka", "ARMENIAN": "hy", "ETHIOPIC": "am",
}  # fmt: skip
_OTHER_LANGUAGE = "mis"  # BCP 47: a language without a code


def english_entries(entries: Sequence[str]) -> NDArray[np.bool_]:
    """Which entries of a vocabulary are words that only English has, (entries,)."""
    return np.array([entry in _ENGLISH for entry in entries])


def plainly_english(
    found: NDArray[np.bool_], offsets: NDArray[np.int64], sizes: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which of many texts are English at one look: a fifth of their tokens are English words.

    The other texts are for `languages` to judge; for nearly all of these it would say `en`.

    Args:
        found: whether each known word or phrase of the texts is an English word, (ids,).
        offsets: where each text's known words start, and the end of the last, (texts + 1,).
        sizes: how many tokens each text has, (texts,).
    """
    total = np.zeros(len(found) + 1, dtype=np.int32)
    np.cumsum(found, out=total[1:])
    return (5 * (total[offsets[1:]] - total[offsets[:-1]]) >= sizes) & (sizes > 0)


def languages(texts: Sequence[str], declared: Sequence[str | None]) -> list[str]:
    """Names the language of each text by its primary subtag (`en`, `de`), or `und`.

    What a text plainly is wins over what is declared; what is declared wins over a doubt:

    - English words, or letters of another script: that is the language, whatever is declared. Of
      the languages of one script the declared one is named, else the most written one.
    - declared English: believed, unless the identifier is sure of another language.
    - declared another language: believed, unless the identifier finds English likelier than not.
    - nothing declared, or a code for no language (und, zxx, art, X's qst ...): the identifier's
      answer where it is likelier than not, else `und`.

    Any `str` is taken, in time linear in its length; each text is judged alone.

    Args:
        texts: posts, as written.
        declared: what the platform says of each, a BCP 47 tag; None where it says nothing.

    Raises:
        ValueError: not one declaration a text.
    """
    english, other_script = _ENGLISH.intersection, _OTHER_SCRIPT.search
    found = []
    for text, tag in zip(texts, declared, strict=True):
        glance = text[:_GLANCE]
        words = glance.lower().split()
        if 5 * len(english(words)) >= len(words) > 0 and (
            glance.isascii() or not other_script(glance)
        ):
            found.append("en")
        else:
            found.append(_doubtful(text[:_HEAD], _primary(tag) if tag else UNKNOWN))
    return found


def _doubtful(text: str, declared: str) -> str:
    """The language of a text that is not plainly English, weighed against what is declared."""
    foreign: list[str] = []
    text = _UNSEEN.sub("", text)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).replace("’", "'")
    text = _NOISE.sub(" ", text)
    if not text.isascii():
        foreign = _OTHER_SCRIPT.findall(text)
        text = _OTHER_SCRIPT.sub(" ", text)
    words = _WORD.findall(text)
    line = " ".join(words)
    # A sign of another script says as much as two letters; one sign alone is a face: ಠ_ಠ, ツ.
    if len(set(foreign)) > 1 and 2 * len(foreign) > len(line):
        return declared if declared not in {UNKNOWN, *_CANDIDATES} else _by_script(foreign)
    lower = line.lower().split()
    english = len(_ENGLISH.intersection(lower))
    if english and 5 * (english + len(_SHARED.intersection(lower))) >= len(words):
        return "en"
    if len(words) < 3 and line.isascii():
        return declared
    guess, probability = _identifier()(line)
    if declared == UNKNOWN:
        return guess if probability >= _LIKELY else UNKNOWN
    if declared in SUPPORTED:
        return guess if probability >= _SURE else declared
    return guess if guess in SUPPORTED and probability >= _LIKELY else declared


@lru_cache(maxsize=256)
def _primary(tag: str) -> str:
    """The language of a BCP 47 tag: `pt` of `pt-BR`; `und` of what names no language."""
    subtag = re.split("[-_]", tag.lower(), maxsplit=1)[0]
    if not _SUBTAG.fullmatch(subtag) or _NO_LANGUAGE.fullmatch(subtag):
        return UNKNOWN
    return _RENAMED.get(subtag, subtag)


def _by_script(letters: Sequence[str]) -> str:
    """The language most written in the script of these letters; any kana is Japanese."""
    scripts = Counter(unicodedata.name(letter, "?").split()[0] for letter in letters)
    if scripts["HIRAGANA"] + scripts["KATAKANA"] > 1:
        return "ja"
    return _SCRIPTS.get(scripts.most_common(1)[0][0], _OTHER_LANGUAGE)


@cache
def _identifier() -> Callable[[str], tuple[str, float]]:
    """A text's likeliest language and its probability; loading takes half a second, 100 MB."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(_CANDIDATES)
    classify: Callable[[str], tuple[str, float]] = identifier.classify
    return classify
