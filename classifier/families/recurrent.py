"""Recurrent networks over a text's word embeddings: RNN, LSTM, GRU, one way or both.

    ids -> embeddings -> states (texts, words, units) -> last state, maximum or attention -> logits

Additive attention (Bahdanau et al. 2015) is a score of each state, v . tanh(W h), made a share by
softmax over the words; the text is the sum of its states by their shares. Texts of one length
share a batch, so nothing is filled up and a text's answer does not hang on its company.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from classifier.families import asking, words
from classifier.families.ann import left_out
from classifier.families.base import Attention, Budget, Model, Record, Task, stored
from classifier.families.neural import NeuralModel, Words, fitted, with_weights
from classifier.heads import width
from classifier.text import tokenise
from classifier.vocabulary import Vocabulary


@dataclass(frozen=True)
class Options(words.Options):
    """What can be chosen of it."""

    cell: Literal["lstm", "gru", "rnn"] = "lstm"
    both: bool = False  # directions
    pool: Literal["last", "max", "attention"] = "last"


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
        return self.looked(ids, mask)[0]

    def looked(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor | None]:
        """The logits, and with attention the shares of the words, (texts, words)."""
        states = self.states(ids, mask)
        shares = self.shares(states) if self.options.pool == "attention" else None
        if shares is not None:
            text = (states * shares[:, :, None]).sum(1)
        elif self.options.pool == "max":
            text = states.amax(1)
        else:
            forth, back = states[:, -1], states[:, 0]
            units = self.options.units
            text = torch.cat([forth[:, :units], back[:, units:]], 1)
        out: Tensor = self.out(functional.dropout(text, self.options.dropout, self.training))
        return out, shares


class AttentiveModel(NeuralModel):
    """A recurrent model whose attention can be asked."""

    @torch.inference_mode()
    def looked(self, texts: Sequence[str]) -> tuple[Tensor, Attention]:
        """See `base.Attentive`."""
        read, module = self.encode(texts), cast(Recurrent, self.module)
        logits = torch.zeros(len(read), module.out.out_features, dtype=torch.float64)
        shares = torch.zeros(len(read.ids))
        for rows, ids, mask in asking.in_batches(module, read, exact=True):
            said, part = module.looked(ids, mask)
            logits[rows] = said.cpu().double()
            if part is not None and len(read.ids):
                # all of one length, which is 0 where the one share is of no word
                words = int(read.lengths()[rows[0]])
                places = read.offsets[rows][:, None] + torch.arange(words)
                shares[places] = part[:, :words].cpu()
        return logits, Attention(read.ids - 1, shares, read.offsets)

    def attention(self, text: str) -> tuple[tuple[str, ...], list[float]]:
        """See `base.Attentive`."""
        shares = self.looked([text])[1].shares.tolist()
        return tuple(tokenise([text]).strings()[0])[: len(shares)], shares


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
    options = stored(Options, config)
    with torch.device("meta"):
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
