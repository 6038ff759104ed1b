"""Rules and a lexicon: VADER's four scores of a text, and a linear layer to the labels.

VADER (Hutto and Gilbert 2014) knows how positive some 7,500 words and signs are, and rules for
negation, capitals and intensifiers. It knows no emotions: what its negative, neutral, positive and
compound scores say of them is learnt, five numbers a label.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from classifier.families import linear
from classifier.families.base import Budget, Model, Record, Task
from classifier.families.neural import WEIGHTS
from classifier.heads import HEADS, width
from classifier.vocabulary import Vocabulary
from stream.references import unescape


@dataclass(frozen=True)
class Options:
    """Nothing can be chosen of it."""


@dataclass
class LexiconModel:
    """Five numbers a label."""

    heads: tuple[str, ...]
    weights: Tensor  # (labels, scores + 1)
    _vader: Any = field(default_factory=SentimentIntensityAnalyzer)

    def features(self, texts: Sequence[str]) -> Tensor:
        """Negative, neutral, positive and compound, (texts, 4)."""
        rows = [self._vader.polarity_scores(unescape(text)) for text in texts]
        values = [[row[key] for key in ("neg", "neu", "pos", "compound")] for row in rows]
        return linear.as_tensor(np.array(values).reshape(len(texts), 4))

    def logits(self, texts: Sequence[str]) -> Tensor:
        """See `base.Model`."""
        return linear.logits(self.features(texts), self.weights)

    def parameters(self) -> int:
        """See `base.Model`; the words of the lexicon count."""
        return self.weights.numel() + len(self._vader.lexicon)

    def save(self, folder: Path) -> dict[str, Any]:
        """See `base.Model`."""
        save_file({"weights": self.weights.contiguous()}, folder / WEIGHTS)
        return {}


def fit(
    task: Task, options: Options, seed: int, run: Path, budget: Budget, *, quiet: bool
) -> tuple[Model, Record]:
    """See `base.Family`; nothing of it is random, and it takes seconds."""
    del options, seed, run, quiet
    started = time.monotonic()
    model = LexiconModel(task.heads, torch.zeros(0, 5))
    read = {name: model.features(task.train[name].texts) for name in task.heads}
    dev = {name: model.features(task.dev[name].texts) for name in task.heads}
    budget.check("features")
    found = linear.best(
        task,
        lambda name, targets, strength: linear.regression(
            read[name], targets, several=HEADS[name].several, strength=strength
        ),
        lambda name, weights: linear.logits(dev[name], weights),
    )
    model.weights = torch.cat([found[name][0] for name in task.heads])
    return model, Record(time.monotonic() - started)


def load(folder: Path, config: Mapping[str, Any], vocabulary: Vocabulary) -> Model:
    """See `base.Family`."""
    del vocabulary  # VADER's lexicon is its own
    heads = tuple(config["heads"])
    labels = width(heads)
    weights = load_file(folder / WEIGHTS)["weights"]
    if weights.shape != (labels, 5) or not bool(weights.isfinite().all()):
        raise ValueError(f"weights that are not {labels} times 5 numbers")
    return LexiconModel(heads, weights)
