"""The model in training: a weighted sum of embeddings, a hidden layer, one head per label set.

    ids, offsets -> bag (texts, dim) -> hidden (texts, hidden) -> logits (texts, every label)

A text of n known words and phrases is the sum of their embeddings, each times the word's own
weight, over the square root of n: a mean would drown one strong word in a long text, a plain sum
would shout. Every head sees the bag itself and what the hidden layer makes of it.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from classifier.subwords import Parts


@dataclass(frozen=True)
class ModelConfig:
    """The shape of a model."""

    vocabulary: int
    dim: int
    hidden: int
    labels: int  # of all heads together


class CbowClassifier(nn.Module):
    """Bags of ids to logits."""

    def __init__(self, config: ModelConfig, parts: Parts | None = None) -> None:
        """Takes the shape, and the rows of each word and phrase: one of its own if not given."""
        super().__init__()
        self.config = config
        self.parts = Parts.alone(config.vocabulary) if parts is None else parts
        self.embedding = nn.EmbeddingBag(self.parts.total, config.dim, mode="sum", sparse=True)
        self.weight = nn.Parameter(torch.ones(self.parts.total))
        self.hidden = nn.Linear(config.dim, config.hidden)
        self.direct = nn.Linear(config.dim, config.labels)
        self.indirect = nn.Linear(config.hidden, config.labels, bias=False)

    def bag(self, ids: Tensor, offsets: Tensor, left_out: float = 0.0) -> Tensor:
        """The bags of a batch, (texts, dim); zero for a text without known words.

        Args:
            ids: words and phrases of all texts in a row, (ids,).
            offsets: where each text starts, and the end of the last, (texts + 1,).
            left_out: share of the rows, of words and subwords alike, that is left out in training.
        """
        rows, starts = self.parts.take(ids)
        weight = functional.dropout(self.weight[rows], left_out, self.training)
        total: Tensor = self.embedding(rows, starts[offsets[:-1]], per_sample_weights=weight)
        return total / root_of_lengths(offsets)

    def forward(
        self, ids: Tensor, offsets: Tensor, left_out: float = 0.0, drop: float = 0.0
    ) -> Tensor:
        """The logits of every head side by side, (texts, labels)."""
        bag = functional.dropout(self.bag(ids, offsets, left_out), drop, self.training)
        inner = functional.dropout(functional.relu(self.hidden(bag)), drop, self.training)
        out: Tensor = self.direct(bag) + self.indirect(inner)
        return out

    @torch.no_grad()
    def folded(self) -> "CbowClassifier":
        """The same model with one row for each word and phrase, and 1 for its weight."""
        folded = CbowClassifier(self.config)
        rows, weight = self.parts.rows, self.weight[self.parts.rows]
        sums = self.embedding(rows, self.parts.offsets[:-1], per_sample_weights=weight)
        folded.embedding.weight.copy_(sums)
        for name in ("hidden", "direct", "indirect"):
            getattr(folded, name).load_state_dict(getattr(self, name).state_dict())
        return folded.train(self.training)


def root_of_lengths(offsets: Tensor) -> Tensor:
    """The square root of each text's number of ids, at least 1, (texts, 1)."""
    return (offsets[1:] - offsets[:-1]).clamp(min=1).to(torch.float32).sqrt()[:, None]


def initial_weights(counts: Tensor, texts: int) -> Tensor:
    """Weights to start from, (rows,): a rare word says more than a common one (idf / 5).

    Args:
        counts: how often each row of the embedding occurs, (rows,).
        texts: how many texts there are.
    """
    return torch.log(texts / (1.0 + counts)).clamp(min=0.3) / 5.0


def initial_embedding(model: CbowClassifier, words: Tensor) -> None:
    """Starts the words from a pre-trained embedding and the phrases from zero.

    Args:
        model: the model to change.
        words: the embedding of the first words of the vocabulary, (words, dim).
    """
    scale = 0.1 * math.sqrt(model.config.dim) / words[1:].norm(dim=1).mean().clamp(min=1e-6)
    with torch.no_grad():
        model.embedding.weight.zero_()
        model.embedding.weight[: len(words)] = words * scale
