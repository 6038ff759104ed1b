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
from classifier.thresholds import BELIEF, FEW, crossed_macro_f1, f1_by_label, fit_shared

VERSION = 2
"""Rises when the same artifact would be given other figures; 2: macro-F1 of dev is crossed."""

ROUNDS = 10
"""Halvings of few texts."""


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


def measure(
    model: Model, calibration: Calibration, head: str, split: Labelled, *, dev: bool = False
) -> dict[str, Any]:
    """Scores, calibration error, and precision, recall and F1 of each label.

    Args:
        model: any.
        calibration: of the model.
        head: one of its heads.
        split: the texts.
        dev: whether calibration and thresholds were fitted on them: macro-F1 of several labels is
            then crossed, without an interval; every other figure is of the texts fitted on.
    """
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
        if dev:
            found["macro_f1"] = short(crossed(probabilities, right))
            del found["macro_f1_interval"]
    else:
        probabilities, likeliest = probabilities.max(1)
        came = right.gather(1, likeliest[:, None])[:, 0]
    bins = scores.reliability(probabilities, came)
    return {**found, "calibration_error": short(scores.calibration_error(bins)), "bins": bins}


def crossed(probabilities: Tensor, right: Tensor) -> float:
    """Macro-F1 with thresholds of one half on the other, fitted as `calibration.fit` does."""
    if right.sum(0).mean() >= FEW:
        return crossed_macro_f1(probabilities, right, belief=BELIEF)
    generator, found = torch.Generator().manual_seed(0), []
    for _ in range(ROUNDS):
        order = torch.randperm(len(right), generator=generator)
        halves = order[: len(order) // 2], order[len(order) // 2 :]
        for fitted, measured in (halves, halves[::-1]):
            shared = fit_shared(probabilities[fitted], right[fitted])
            found.append(f1_by_label(probabilities[measured], right[measured], shared).mean())
    return float(torch.stack(found).mean())


def mean(values: Sequence[float]) -> float:
    """The mean of figures, with four decimals."""
    return short(sum(values) / max(len(values), 1))
