"""Texts to tokens, many texts at once: one way, in training and in serving.

    texts -> one row of characters, folded -> runs of a kind -> tokens, each with a 64-bit name

Everything after the first lines is array arithmetic over the characters of all texts in a row, so
a text costs a few microseconds. Total: any `str` is taken, whatever it holds, in linear time.

A token is a word with its apostrophes, an emoji or other sign, a run of ! and ?, dots, an
emoticon, or the sign that stands for an address, a mention, a masked name. Digits become 0, a
character three times in a row stays twice, hashtags are `#` and their words.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from classifier import kernels
from classifier.signs import APOSTROPHE, BREAK, DOT, END, SIGN, WORD, fold, kind
from stream.references import unescape

Thing = TypeVar("Thing")
Codes = NDArray[np.uint32]
Places = NDArray[np.int64]
Names = NDArray[np.uint64]

STANDS_FOR = {
    "\ue000": "<url>",
    "\ue001": "<user>",
    "\ue002": "<name>",
    "\ue003": "<religion>",
    "\ue010": ":)",
    "\ue011": ":(",
    "\ue012": ":d",
    "\ue013": ":p",
    "\ue014": ";)",
    "\ue015": ":/",
    "\ue016": ":o",
    "\ue017": "<3",
    "\ue018": ":'(",
    "\ue019": ":|",
    "\ue01a": ":*",
}
"""Signs of our own, from the private part of Unicode, and how they are written."""

CAPS = "<caps>"
"""The token that stands for two or more words in capitals."""

PIECE = re.compile(r"[^ \t\r\n]+")
"""What stands between blanks that always part tokens. Pieces split one by one have the tokens of
the whole text, in order: `str.split` also parts at signs that the tokeniser leaves out of a word.
"""

_SIGN_OF = {written: sign for sign, written in STANDS_FOR.items()}
_URL = re.compile(r"https?://\S+")
_WWW = re.compile(r"www\.\S+")
_MENTION = re.compile(r"@\w+")
_HASHTAG = re.compile(r"#\w+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_")
SMILES, FROWNS, WINKS, CRIES = 0xE010, 0xE011, 0xE014, 0xE018  # eyes turn one into another
_MOUTHS = {
    ")": "\ue010", "]": "\ue010", "(": "\ue011", "[": "\ue011", "d": "\ue012", "p": "\ue013",
    "/": "\ue015", "\\": "\ue015", "o": "\ue016", "|": "\ue019", "*": "\ue01a", "3": "\ue017",
}  # fmt: skip
EYES = np.zeros(128, dtype=bool)
EYES[[ord(eye) for eye in ":;=<"]] = True
MOUTH = np.zeros(128, dtype=np.uint32)
for _mouth, _sign in _MOUTHS.items():
    MOUTH[ord(_mouth)] = MOUTH[ord(_mouth.upper())] = ord(_sign)
PRIME = np.uint64(0x9E3779B97F4A7C15)  # odd, so that it has an inverse modulo 2 ** 64


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of several texts, in a row."""

    codes: Codes  # the folded characters of all texts
    starts: Places  # where each token starts in `codes`, (tokens,)
    ends: Places  # and where it ends
    names: Names  # equal for equal tokens, (tokens,)
    offsets: Places  # where each text's tokens start, and the end of the last, (texts + 1,)
    shouts: NDArray[np.bool_]  # texts with two or more words in capitals, (texts,)

    def strings(self) -> list[list[str]]:
        """The tokens of each text as they are written in the vocabulary."""
        line = self.codes.tobytes().decode("utf-32-le", "replace")
        words = [line[a:b] for a, b in zip(self.starts.tolist(), self.ends.tolist(), strict=True)]
        words = [STANDS_FOR.get(word, word) for word in words]
        edges = self.offsets.tolist()
        return [words[a:b] for a, b in pairwise(edges)]


def parts(things: Iterable[Thing], size: int) -> Iterator[list[Thing]]:
    """So many at once, the last of them fewer: `itertools.batched` of Python 3.12."""
    pending = iter(things)
    while part := list(islice(pending, size)):
        yield part


def tokenise(texts: Sequence[str]) -> Tokens:
    """Splits texts into tokens."""
    raw = _characters(texts)
    if kernels.loaded:
        return Tokens(*kernels.loaded.split(raw, len(texts), fold(), kind(), EYES, MOUTH))
    codes = fold()[raw]
    capital = (raw - np.uint32(65)) < 26
    kept = codes != 0
    face = _emoticons(raw, codes)
    if not kept.all():
        codes, capital, face = codes[kept], capital[kept], face[kept]
    again = np.zeros(len(codes), dtype=bool)
    again[2:] = (codes[2:] == codes[1:-1]) & (codes[2:] == codes[:-2]) & (codes[2:] != END)
    if again.any():
        codes, capital, face = codes[~again], capital[~again], face[~again]
    kinds = kind()[codes]
    _settle(codes, kinds, face)
    before, after = kinds[:-1], kinds[1:]
    turn = before != after
    alone = kinds == SIGN
    inside = kinds != BREAK
    begins, finishes = inside.copy(), inside
    begins[1:] &= turn | alone[1:]
    finishes[:-1] &= turn | alone[:-1]
    starts, ends = begins.nonzero()[0], finishes.nonzero()[0] + 1
    offsets = np.zeros(len(texts) + 1, dtype=np.int64)
    offsets[1:] = np.searchsorted(starts, (codes == END).nonzero()[0])
    return Tokens(
        codes, starts, ends, _names(codes, starts, ends), offsets,
        _shouting(capital, starts, ends, offsets),
    )  # fmt: skip


def names(tokens: Sequence[str]) -> Names:
    """The names of tokens as they are written in the vocabulary, (tokens,)."""
    plain = [_SIGN_OF.get(token, token) for token in tokens]
    codes = np.frombuffer("".join(plain).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    ends = np.cumsum([len(token) for token in plain], dtype=np.int64)
    return _names(codes, np.concatenate([[0], ends[:-1]]), ends)


def _characters(texts: Sequence[str]) -> Codes:
    """All texts in one row, each followed by END, with addresses, mentions and masks replaced."""
    end = chr(END)
    plain = [unescape(unescape(one)) if "&" in one else one for one in texts]
    line = end.join(plain) + end
    if line.count(end) != len(texts):
        line = end.join([one.replace(end, " ") for one in plain]) + end
    if "http" in line:
        line = _URL.sub(" \ue000 ", line)
    if "www." in line:
        line = _WWW.sub(" \ue000 ", line)
    if "@" in line:
        line = _MENTION.sub(" \ue001 ", line)
    if "#" in line:
        line = _HASHTAG.sub(_hashtag, line)
    if "[" in line:
        line = line.replace("[NAME]", " \ue002 ").replace("[RELIGION]", " \ue003 ")
    return np.frombuffer(line.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def _hashtag(match: re.Match[str]) -> str:
    return "# " + _CAMEL.sub(" ", match[0][1:]) + " "


def _emoticons(raw: Codes, codes: Codes) -> NDArray[np.uint32]:
    """The sign of the emoticon that starts at a character, or 0; 1 where one goes on."""
    face = np.zeros(len(raw), dtype=np.uint32)
    low = np.minimum(raw, 127)
    eyes = EYES[low].nonzero()[0]
    if not len(eyes):
        return face
    nose = np.isin(raw[eyes + 1], (ord("-"), ord("^"), ord("'")))
    place = eyes + 1 + nose
    mouth = MOUTH[low[place]]
    heart = raw[eyes] == ord("<")
    fits = (mouth != 0) & ((low[place] == ord("3")) == heart) & ~(heart & nose)
    after = np.minimum(place + 1, len(raw) - 1)  # the last is END
    fits &= kind()[codes[after]] != WORD
    winks = (raw[eyes] == ord(";")) & (mouth == SMILES)
    cries = nose & (raw[eyes + 1] == ord("'")) & (mouth == FROWNS)
    mouth = np.where(winks, WINKS, np.where(cries, CRIES, mouth))
    eyes, nose, mouth = eyes[fits], nose[fits], mouth[fits]
    face[eyes + 1] = 1
    face[eyes + 1 + nose] = 1
    face[eyes] = mouth
    return face


def _settle(codes: Codes, kinds: NDArray[np.uint8], face: NDArray[np.uint32]) -> None:
    """Decides, in place, what hangs on a character's neighbours: emoticons, apostrophes, dots."""
    signs = face > 1
    if signs.any():
        codes[signs] = face[signs]
        kinds[signs] = SIGN
        kinds[face == 1] = BREAK
    marks = (kinds == APOSTROPHE).nonzero()[0]  # never the last: END is
    joins = (kinds[marks - 1] == WORD) & (kinds[np.minimum(marks + 1, len(kinds) - 1)] == WORD)
    kinds[marks] = np.where(joins & (marks > 0), WORD, BREAK)
    dots = (kinds == DOT).nonzero()[0]
    pairs = (codes[dots] == 0x2026) | (kinds[dots - 1] == DOT) | (kinds[dots + 1] == DOT)
    kinds[dots[~pairs]] = BREAK
    codes[dots[pairs]] = ord(".")


def _names(codes: Codes, starts: Places, ends: Places) -> Names:
    """Polynomial hashes of all tokens from one running sum, modulo 2 ** 64."""
    powers, inverses = _powers(len(codes))
    total = np.zeros(len(codes) + 1, dtype=np.uint64)
    np.cumsum(codes * powers[: len(codes)], out=total[1:])
    return (total[ends] - total[starts]) * inverses[starts]


_cached = (np.ones(0, dtype=np.uint64), np.ones(0, dtype=np.uint64))


def _powers(size: int) -> tuple[Names, Names]:
    """Powers of the prime and of its inverse, at least `size` of them."""
    global _cached  # grows with the longest batch, never wrong
    if len(_cached[0]) < size:
        length = max(1 << 18, 1 << size.bit_length())
        _cached = (_chain(PRIME, length), _chain(np.uint64(pow(int(PRIME), -1, 1 << 64)), length))
    return _cached


def _chain(base: np.uint64, length: int) -> Names:
    factors = np.full(length, base, dtype=np.uint64)
    factors[0] = 1
    return np.cumprod(factors)


def _shouting(
    capital: NDArray[np.bool_], starts: Places, ends: Places, offsets: Places
) -> NDArray[np.bool_]:
    """Which texts have two or more words of three or more letters, all capital."""
    total = np.zeros(len(capital) + 1, dtype=np.int32)
    np.cumsum(capital, out=total[1:])
    size = ends - starts
    loud = ((total[ends] - total[starts]) == size) & (size > 2)
    counts = np.zeros(len(starts) + 1, dtype=np.int32)
    np.cumsum(loud, out=counts[1:])
    return (counts[offsets[1:]] - counts[offsets[:-1]]) > 1
