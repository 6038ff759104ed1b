"""A model of any family as the predictor asks it: logits, the words behind a label, explanations.

The bag of embeddings says exactly what each word adds to a label. Others do not: a model with
attention says how much it looked at each word, whatever the label; of the rest each word is left
out in turn. Both are named as what they are (`Explanation.method`), and a post carries words only
where they come with the answer: those of attention.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from classifier.artifact import Artifact
from classifier.explanation import (
    ATTENTION,
    LEFT_OUT,
    LONGEST,
    MOST_WORDS,
    Explanation,
    labels_asked,
)
from classifier.families.base import Attention, Attentive
from classifier.heads import HEADS, columns
from classifier.text import PIECE, tokenise

MOST_LEFT_OUT = 200
"""Words of a text that are left out in turn; those after them are not looked at."""


class Other:
    """A model that is no bag of embeddings, with some of its heads."""

    def __init__(self, source: Artifact, heads: Sequence[str]) -> None:
        """Takes an artifact that has these heads."""
        model = source.answering()
        every = columns(model.heads)
        self.model, self.calibration, self.vocabulary = model, source.calibration, source.vocabulary
        self.columns = columns(heads)
        places = [torch.arange(every[name].start, every[name].stop) for name in heads]
        self._rows = torch.cat(places)

    @cached_property
    def _empty(self) -> Tensor:
        """The logits of an empty text, (1, labels)."""
        return self.model.logits([""])[:, self._rows]

    def answer(
        self, texts: Sequence[str], known: NDArray[np.bool_]
    ) -> tuple[Tensor, Attention | None]:
        """The logits of its heads side by side, (texts, labels), float64, and any attention.

        Args:
            texts: as written.
            known: which of them are read; the others count as empty, (texts,).
        """
        rows = torch.from_numpy(known.nonzero()[0])
        found, attention = self._empty.repeat(len(texts), 1), None
        if len(rows):
            read = [texts[row] for row in rows.tolist()]
            if isinstance(self.model, Attentive):
                logits, looked = self.model.looked(read)
                lengths = torch.zeros(len(texts), dtype=torch.int64)
                lengths[rows] = looked.offsets.diff()
                offsets = functional.pad(lengths.cumsum(0), (1, 0))
                attention = Attention(looked.ids, looked.shares, offsets)
            else:
                logits = self.model.logits(read)
            found[rows] = logits[:, self._rows]
        return found, attention

    def words(self, attention: Attention | None, asked: NDArray[np.bool_]) -> list[tuple[str, ...]]:
        """The words that each text asked for was looked at most, as the vocabulary writes them.

        Only those with more than an even share that are words or emoji; none without attention.
        """
        found: list[tuple[str, ...]] = [()] * len(asked)
        if attention is None:
            return found
        ids, shares = attention.ids.tolist(), attention.shares.tolist()
        edges, entries = attention.offsets.tolist(), self.vocabulary.entries
        for place in asked.nonzero()[0].tolist():
            read = range(edges[place], edges[place + 1])
            ranked = sorted(read, key=lambda n: -shares[n])
            words = [
                entries[ids[n]][:LONGEST]
                for n in ranked
                if shares[n] * len(read) > 1 and self.vocabulary.spoken[ids[n]]
            ]
            found[place] = tuple(dict.fromkeys(words))[:MOST_WORDS]
        return found

    def explain(self, text: str, head: str, labels: Sequence[str] | None) -> Explanation:
        """What is known of each word's part in the labels of one head.

        Raises:
            UserError: the model has no such head, or the head no such label.
        """
        declared, wanted = HEADS[head].labels, labels_asked(self.columns, head, labels)
        tokens = tuple(tokenise([text]).strings()[0])
        if isinstance(self.model, Attentive):
            _, shares = self.model.attention(text)
            row = tuple(shares) + (0.0,) * (len(tokens) - len(shares))
            empty = self._corrected([""], head)[0].tolist()
            rows, method = dict.fromkeys(wanted, row), ATTENTION
        else:
            empty, gained = self._left_out(text, head)
            found = {label: tuple(gained[:, declared.index(label)].tolist()) for label in wanted}
            rows, method = found, LEFT_OUT
        start = {label: empty[declared.index(label)] for label in wanted}
        return Explanation(head, tokens, rows, start, method)

    def _left_out(self, text: str, head: str) -> tuple[list[float], Tensor]:
        """The logits of an empty text, and what each token's word is worth, (tokens, labels).

        Words are parted by the blanks of PIECE; the tokens of one share equally what the text loses
        without it.
        """
        words = PIECE.findall(text)
        parts = tokenise(words).offsets if words else np.zeros(1, dtype=np.int64)
        tried = range(min(len(words), MOST_LEFT_OUT))
        less = [" ".join(words[:n] + words[n + 1 :]) for n in tried]
        logits = self._corrected(["", " ".join(words), *less], head)
        worth = torch.zeros(int(parts[-1]), logits.shape[1], dtype=logits.dtype)
        for n in tried:
            own = slice(int(parts[n]), int(parts[n + 1]))
            worth[own] = (logits[1] - logits[2 + n]) / max(own.stop - own.start, 1)
        return logits[0].tolist(), worth

    def _corrected(self, texts: Sequence[str], head: str) -> Tensor:
        found = self.model.logits(texts)[:, self._rows][:, self.columns[head]]
        return self.calibration.heads[head].scale.apply(found)
