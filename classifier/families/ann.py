"""Layers over the mean and the maximum of a text's word embeddings.

ids -> embeddings -> mean and maximum (texts, 2 dim) -> layers -> logits of each head
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from classifier.families import words
from classifier.families.base import Budget, Model, Record, Task, stored
from classifier.families.neural import NeuralModel, Words, fitted, with_weights
from classifier.heads import width
from classifier.vocabulary import Vocabulary


@dataclass(frozen=True)
class Options(words.Options):
    """What can be chosen of it."""

    units: int = 256
    word_dropout: float = 0.2


class Pooled(nn.Module):
    """Ids to logits."""

    def __init__(self, table: nn.Embedding, labels: int, options: Options) -> None:
        super().__init__()
        self.table, self.options = table, options
        width = 2 * table.embedding_dim
        sizes = [width] + [options.units] * options.depth
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.out = nn.Linear(sizes[-1], labels)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """The logits of the heads side by side, (texts, labels)."""
        left = left_out(ids, mask, self.options.word_dropout, training=self.training)
        states = self.table(ids)
        part = left[:, :, None].to(states.dtype)
        mean = (states * part).sum(1) / part.sum(1).clamp(min=1)
        most = states.masked_fill(~left[:, :, None], -1e4).amax(1)
        most = torch.where(left.any(1)[:, None], most, 0.0)
        found = torch.cat([mean, most], 1)
        for layer in self.layers:
            found = functional.dropout(found, self.options.dropout, self.training)
            found = functional.relu(layer(found))
        found = functional.dropout(found, self.options.dropout, self.training)
        out: Tensor = self.out(found)
        return out


def left_out(ids: Tensor, mask: Tensor, share: float, *, training: bool) -> Tensor:
    """The mask without some of the words, in training."""
    if not (training and share):
        return mask
    return mask & (torch.rand(ids.shape, device=ids.device) >= share)


def fit(
    task: Task, options: Options, seed: int, run: Path, budget: Budget, *, quiet: bool
) -> tuple[Model, Record]:
    """See `base.Family`."""
    model = fresh(task, options, seed)
    return model, fitted(model, task, options, seed, run, budget, quiet=quiet)


def fresh(task: Task, options: Options, seed: int) -> NeuralModel:
    """A model that has learnt nothing yet."""
    torch.manual_seed(seed)
    table = words.table(options.embedding, task, options.dim, frozen=options.frozen)
    labels = width(task.heads)
    shape = {**asdict(options), "dim": table.embedding_dim}
    return NeuralModel(
        task.heads,
        Pooled(table, labels, options),
        Words(task.vocabulary, options.longest),
        {"options": shape},
    )


def load(folder: Path, config: Mapping[str, Any], vocabulary: Vocabulary) -> Model:
    """See `base.Family`."""
    options, heads = stored(Options, config), tuple(config["heads"])
    labels = width(heads)
    with torch.device("meta"):
        module = Pooled(words.empty(vocabulary.words, options.dim), labels, options)
    encode = Words(vocabulary, options.longest)
    return NeuralModel(heads, with_weights(module, folder), encode, {"options": asdict(options)})
