"""Token to id: words first, then phrases of two and three words that earned a place.

An id is the line number in `vocabulary.txt`. Line 0 is the unknown word. A phrase is written as
its words with spaces between, and comes after every part of it.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

UNKNOWN = 0
_SHIFT = 24  # an id takes at most 24 bits, so that (part << 24 | word) names a pair


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
        self._words: dict[str, int] = {}
        self._phrases: dict[int, int] = {}
        ids: dict[str, int] = {}
        for number, entry in enumerate(entries):
            if not entry or entry in ids:
                raise ValueError(f"entry {number} is {'repeated' if entry else 'empty'}: {entry!r}")
            head, _, last = entry.rpartition(" ")
            if not head:
                self._words[entry] = number
            elif head in ids and last in self._words:
                self._phrases[ids[head] << _SHIFT | self._words[last]] = number
            else:
                raise ValueError(f"entry {number} is a phrase of unknown parts: {entry!r}")
            ids[entry] = number

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def words(self) -> int:
        """How many entries are single words, the unknown one included; phrases come after."""
        return len(self._words)

    def word_ids(self, tokens: Iterable[str]) -> list[int]:
        """The ids of the known words of a text, without phrases."""
        word_of = self._words.get
        return [word for token in tokens if (word := word_of(token, UNKNOWN))]

    def ids(self, tokens: Iterable[str]) -> list[int]:
        """The ids of the known words and phrases of a text; empty where nothing is known."""
        word_of, phrase_of = self._words.get, self._phrases.get
        found: list[int] = []
        add = found.append
        word_before = pair_before = 0  # 0: unknown, or the start
        for token in tokens:
            word = word_of(token, 0)
            pair = 0
            if word:
                add(word)
                if word_before and (pair := phrase_of(word_before << _SHIFT | word, 0)):
                    add(pair)
                if pair_before and (triple := phrase_of(pair_before << _SHIFT | word, 0)):
                    add(triple)
            word_before, pair_before = word, pair
        return found

    def save(self, path: Path) -> None:
        """Writes one entry a line."""
        path.write_text("\n".join(self.entries) + "\n", encoding="utf-8", newline="\n")

    @classmethod
    def load(cls, path: Path) -> "Vocabulary":
        """Reads what `save` wrote."""
        return cls(path.read_bytes().decode("utf-8").removesuffix("\n").split("\n"))

    @classmethod
    def build(
        cls,
        words_from: Iterable[Sequence[str]],
        phrases_from: Iterable[Sequence[str]],
        *,
        max_words: int,
        max_phrases: int,
        min_count: int = 3,
    ) -> "Vocabulary":
        """Counts words in one corpus and phrases in another, and keeps the most frequent.

        Ties go by spelling, so that the same corpus gives the same ids everywhere.
        """
        words = _most(Counter(t for tokens in words_from for t in tokens), max_words, min_count)
        known = set(words)
        counts: Counter[str] = Counter()
        for tokens in phrases_from:
            for size in (2, 3):
                for start in range(len(tokens) - size + 1):
                    part = tokens[start : start + size]
                    if known.issuperset(part):
                        counts[" ".join(part)] += 1
        phrases = _most(counts, max_phrases, min_count)
        kept = set(phrases)
        # the first two of three, being at least as frequent, may still lose a tie at the cut
        whole = [p for p in phrases if p.count(" ") == 1 or p.rpartition(" ")[0] in kept]
        return cls(["<unknown>", *words, *sorted(whole, key=lambda p: p.count(" "))])


def _most(counts: Counter[str], limit: int, min_count: int) -> list[str]:
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [entry for entry, count in ranked[:limit] if count >= min_count and entry != "<unknown>"]
