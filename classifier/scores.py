"""Measures: from labels given and labels right to figures, with how sure each figure is.

Labels stand one-hot, (texts, labels), 0 or 1, float64; a text that bears one label has one 1.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

RESAMPLES = 1000
BINS = 15


class Counts(NamedTuple):
    """What every measure is made of: by label, (..., labels)."""

    hits: Tensor  # texts given a label they bear
    given: Tensor
    there: Tensor


Measure = Callable[[Counts], Tensor]


def macro_f1(counts: Counts) -> Tensor:
    """Mean F1 of the labels; that of a label neither there nor given is 0."""
    return f1(counts).mean(-1)


def micro_f1(counts: Counts) -> Tensor:
    """F1 over all pairs of a text and a label."""
    total = counts.given.sum(-1) + counts.there.sum(-1)
    return 2 * counts.hits.sum(-1) / total.clamp(min=1)


def macro_recall(counts: Counts) -> Tensor:
    """Mean recall of the labels: TweetEval's official measure of sentiment."""
    return (counts.hits / counts.there.clamp(min=1)).mean(-1)


def accuracy(counts: Counts) -> Tensor:
    """Share of texts given the one label they bear."""
    return counts.hits.sum(-1) / counts.there.sum(-1).clamp(min=1)


def f1(counts: Counts) -> Tensor:
    """F1 of each label."""
    return 2 * counts.hits / (counts.given + counts.there).clamp(min=1)


def counted(given: Tensor, right: Tensor, weights: Tensor | None = None) -> Counts:
    """Counts the labels of texts.

    Args:
        given: (texts, labels).
        right: (texts, labels).
        weights: how often each text counts in each sample, (samples, texts); once if not given.
    """
    if weights is None:
        weights = torch.ones(len(given), dtype=given.dtype)
    given, right = given.to(weights.dtype), right.to(weights.dtype)
    return Counts(weights @ (given * right), weights @ given, weights @ right)


def resamples(texts: int, seed: int = 1) -> Tensor:
    """How often each text is in each of RESAMPLES bootstrap samples, (samples, texts), float32."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(texts, (RESAMPLES, texts), generator=generator)
    places = drawn + torch.arange(RESAMPLES)[:, None] * texts
    return torch.bincount(places.flatten(), minlength=RESAMPLES * texts).view_as(drawn).float()


def interval(samples: Tensor) -> list[float]:
    """The 95 % interval of a measure over bootstrap samples, (samples,)."""
    ends = torch.quantile(samples, torch.tensor([0.025, 0.975], dtype=samples.dtype))
    return [short(end) for end in ends]


def with_intervals(
    given: Tensor, right: Tensor, measures: dict[str, Measure], draws: Tensor | None
) -> dict[str, Any]:
    """Each measure, and its interval under `NAME_interval` where samples are drawn."""
    found: dict[str, Any] = {}
    whole = counted(given, right)
    sampled = None if draws is None else counted(given, right, draws)
    for name, measure in measures.items():
        found[name] = short(measure(whole))
        if sampled is not None:
            found[f"{name}_interval"] = interval(measure(sampled))
    return found


def by_label(
    given: Tensor, right: Tensor, labels: Sequence[str], draws: Tensor | None = None
) -> dict[str, dict[str, Any]]:
    """Precision, recall, F1 and number of texts of each label; F1's interval with draws."""
    counts = counted(given, right)
    precision = counts.hits / counts.given.clamp(min=1)
    recall = counts.hits / counts.there.clamp(min=1)
    rows: dict[str, dict[str, Any]] = {
        label: {
            "precision": short(precision[number]),
            "recall": short(recall[number]),
            "f1": short(f1(counts)[number]),
            "support": int(counts.there[number]),
        }
        for number, label in enumerate(labels)
    }
    if draws is not None:
        sampled = f1(counted(given, right, draws))
        for number, label in enumerate(labels):
            rows[label]["f1_interval"] = interval(sampled[:, number])
    return rows


def reliability(probabilities: Tensor, right: Tensor) -> list[dict[str, float]]:
    """Cases, mean probability and frequency in BINS bins of equal width; empty ones are left out.

    Args:
        probabilities: any shape.
        right: what came true, 0 or 1, the same shape.
    """
    probabilities, right = probabilities.flatten().double(), right.flatten().double()
    place = (probabilities * BINS).long().clamp(max=BINS - 1)
    size = torch.bincount(place, minlength=BINS)
    said = torch.bincount(place, probabilities, BINS) / size
    came = torch.bincount(place, right, BINS) / size
    return [
        {
            "count": int(size[n]),
            "probability": round(float(said[n]), 6),
            "frequency": round(float(came[n]), 6),
        }
        for n in range(BINS)
        if size[n]
    ]


def calibration_error(bins: Sequence[dict[str, float]]) -> float:
    """Expected calibration error: mean distance of probability and frequency over the bins."""
    total = sum(each["count"] for each in bins)
    gaps = sum(each["count"] * abs(each["probability"] - each["frequency"]) for each in bins)
    return gaps / max(total, 1)


def error_by_chance(probabilities: Tensor, draws: int = 100, seed: int = 1) -> float:
    """The calibration error that so many perfectly honest probabilities would show, on average.

    Few texts in a bin miss their probability by luck: no model can be expected below this.
    """
    generator = torch.Generator().manual_seed(seed)
    flat = probabilities.flatten().double()
    total = 0.0
    for _ in range(draws):
        came = torch.rand(flat.shape, generator=generator, dtype=torch.float64) < flat
        total += calibration_error(reliability(flat, came))
    return total / draws


def one_hot(targets: Sequence[Sequence[int]], labels: int) -> Tensor:
    """The numbers of each text's labels as rows of 0 and 1, (texts, labels), float64."""
    right = torch.zeros(len(targets), labels, dtype=torch.float64)
    for row, numbers in enumerate(targets):
        right[row, list(numbers)] = 1.0
    return right


def short(value: Tensor | float) -> float:
    """A figure with four decimals."""
    return round(float(value), 4)
