"""Subwords: in training a word's embedding is its own row and a row for each of its subwords.

The subwords of a word are all runs of 3 to 5 characters of it, written between < and >; they share
rows by hash (Bojanowski et al. 2017, "Enriching Word Vectors with Subword Information"). A rare
word so learns from words that look like it. After training the rows are summed
(`CbowClassifier.folded`): the model that serves knows words and phrases and no subwords.
"""

import zlib
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional

from classifier.text import STANDS_FOR
from classifier.vocabulary import Vocabulary

SHORTEST, LONGEST = 3, 5
"""Characters of a subword."""


@dataclass(frozen=True)
class Parts:
    """The rows that make up the embedding of each word and phrase."""

    rows: Tensor  # of all words and phrases in a row: each one's own, then its subwords'
    offsets: Tensor  # where the rows of each start, and the end of the last, (vocabulary + 1,)
    total: int  # how many rows there are

    @classmethod
    def alone(cls, vocabulary: int) -> Self:
        """One row for each word and phrase, no subwords."""
        return cls(torch.arange(vocabulary), torch.arange(vocabulary + 1), vocabulary)

    @classmethod
    def of(cls, vocabulary: Vocabulary, buckets: int) -> Self:
        """A row for each word and phrase, and behind all of them those of the words' subwords.

        Args:
            vocabulary: the words and phrases; phrases, signs and marks have no subwords.
            buckets: how many rows the subwords share; with none it is `alone`.
        """
        rows, lengths = [], []
        for number, entry in enumerate(vocabulary.entries):
            own = [number]
            if buckets and number < vocabulary.words:
                own += sorted(len(vocabulary) + place for place in _places(entry, buckets))
            rows += own
            lengths.append(len(own))
        offsets = functional.pad(torch.tensor(lengths).cumsum(0), (1, 0))
        return cls(torch.tensor(rows), offsets, len(vocabulary) + buckets)

    def take(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """The rows of some words and phrases, and where each one's start, (ids + 1,)."""
        starts = self.offsets[ids]
        lengths = self.offsets[ids + 1] - starts
        offsets = functional.pad(lengths.cumsum(0), (1, 0))
        within = torch.arange(int(offsets[-1])) - torch.repeat_interleave(offsets[:-1], lengths)
        return self.rows[torch.repeat_interleave(starts, lengths) + within], offsets

    def counts(self, ids: Tensor) -> Tensor:
        """How often each row occurs, (total,), where each word and phrase does so often."""
        lengths = self.offsets[1:] - self.offsets[:-1]
        found = torch.zeros(self.total, dtype=ids.dtype)
        return found.index_add_(0, self.rows, torch.repeat_interleave(ids, lengths))


def subwords(word: str) -> set[str]:
    """The subwords of a word; none of a single character or of a sign that stands for something."""
    if len(word) < 2 or word in _SIGNS or word[0] == "<":
        return set()
    whole = f"<{word}>"
    sizes = range(SHORTEST, LONGEST + 1)
    return {whole[at : at + size] for size in sizes for at in range(len(whole) - size + 1)}


_SIGNS = frozenset(STANDS_FOR.values())


def _places(word: str, buckets: int) -> set[int]:
    return {zlib.crc32(each.encode("utf-8", "surrogatepass")) % buckets for each in subwords(word)}
