"""Training: every head at once on the one embedding, in steps of one batch for each head.

What made the difference (docs/experiments.md): plain gradient descent for the embedding, which
moves a rare word as little as its evidence is worth where Adam would move it as far as any
other, and more weight for rare labels.
"""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from classifier import checkpoint
from classifier.calibration import crossed_macro_f1
from classifier.datasets import Labelled
from classifier.labels import EMOJI, EMOTIONS, POLARITIES
from classifier.model import (
    CbowClassifier,
    ModelConfig,
    initial_embedding,
    initial_weights,
    pack,
)
from classifier.text import tokenise
from classifier.vocabulary import Vocabulary

logger = logging.getLogger(__name__)

HEADS = {"emotion": EMOTIONS, "polarity": POLARITIES, "emoji": EMOJI}


@dataclass(frozen=True)
class TrainConfig:
    """What shapes a run."""

    dim: int = 64
    hidden: int = 128
    epochs: int = 6
    batch: int = 256  # texts of each head in a step
    embedding_rate: float = 2.0  # gradient descent with momentum 0.9
    rate: float = 3e-3  # Adam, for everything else
    decay: float = 0.0  # weight decay of everything else
    warm_up: float = 0.1  # share of all steps in which rates rise, before they fall to zero
    token_dropout: float = 0.4  # words left out of a text, anew in each epoch
    dropout: float = 0.5  # of bag and hidden layer
    rarity: float = 0.5  # a positive of a label counts (most frequent / its frequency) ** rarity
    head_weights: Mapping[str, float] = field(
        default_factory=lambda: {"emotion": 1.0, "polarity": 1.0}
    )
    members: int = 2  # models, of seeds seed, seed + 1, ..., that are joined into one
    seed: int = 1


@dataclass(frozen=True)
class Examples:
    """One head's texts as ids, and their targets."""

    ids: Tensor  # of all texts in a row
    offsets: Tensor  # (texts + 1,)
    targets: Tensor  # (texts, labels), 0 or 1

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Ids, offsets and targets of some texts."""
        starts = self.offsets[rows]
        lengths = self.offsets[rows + 1] - starts
        offsets = functional.pad(lengths.cumsum(0), (1, 0))
        within = torch.arange(int(offsets[-1])) - torch.repeat_interleave(offsets[:-1], lengths)
        ids = self.ids[torch.repeat_interleave(starts, lengths) + within]
        return ids, offsets, self.targets[rows]


def examples(data: Labelled, vocabulary: Vocabulary, labels: Sequence[str]) -> Examples:
    """Turns labelled texts into ids and targets."""
    ids, offsets = pack([vocabulary.ids(tokenise(text)) for text in data.texts])
    targets = torch.zeros(len(data), len(labels))
    for row, numbers in enumerate(data.targets):
        targets[row, list(numbers)] = 1.0
    return Examples(ids, offsets, targets)


def train(
    data: Mapping[str, Examples],
    dev: Examples,
    vocabulary: Vocabulary,
    words: Tensor | None,
    config: TrainConfig,
    run: Path,
    *,
    resume: bool = False,
    quiet: bool = False,
) -> tuple[CbowClassifier, list[dict[str, float]]]:
    """Trains and returns the model of the best epoch, and what was measured after each.

    The best epoch is the one with the highest crossed macro-F1 of the emotions on dev.

    Args:
        data: head to train examples.
        dev: the emotions' development examples.
        vocabulary: the words and phrases.
        words: a pre-trained embedding of the vocabulary's words, (words, dim), or none.
        config: the settings of the run.
        run: the folder of the run; a checkpoint is written there after each epoch.
        resume: continue after the last epoch that the checkpoint has.
        quiet: no progress bar.
    """
    torch.manual_seed(config.seed)
    model = _new_model(data, vocabulary, words, config)
    optimisers = _optimisers(model, config)
    settings = {**asdict(config), "vocabulary": len(vocabulary)}
    history: list[dict[str, float]] = []
    best = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    first = 0
    if resume:
        first, state = checkpoint.load(run, settings)
        model.load_state_dict(state["model"])
        for optimiser, saved in zip(optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        best, history = state["best"], state["history"]
    steps = len(data["emotion"]) // config.batch
    bar: tqdm[Any] = tqdm(
        total=steps * config.epochs, initial=steps * first, unit="batch", disable=quiet or None
    )
    with bar:
        for epoch in range(first, config.epochs):
            bar.set_description(f"train {epoch + 1}/{config.epochs}")
            loss = _epoch(model, optimisers, data, config, epoch, steps, bar)
            measured = {"epoch": epoch + 1, "loss": loss, "dev_macro_f1": _dev_score(model, dev)}
            history.append(measured)
            if measured["dev_macro_f1"] >= max(each["dev_macro_f1"] for each in history):
                best = {name: tensor.clone() for name, tensor in model.state_dict().items()}
            bar.set_postfix(loss=f"{loss:.3f}", dev=f"{measured['dev_macro_f1']:.4f}")
            state = {
                "model": model.state_dict(),
                "optimisers": [each.state_dict() for each in optimisers],
                "best": best,
                "history": history,
            }
            checkpoint.save(run, epoch + 1, settings, state)
    model.load_state_dict(best)
    model.eval()
    return model, history


def _new_model(
    data: Mapping[str, Examples], vocabulary: Vocabulary, words: Tensor | None, config: TrainConfig
) -> CbowClassifier:
    heads = {head: len(HEADS[head]) for head in config.head_weights}
    model = CbowClassifier(ModelConfig(len(vocabulary), config.dim, config.hidden, heads))
    counts = torch.zeros(len(vocabulary))
    for part in data.values():
        counts += torch.bincount(part.ids, minlength=len(vocabulary))
    texts = sum(len(part) for part in data.values())
    with torch.no_grad():
        model.weight.copy_(initial_weights(counts, texts))
        model.embedding.weight.normal_(0.0, 0.1)
    if words is not None:
        initial_embedding(model, words)
    return model


def _optimisers(model: CbowClassifier, config: TrainConfig) -> list[torch.optim.Optimizer]:
    others = [
        tensor for name, tensor in model.named_parameters() if not name.startswith("embedding")
    ]
    return [
        torch.optim.SGD([model.embedding.weight], lr=config.embedding_rate, momentum=0.9),
        torch.optim.AdamW(others, lr=config.rate, weight_decay=config.decay, fused=True),
    ]


def _epoch(
    model: CbowClassifier,
    optimisers: Sequence[torch.optim.Optimizer],
    data: Mapping[str, Examples],
    config: TrainConfig,
    epoch: int,
    steps: int,
    bar: "tqdm[Any]",
) -> float:
    """One pass over the emotions' texts; returns the mean loss."""
    model.train()
    generator = checkpoint.generator(config.seed, epoch)
    torch.manual_seed(config.seed * 100_003 + epoch)  # the layers' own dropout has no generator
    orders = {
        head: torch.randperm(len(data[head]), generator=generator) for head in config.head_weights
    }
    importance = {
        head: _importance(data[head].targets, config.rarity if head == "emotion" else 1.0)
        for head in config.head_weights
    }
    total = 0.0
    for step in range(steps):
        pace = _pace((epoch * steps + step) / (steps * config.epochs), config.warm_up)
        optimisers[0].param_groups[0]["lr"] = config.embedding_rate * pace
        optimisers[1].param_groups[0]["lr"] = config.rate * pace
        loss = torch.zeros(())
        for head, weight in config.head_weights.items():
            start = step * config.batch % (len(orders[head]) - config.batch + 1)
            ids, offsets, targets = data[head].take(orders[head][start : start + config.batch])
            kept = torch.rand(len(ids), generator=generator) >= config.token_dropout
            keep = kept / (1.0 - config.token_dropout)
            logits = model.logits(model.bag(ids, offsets, keep), head, config.dropout)
            loss = loss + weight * _loss(head, logits, targets, importance[head])
        for optimiser in optimisers:
            optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # untyped in torch
        for optimiser in optimisers:
            optimiser.step()
        total += float(loss.detach())
        bar.update()
    return total / max(steps, 1)


def _pace(share: float, warm_up: float) -> float:
    """Rises from 0 to 1 over the warm-up and falls back to 0 over the rest."""
    return share / warm_up if share < warm_up else (1.0 - share) / (1.0 - warm_up)


def _importance(targets: Tensor, rarity: float) -> Tensor:
    """What a positive of each label counts, (labels,); 1 for the most frequent."""
    frequency = targets.sum(0).clamp(min=1.0)
    return (frequency.max() / frequency) ** rarity


def _loss(head: str, logits: Tensor, targets: Tensor, importance: Tensor) -> Tensor:
    if head != "emotion":
        return functional.cross_entropy(logits, targets.argmax(1), weight=importance)
    return functional.binary_cross_entropy_with_logits(
        logits, targets, pos_weight=importance, reduction="sum"
    ) / len(targets)


@torch.no_grad()
def _dev_score(model: CbowClassifier, dev: Examples) -> float:
    model.eval()
    logits = model.logits(model.bag(dev.ids, dev.offsets), "emotion")
    score = crossed_macro_f1(torch.sigmoid(logits).double(), dev.targets.double())
    return 0.0 if math.isnan(score) else score
