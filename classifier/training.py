"""Training: every head at once on the one embedding, from raters' labels and the teacher's.

All texts lie in one pool. A text's target for a head is what the raters said, what the teacher
says, or a mean of both; a head that has neither for a text does not learn from it.

What made the difference (docs/experiments.md): plain gradient descent for the embedding, which
moves a rare word as little as its evidence is worth where Adam would move it as far as any
other, more weight for rare labels, the teacher's labels of texts that nobody labelled, and the
subwords that words share while they learn.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from classifier import checkpoint
from classifier.heads import HEADS, columns
from classifier.model import CbowClassifier, ModelConfig, initial_embedding, initial_weights
from classifier.readers import Labelled
from classifier.scores import counted, macro_f1
from classifier.subwords import Parts
from classifier.targets import probabilities, right
from classifier.text import tokenise
from classifier.thresholds import crossed_macro_f1
from classifier.vocabulary import Vocabulary

logger = logging.getLogger(__name__)

CHUNK = 1024
"""Texts tokenised at once."""


@dataclass(frozen=True)
class TrainConfig:
    """What shapes a run."""

    dim: int = 128
    hidden: int = 256
    subwords: int = 1 << 17  # rows that the subwords of the words share; 0 for no subwords
    epochs: int = 5
    batch: int = 512  # texts in a step
    embedding_rate: float = 30.0  # gradient descent
    rate: float = 3e-3  # Adam, for everything else
    decay: float = 0.0  # weight decay of everything else
    warm_up: float = 0.1  # share of all steps in which rates rise, before they fall to zero
    token_dropout: float = 0.35  # words, phrases and subwords left out of a text, anew each time
    dropout: float = 0.1  # of bag and hidden layer
    rarity: float = 0.25  # a positive of a label counts (most frequent / its frequency) ** rarity
    trust: float = 0.5  # share of the teacher in the target of a text that raters labelled
    repeats: Mapping[str, int] = field(
        default_factory=lambda: {
            "emotion": 2,
            "emotion6": 2,
            "tweet_emotion": 3,
            "suggestion": 2,
            "topic": 8,
        }
    )  # how often an epoch reads the texts that raters labelled for a head; 1 if not named
    head_weights: Mapping[str, float] = field(
        default_factory=lambda: {
            "emotion": 1.0,
            "polarity": 0.6,
            "suggestion": 0.6,
            "topic": 0.4,
            "emotion6": 1.0,
            "tweet_emotion": 0.5,
            "affect": 0.3,
        }
    )
    seed: int = 1


@dataclass(frozen=True)
class Pool:
    """Texts as ids, and what is known of each."""

    ids: Tensor  # of all texts in a row, int32
    offsets: Tensor  # (texts + 1,)
    targets: Tensor  # (texts, labels of all heads), float16, from 0 to 1
    known: Tensor  # (texts, heads), whether a head has a target, bool
    order: Tensor  # the texts of an epoch, some of them more than once

    def take(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Ids and offsets of some texts."""
        starts = self.offsets[rows]
        lengths = self.offsets[rows + 1] - starts
        offsets = functional.pad(lengths.cumsum(0), (1, 0))
        within = torch.arange(int(offsets[-1])) - torch.repeat_interleave(offsets[:-1], lengths)
        return self.ids[torch.repeat_interleave(starts, lengths) + within].long(), offsets


def bags(texts: Sequence[str], vocabulary: Vocabulary) -> tuple[Tensor, Tensor]:
    """The ids of texts in a row, int32, and their offsets, (texts + 1,)."""
    ids, lengths = [np.zeros(0, dtype=np.int32)], [np.zeros(1, dtype=np.int64)]
    for start in range(0, len(texts), CHUNK):
        found = vocabulary.bags(tokenise(texts[start : start + CHUNK]))
        ids.append(found.ids)
        lengths.append(np.diff(found.offsets))
    return (
        torch.from_numpy(np.concatenate(ids)),
        torch.from_numpy(np.cumsum(np.concatenate(lengths))),
    )


def pool(
    labelled: Mapping[str, Labelled],
    soft: tuple[Sequence[str], Tensor] | None,
    vocabulary: Vocabulary,
    config: TrainConfig,
) -> Pool:
    """Lays all texts together.

    Args:
        labelled: head to the texts that raters labelled for it.
        soft: texts and the teacher's logits for them, (texts, labels of all heads).
        vocabulary: words and phrases.
        config: the settings of the run.
    """
    row_of: dict[str, int] = {}
    for text in (one for part in labelled.values() for one in part.texts):
        row_of.setdefault(text, len(row_of))
    soft_texts = soft[0] if soft else ()
    for text in soft_texts:
        row_of.setdefault(text, len(row_of))
    where = columns()
    width = where[next(reversed(where))].stop
    targets = torch.zeros(len(row_of), width, dtype=torch.float16)
    taught = torch.zeros(len(row_of), dtype=torch.bool)
    if soft:
        rows = torch.tensor([row_of[text] for text in soft_texts], dtype=torch.int64)
        targets[rows] = probabilities(soft[1].float()).half()
        taught[rows] = True
    learnt = torch.tensor([name in labelled for name in where])
    known = taught[:, None] & learnt  # a teacher knows nothing of heads it had no texts for
    order = [torch.arange(len(row_of))]
    for name, part in labelled.items():
        rows = torch.tensor([row_of[text] for text in part.texts], dtype=torch.int64)
        place = list(where).index(name)
        gold = right(name, part)
        trust = torch.where(taught[rows], config.trust, 0.0)[:, None]
        mixed = trust * targets[rows, where[name]].float() + (1 - trust) * gold
        targets[rows, where[name]] = mixed.half()
        known[rows, place] = True
        order += [rows] * (config.repeats.get(name, 1) - 1)
    ids, offsets = bags(list(row_of), vocabulary)
    return Pool(ids, offsets, targets, known, torch.cat(order))


def train(
    texts: Pool,
    dev: tuple[Tensor, Tensor, Tensor],
    vocabulary: Vocabulary,
    words: Tensor | None,
    config: TrainConfig,
    run: Path,
    *,
    head: str = "emotion",
    resume: bool = False,
    quiet: bool = False,
    before: Callable[[int], None] | None = None,
) -> tuple[CbowClassifier, list[dict[str, float]]]:
    """Trains and returns the model after the last epoch, and what was measured after each.

    Args:
        texts: the pool.
        dev: ids, offsets and targets of the development texts of `head`.
        vocabulary: the words and phrases.
        words: a pre-trained embedding of the vocabulary's words, (words, dim), or none.
        config: the settings of the run.
        run: the folder of the run; a checkpoint is written there after each epoch.
        head: the one whose macro-F1 is measured after each epoch.
        resume: continue after the last epoch that the checkpoint has.
        quiet: no progress bar.
        before: asked before each epoch, with how many are done and kept; what it raises ends the
            run there.
    """
    torch.manual_seed(config.seed)
    model = _new_model(texts, vocabulary, words, config)
    optimisers = _optimisers(model, config)
    settings = {**asdict(config), "vocabulary": len(vocabulary), "texts": len(texts.targets)}
    history: list[dict[str, float]] = []
    first = 0
    if resume:
        first, state = checkpoint.load(run, settings)
        model.load_state_dict(state["model"])
        for optimiser, saved in zip(optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        history = state["history"]
    steps = max(1, len(texts.order) // config.batch)
    bar: tqdm[Any] = tqdm(
        total=steps * config.epochs, initial=steps * first, unit="batch", disable=quiet or None
    )
    with bar:
        for epoch in range(first, config.epochs):
            if before is not None:
                before(epoch)
            bar.set_description(f"train {epoch + 1}/{config.epochs}")
            loss = _epoch(model, optimisers, texts, config, epoch, steps, bar)
            measured = {
                "epoch": epoch + 1,
                "loss": loss,
                "dev_macro_f1": _dev_score(model, dev, head),
            }
            history.append(measured)
            bar.set_postfix(loss=f"{loss:.3f}", dev=f"{measured['dev_macro_f1']:.4f}")
            state = {
                "model": model.state_dict(),
                "optimisers": [each.state_dict() for each in optimisers],
                "history": history,
            }
            checkpoint.save(run, epoch + 1, settings, state)
    model.eval()
    return model.folded(), history


def _new_model(
    texts: Pool, vocabulary: Vocabulary, words: Tensor | None, config: TrainConfig
) -> CbowClassifier:
    shape = ModelConfig(len(vocabulary), config.dim, config.hidden, texts.targets.shape[1])
    model = CbowClassifier(shape, Parts.of(vocabulary, config.subwords))
    counts = torch.bincount(texts.ids, minlength=len(vocabulary)).float()
    with torch.no_grad():
        model.weight.copy_(initial_weights(model.parts.counts(counts), len(texts.targets)))
        model.embedding.weight.normal_(0.0, 0.1)
    if words is not None:
        initial_embedding(model, words)
    return model


def _optimisers(model: CbowClassifier, config: TrainConfig) -> list[torch.optim.Optimizer]:
    others = [
        tensor for name, tensor in model.named_parameters() if not name.startswith("embedding")
    ]
    return [
        torch.optim.SGD([model.embedding.weight], lr=config.embedding_rate),
        torch.optim.AdamW(others, lr=config.rate, weight_decay=config.decay, fused=True),
    ]


def _epoch(
    model: CbowClassifier,
    optimisers: Sequence[torch.optim.Optimizer],
    texts: Pool,
    config: TrainConfig,
    epoch: int,
    steps: int,
    bar: "tqdm[Any]",
) -> float:
    """One pass over the pool; returns the mean loss."""
    model.train()
    generator = checkpoint.generator(config.seed, epoch)
    torch.manual_seed(config.seed * 100_003 + epoch)  # dropout has no generator
    order = texts.order[torch.randperm(len(texts.order), generator=generator)]
    importance = _importance(texts, config.rarity)
    total = 0.0
    for step in range(steps):
        pace = _pace((epoch * steps + step) / (steps * config.epochs), config.warm_up)
        optimisers[0].param_groups[0]["lr"] = config.embedding_rate * pace
        optimisers[1].param_groups[0]["lr"] = config.rate * pace
        rows = order[step * config.batch : (step + 1) * config.batch]
        ids, offsets = texts.take(rows)
        logits = model(ids, offsets, config.token_dropout, config.dropout)
        loss = _loss(
            logits, texts.targets[rows].float(), texts.known[rows].float(), importance, config
        )
        for optimiser in optimisers:
            optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # untyped in torch
        for optimiser in optimisers:
            optimiser.step()
        total += float(loss.detach())
        bar.update()
    return total / steps


def _pace(share: float, warm_up: float) -> float:
    """Rises from 0 to 1 over the warm-up and falls back to 0 over the rest."""
    return share / warm_up if share < warm_up else (1.0 - share) / (1.0 - warm_up)


def _importance(texts: Pool, rarity: float) -> Tensor:
    """What a positive of each label counts, (labels,); 1 for the most frequent of its head."""
    parts = []
    for number, (name, where) in enumerate(columns().items()):
        seen = texts.targets[texts.known[:, number], where].float().sum(0).clamp(min=1.0)
        parts.append((seen.max() / seen) ** (rarity if HEADS[name].several else 2 * rarity))
    return torch.cat(parts)


def _loss(
    logits: Tensor, targets: Tensor, known: Tensor, importance: Tensor, config: TrainConfig
) -> Tensor:
    """The weighted sum of the heads' losses, a mean over the texts that each head knows."""
    total = torch.zeros(())
    for number, (name, where) in enumerate(columns().items()):
        said, right, there = logits[:, where], targets[:, where], known[:, number]
        if HEADS[name].several:
            each = functional.binary_cross_entropy_with_logits(
                said, right, pos_weight=importance[where], reduction="none"
            ).sum(1)
        else:
            each = -(right * importance[where] * said.log_softmax(1)).sum(1)
        weight = config.head_weights.get(name, 1.0)
        total = total + weight * (each * there).sum() / len(logits)
    return total


@torch.no_grad()
def _dev_score(model: CbowClassifier, dev: tuple[Tensor, Tensor, Tensor], head: str) -> float:
    model.eval()
    logits, right = model(dev[0].long(), dev[1])[:, columns()[head]], dev[2].double()
    if HEADS[head].several:
        return crossed_macro_f1(torch.sigmoid(logits).double(), right)
    chosen = functional.one_hot(logits.argmax(1), logits.shape[1]).double()
    return float(macro_f1(counted(chosen, right)))
