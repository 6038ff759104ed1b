"""Tokens to ids: words first, then phrases of two and three words that earned a place.

An id is the line number in `vocabulary.txt`. Line 0 is the unknown word. A phrase is written as
its words with spaces between, and comes after every part of it.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classifier import kernels
from classifier.lookup import Lookup
from classifier.text import CAPS, Tokens, names

UNKNOWN = 0
SHIFT = np.uint64(24)  # an id takes at most 24 bits, so that (part << 24 | word) names a pair

ALIASES = {
    ".": "..",  # an ellipsis of one character
    "dont": "don't", "cant": "can't", "wont": "won't", "didnt": "didn't", "doesnt": "doesn't",
    "isnt": "isn't", "wasnt": "wasn't", "arent": "aren't", "werent": "weren't",
    "couldnt": "couldn't", "wouldnt": "wouldn't", "shouldnt": "shouldn't", "havent": "haven't",
    "hasnt": "hasn't", "hadnt": "hadn't", "aint": "ain't", "im": "i'm", "ive": "i've",
    "youre": "you're", "theyre": "they're", "thats": "that's", "whats": "what's",
    "u": "you", "ur": "your", "thx": "thanks", "thnx": "thanks", "tnx": "thanks", "ty": "thanks",
    "pls": "please", "plz": "please", "luv": "love", "cuz": "because", "coz": "because",
    "fuckin": "fucking", "soo": "so", "noo": "no",
}  # fmt: skip
"""Other spellings: each counts as the word it stands for."""


@dataclass(frozen=True, slots=True)
class Bags:
    """The known words and phrases of several texts, in a row."""

    ids: NDArray[np.int32]  # in the order of the tokens they end at, (ids,)
    offsets: NDArray[np.int64]  # where each text starts, and the end of the last, (texts + 1,)
    last: NDArray[np.int64]  # the token each word or phrase ends at, (ids,)
    span: NDArray[np.int64]  # how many tokens it takes, (ids,)


class Vocabulary:
    """The known words and phrases, and the ids of a text."""

    def __init__(self, entries: Sequence[str]) -> None:
        """Takes the lines of the file.

        Raises:
            ValueError: an entry is repeated, empty, or a phrase of parts that are not there.
        """
        if not entries or entries[0] != "<unknown>":
            raise ValueError("the first entry must be <unknown>")
        self.entries = tuple(entries)
        ids: dict[str, int] = {}
        words, keys, numbers = 0, [], []
        for number, entry in enumerate(entries):
            if not entry or entry in ids:
                raise ValueError(f"entry {number} is {'repeated' if entry else 'empty'}: {entry!r}")
            head, _, last = entry.rpartition(" ")
            if not head and words == number:
                words += 1
            elif head in ids and 0 < ids.get(last, 0) < words:
                keys.append(ids[head] << 24 | ids[last])
                numbers.append(number)
            else:
                raise ValueError(f"entry {number} is out of order or of unknown parts: {entry!r}")
            ids[entry] = number
        self.words = words
        self._caps = ids.get(CAPS, UNKNOWN)
        self.spoken = np.array([_spoken(entry) for entry in entries])
        """Which entries say something to a person: words and emoji, no marks and no `<...>`."""
        known = {**{one: ids[one] for one in entries[1:words] if one != CAPS}}
        for alias, word in ALIASES.items():
            if word in known:
                known[alias] = known[word]
        self._word = Lookup(names(list(known)), np.array(list(known.values()), dtype=np.int32))
        self._phrase = Lookup(np.array(keys, dtype=np.uint64), np.array(numbers, dtype=np.int32))

    def __len__(self) -> int:
        return len(self.entries)

    def word_ids(self, tokens: Tokens) -> NDArray[np.int32]:
        """The id of each token as a word, 0 if unknown, (tokens,)."""
        return self._word(tokens.names)

    def known_words(self, tokens: Tokens) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """The ids of the known words of each text, without phrases, and their offsets."""
        words = self.word_ids(tokens)
        total = np.zeros(len(words) + 1, dtype=np.int64)
        np.cumsum(words != 0, out=total[1:])
        return words[words != 0], total[tokens.offsets]

    def bags(self, tokens: Tokens) -> Bags:
        """The ids of the known words and phrases of each text."""
        if kernels.loaded:
            tables = self._word.table, self._phrase.table
            parts = tokens.names, tokens.offsets, tokens.shouts
            return Bags(*kernels.loaded.bags(*parts, *tables, self._caps))
        words = self.word_ids(tokens)
        wide = np.zeros((len(words), 3), dtype=np.int32)
        wide[:, 0] = words
        before = _follows(words, tokens)
        for part in (0, 1):
            rows, keys = _joined(wide, before, part)
            wide[rows + 1, part + 1] = self._phrase(keys)
        known = wide != 0
        ids = wide[known]
        total = np.zeros(len(words) + 1, dtype=np.int64)
        np.cumsum(known.sum(1), out=total[1:])
        offsets = total[tokens.offsets]
        last, span = np.nonzero(known)
        if self._caps and tokens.shouts.any():
            loud = tokens.shouts & (offsets[1:] > offsets[:-1])
            place = offsets[1:][loud]
            ids = np.insert(ids, place, self._caps)
            last, span = np.insert(last, place, last[place - 1]), np.insert(span, place, -1)
            offsets[1:] += np.cumsum(loud)
        return Bags(ids, offsets, last, span + 1)

    def save(self, path: Path) -> None:
        """Writes one entry a line."""
        path.write_text("\n".join(self.entries) + "\n", encoding="utf-8", newline="\n")

    @classmethod
    def load(cls, path: Path) -> "Vocabulary":
        """Reads what `save` wrote."""
        return cls(path.read_bytes().decode("utf-8").removesuffix("\n").split("\n"))

    @classmethod
    def build(
        cls, texts: Iterable[Tokens], *, max_words: int, max_phrases: int, min_count: int = 3
    ) -> "Vocabulary":
        """Counts words and phrases and keeps the most frequent.

        Ties go by spelling (words) and by the ids of the parts (phrases), so that the same texts
        give the same ids everywhere.
        """
        parts = list(texts)
        counts = Counter(token for part in parts for text in part.strings() for token in text)
        for alias, word in ALIASES.items():
            counts[word] += counts.pop(alias, 0)
        counts[CAPS] = sum(int(part.shouts.sum()) for part in parts)
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        entries = [one for one, count in ranked[:max_words] if count >= min_count]
        known = cls(["<unknown>", *entries])
        entries = list(known.entries)
        pairs = known._count(parts, entries, max_phrases, min_count)
        known = cls([*entries, *(phrase for phrase, _ in pairs)])
        triples = known._count(parts, list(known.entries), max_phrases, min_count)
        best = sorted([*pairs, *triples], key=lambda item: -item[1])[:max_phrases]
        kept = {phrase for phrase, _ in best}
        # the first two of three, being at least as frequent, may still lose a tie at the cut
        whole = [p for p, _ in best if p.count(" ") == 1 or p.rpartition(" ")[0] in kept]
        return cls([*entries, *sorted(whole, key=lambda p: p.count(" "))])

    def _count(
        self, parts: Sequence[Tokens], entries: Sequence[str], limit: int, min_count: int
    ) -> list[tuple[str, int]]:
        """The most frequent phrases of one word more than the longest known, and their counts."""
        column = 1 if len(self) > self.words else 0
        found: dict[int, int] = {}
        for part in parts:
            words = self.word_ids(part)
            wide = np.zeros((len(words), 3), dtype=np.int32)
            wide[:, 0] = words
            before = _follows(words, part)
            if column:
                rows, keys = _joined(wide, before, 0)
                wide[rows + 1, 1] = self._phrase(keys)
            _, keys = _joined(wide, before, column)
            for key, count in zip(
                *map(np.ndarray.tolist, np.unique(keys, return_counts=True)), strict=True
            ):
                found[key] = found.get(key, 0) + count
        ranked = sorted(
            ((key, count) for key, count in found.items() if count >= min_count),
            key=lambda item: (-item[1], item[0]),
        )[:limit]
        return [(f"{entries[key >> 24]} {entries[key & 0xFFFFFF]}", count) for key, count in ranked]


def _spoken(entry: str) -> bool:
    return any(sign.isalnum() or ord(sign) > 0x2000 for sign in entry) and entry[0] != "<"


def _follows(words: NDArray[np.int32], tokens: Tokens) -> NDArray[np.bool_]:
    """Whether each token but the first is a known word after another token of its text."""
    inner = np.ones(len(words) + 1, dtype=bool)
    inner[tokens.offsets] = False
    known: NDArray[np.bool_] = inner[1:-1] & (words[1:] != 0)
    return known


def _joined(
    wide: NDArray[np.int32], before: NDArray[np.bool_], part: int
) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Where a part (column of `wide`) is followed by a word, and the keys that the two make."""
    rows = (before & (wide[:-1, part] != 0)).nonzero()[0]
    heads, lasts = wide[rows, part].astype(np.uint64), wide[rows + 1, 0].astype(np.uint64)
    return rows, heads << SHIFT | lasts
