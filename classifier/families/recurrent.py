"""Recurrent networks over a text's word embeddings: RNN, LSTM, GRU, one way or both.

    ids -> embeddings -> states (texts, words, units) -> last state, maximum or attention -> logits

Additive attention (Bahdanau et al. 2015) is a score of each state, v . tanh(W h), made a share by
softmax over the words; the text is the sum of its states by their shares. Texts of one length
share a batch, so nothing is filled up and a text's answer does not hang on its company.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from classifier.families import loop, words
from classifier.families.ann import left_out
from classifier.families.base import Budget, Model, Record, Task
from classifier.families.neural import NeuralModel, Words, fitted, with_weights
from classifier.heads import width
from classifier.text import tokenise
from classifier.vocabulary import Vocabulary


@dataclass(frozen=True)
class Options(loop.Learning):
    """What can be chosen of it."""

    cell: Literal["lstm", "gru", "rnn"] = "lstm"
    both: bool = False  # directions
    pool: Literal["last", "max", "attention"] = "last"
    embedding: str = "shipped"  # random, shipped, a folder of `pretrain`, a file of word vectors
    frozen: bool = False  # whether the embedding stays as it starts
    dim: int = 128  # of an embedding that starts at random
    units: int = 128  # of each direction
    depth: int = 1  # layers
    dropout: float = 0.4
    word_dropout: float = 0.1  # words made nothing in a text, anew each time
    longest: int = 200  # words of a text that are read


class Recurrent(nn.Module):
    """Ids to logits."""

    def __init__(self, table: nn.Embedding, labels: int, options: Options) -> None:
        super().__init__()
        self.table, self.options = table, options
        kind = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[options.cell]
        self.cell = kind(
            table.embedding_dim, options.units, options.depth, batch_first=True,
            bidirectional=options.both, dropout=options.dropout if options.depth > 1 else 0.0,
        )  # fmt: skip
        width = options.units * (2 if options.both else 1)
        if options.pool == "attention":
            self.look = nn.Linear(width, options.units)
            self.score = nn.Linear(options.units, 1, bias=False)
        self.out = nn.Linear(width, labels)

    def shares(self, states: Tensor) -> Tensor:
        """How much the text looks at each word, (texts, words)."""
        scores: Tensor = self.score(torch.tanh(self.look(states)))[:, :, 0]
        return scores.softmax(1)

    def states(self, ids: Tensor, mask: Tensor) -> Tensor:
        """A state for each word, (texts, words, width)."""
        left = left_out(ids, mask, self.options.word_dropout, training=self.training)
        rows = self.table(ids) * left[:, :, None]
        rows = functional.dropout(rows, self.options.dropout, self.training)
        found: Tensor = self.cell(rows)[0]
        return found

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """The logits of the heads side by side, (texts, labels)."""
        states = self.states(ids, mask)
        if self.options.pool == "attention":
            text = (states * self.shares(states)[:, :, None]).sum(1)
        elif self.options.pool == "max":
            text = states.amax(1)
        else:
            forth, back = states[:, -1], states[:, 0]
            units = self.options.units
            text = torch.cat([forth[:, :units], back[:, units:]], 1)
        out: Tensor = self.out(functional.dropout(text, self.options.dropout, self.training))
        return out


class AttentiveModel(NeuralModel):
    """A recurrent model whose attention can be asked."""

    @torch.inference_mode()
    def attention(self, text: str) -> tuple[tuple[str, ...], list[float]]:
        """See `base.Attentive`."""
        encoded = self.encode([text])
        tokens = tuple(tokenise([text]).strings()[0])[: int(encoded.lengths()[0])]
        if not tokens:
            return (), []
        module = cast(Recurrent, self.module)
        shares = module.shares(module.states(*encoded.take(torch.tensor([0]))))
        return tokens, shares[0].tolist()


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
    shape = {**asdict(options), "dim": table.embedding_dim}
    return _model(task.heads, table, task.vocabulary, Options(**shape))


def load(folder: Path, config: Mapping[str, Any], vocabulary: Vocabulary) -> Model:
    """See `base.Family`."""
    options = Options(**config["options"])
    table = words.empty(vocabulary.words, options.dim)
    model = _model(tuple(config["heads"]), table, vocabulary, options)
    with_weights(model.module, folder)
    return model


def _model(
    heads: tuple[str, ...], table: nn.Embedding, vocabulary: Vocabulary, options: Options
) -> NeuralModel:
    module = Recurrent(table, width(heads), options)
    kind = AttentiveModel if options.pool == "attention" else NeuralModel
    return kind(heads, module, Words(vocabulary, options.longest), {"options": asdict(options)})
