"""What is measured of a model on a split, each figure with its 95 % bootstrap interval."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from classifier import answers, scores
from classifier.calibration import Calibration
from classifier.families.base import Model
from classifier.heads import HEADS, columns
from classifier.readers import Labelled
from classifier.scores import Counts, Measure, accuracy, macro_f1, macro_recall, micro_f1, short


def macro_precision(counts: Counts) -> Tensor:
    """Mean precision of the labels; that of a label never given is 0."""
    return (counts.hits / counts.given.clamp(min=1)).mean(-1)


SEVERAL: dict[str, Measure] = {
    "macro_f1": macro_f1, "micro_f1": micro_f1, "macro_precision": macro_precision,
    "macro_recall": macro_recall,
}  # fmt: skip
ONE: dict[str, Measure] = {"accuracy": accuracy, **SEVERAL}


def main_measure(head: str) -> str:
    """What models are compared by."""
    if head == "polarity":
        return "macro_recall"
    return "macro_f1" if HEADS[head].several else "accuracy"


def title(key: str) -> str:
    """A measure as people call it."""
    return key.replace("_", " ").replace("f1", "F1")


def measure(model: Model, calibration: Calibration, head: str, split: Labelled) -> dict[str, Any]:
    """Scores, calibration error, and precision, recall and F1 of each label."""
    logits = model.logits(split.texts)[:, columns(model.heads)[head]]
    probabilities = calibration.probabilities(logits, {head: slice(None)})[head]
    labels = HEADS[head].labels
    right = scores.one_hot(split.targets, len(labels))
    every = torch.ones(len(split), dtype=torch.bool)
    given = answers.given(head, probabilities, calibration.heads[head].thresholds, every)
    draws = scores.resamples(len(split))
    several = HEADS[head].several
    found = {
        "texts": len(split),
        **scores.with_intervals(given, right, SEVERAL if several else ONE, draws),
        "labels": scores.by_label(given, right, labels),
    }
    came = right
    if several:
        found["exact_match"] = short((given == right).all(1).double().mean())
    else:
        probabilities, likeliest = probabilities.max(1)
        came = right.gather(1, likeliest[:, None])[:, 0]
    bins = scores.reliability(probabilities, came)
    return {**found, "calibration_error": short(scores.calibration_error(bins)), "bins": bins}


def mean(values: Sequence[float]) -> float:
    """The mean of figures, with four decimals."""
    return short(sum(values) / max(len(values), 1))
