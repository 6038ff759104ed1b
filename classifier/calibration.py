"""From logits to probabilities and labels: fitted on development data, never on test data.

Training weighs rare labels up, so raw outputs overstate them. One temperature for a head and one
bias for each label mend that; a threshold for each label then decides, where its F1 is best.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

BELIEF = 80.0
"""Chosen on dev by `crossed_macro_f1`; docs/experiments.md, section 11."""

ROUNDING = 10_000
"""Probabilities are given, and compared with thresholds, in steps of 1 / 10,000."""


@dataclass(frozen=True)
class Scale:
    """How one head's logits are corrected: logits / temperature + bias."""

    temperature: float
    bias: tuple[float, ...]

    def apply(self, logits: Tensor) -> Tensor:
        """The corrected logits, (texts, labels)."""
        return logits / self.temperature + torch.tensor(self.bias, dtype=logits.dtype)


@dataclass(frozen=True)
class Calibration:
    """What stands between an artifact's logits and its answers."""

    emotion: Scale
    polarity: Scale
    thresholds: tuple[float, ...]  # of the emotions

    def probabilities(self, logits: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Probabilities of emotions (texts, 28) and polarities (texts, 3), rounded."""
        emotions = torch.sigmoid(self.emotion.apply(logits["emotion"]))
        polarities = torch.softmax(self.polarity.apply(logits["polarity"]), 1)
        return rounded(emotions), rounded(polarities)

    def to_json(self, labels: tuple[str, ...]) -> dict[str, Any]:
        """The content of calibration.json; thresholds are given by label."""
        return {
            "emotion": {
                "temperature": self.emotion.temperature,
                "bias": list(self.emotion.bias),
                "thresholds": dict(zip(labels, self.thresholds, strict=True)),
            },
            "polarity": {
                "temperature": self.polarity.temperature,
                "bias": list(self.polarity.bias),
            },
        }

    @classmethod
    def from_json(cls, content: dict[str, Any], labels: tuple[str, ...]) -> "Calibration":
        """Reads what `to_json` gave; raises KeyError, TypeError or ValueError."""
        emotion, polarity = content["emotion"], content["polarity"]
        thresholds = emotion["thresholds"]
        if tuple(thresholds) != labels:
            raise ValueError("the thresholds are not those of the labels, in their order")
        return cls(
            Scale(float(emotion["temperature"]), tuple(map(float, emotion["bias"]))),
            Scale(float(polarity["temperature"]), tuple(map(float, polarity["bias"]))),
            tuple(float(each) for each in thresholds.values()),
        )


def rounded(probabilities: Tensor) -> Tensor:
    """Probabilities in the steps they are given in, as float64."""
    return (probabilities.double() * ROUNDING).round() / ROUNDING


def fit_scale(logits: Tensor, targets: Tensor, *, several: bool, ridge: float = 1e-3) -> Scale:
    """Fits temperature and biases by likelihood.

    Of one label out of several every class counts alike, however frequent: a stream's own
    frequencies are not those of the data.

    Args:
        logits: (texts, labels).
        targets: (texts, labels), 0 or 1.
        several: whether a text may bear several labels (sigmoid) or one (softmax).
        ridge: pull of each bias towards zero.
    """
    logits, targets = logits.detach().double(), targets.double()
    log_scale = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(logits.shape[1], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([log_scale, bias], max_iter=100, line_search_fn="strong_wolfe")

    balance = 1.0 / targets.sum(0).clamp(min=1.0)

    def loss() -> Tensor:
        optimiser.zero_grad()
        moved = logits * log_scale.exp() + bias
        if several:
            fit = functional.binary_cross_entropy_with_logits(moved, targets)
        else:
            fit = functional.cross_entropy(moved, targets.argmax(1), weight=balance)
        total = fit + ridge * bias.square().mean()
        total.backward()  # type: ignore[no-untyped-call]  # untyped in torch
        return total

    optimiser.step(loss)  # type: ignore[no-untyped-call]  # untyped in torch
    return Scale(
        round(float((-log_scale.detach()).exp()), 6), tuple(round(b, 6) for b in bias.tolist())
    )


def fit_thresholds(
    probabilities: Tensor, targets: Tensor, belief: float = BELIEF
) -> tuple[float, ...]:
    """The threshold of each label at which its F1 is highest.

    A rare label's few texts would place its threshold by luck, so its targets are mixed with the
    probabilities themselves: of n texts with the label, the targets count n / (n + belief).
    Between two neighbouring probabilities every threshold decides alike: the middle is taken.

    Args:
        probabilities: (texts, labels), calibrated.
        targets: (texts, labels), 0 or 1.
        belief: how many texts with the label the model's own word is worth; 0 to ignore it.
    """
    found = []
    for column, target in zip(probabilities.T, targets.T, strict=True):
        ranked, order = column.sort(descending=True, stable=True)
        trust = target.sum() / (target.sum() + belief).clamp(min=1e-9)
        mixed = trust * target[order] + (1 - trust) * ranked
        taken = torch.arange(1, len(ranked) + 1)
        f1 = 2 * mixed.cumsum(0) / (taken + mixed.sum())
        f1[:-1][ranked[:-1] == ranked[1:]] = 0.0  # no threshold parts two equal probabilities
        best = int(f1.argmax())
        below = ranked[best + 1] if best + 1 < len(ranked) else torch.zeros(())
        middle = float((ranked[best] + below) / 2)
        found.append(min(max(round(middle, 4), 1 / ROUNDING), 1.0))
    return tuple(found)


def f1_by_label(probabilities: Tensor, targets: Tensor, thresholds: tuple[float, ...]) -> Tensor:
    """F1 of each label, (labels,); 0 where nothing was there and nothing was found."""
    chosen = (probabilities >= torch.tensor(thresholds, dtype=probabilities.dtype)).double()
    hits = (chosen * targets).sum(0)
    return 2 * hits / (chosen.sum(0) + targets.sum(0)).clamp(min=1)


def crossed_macro_f1(
    probabilities: Tensor, targets: Tensor, rounds: int = 10, belief: float = 0.0
) -> float:
    """Macro-F1 with thresholds fitted on one half and measured on the other, averaged.

    Thresholds fitted and measured on the same texts flatter rare labels; this does not. Raw
    outputs in training overstate rare labels, so there `belief` is 0.
    """
    generator = torch.Generator().manual_seed(0)
    scores = []
    for _ in range(rounds):
        order = torch.randperm(len(targets), generator=generator)
        halves = order[: len(order) // 2], order[len(order) // 2 :]
        for fitted, measured in (halves, halves[::-1]):
            thresholds = fit_thresholds(probabilities[fitted], targets[fitted], belief)
            scores.append(f1_by_label(probabilities[measured], targets[measured], thresholds))
    return float(torch.stack(scores).mean())
