"""From logits to probabilities and labels: fitted on development data, never on test data.

Training weighs rare labels up, so raw outputs overstate them. One temperature for a head and one
bias for each label make the probabilities honest: fitted by plain likelihood. What is decided from
them is another matter: thresholds for each label, placed where the official measure is best.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from classifier.heads import HEADS
from classifier.thresholds import (
    FEW,
    ROUNDING,
    fit_polarity,
    fit_precise,
    fit_shared,
    fit_thresholds,
)

COLDEST, HOTTEST = 0.05, 20.0
"""Bounds of a temperature: texts that are told apart without fail would have it at 0."""

Choice = Literal["balanced", "precise"]
"""Which thresholds decide: those of the best F1 (balanced), or of PRECISION (precise)."""


@dataclass(frozen=True)
class Scale:
    """How one head's logits are corrected: logits / temperature + bias."""

    temperature: float
    bias: tuple[float, ...]

    def apply(self, logits: Tensor) -> Tensor:
        """The corrected logits, (texts, labels)."""
        return logits / self.temperature + self._biases.to(logits.dtype)

    @cached_property
    def _biases(self) -> Tensor:
        return torch.tensor(self.bias, dtype=torch.float64)


@dataclass(frozen=True)
class Scales:
    """How the logits of several heads, side by side, are corrected."""

    temperatures: Tensor  # (labels,), float64
    biases: Tensor  # (labels,), float64
    single: tuple[slice, ...]  # the labels of each head that gives a text one of them

    def probabilities(self, logits: Tensor) -> Tensor:
        """The probabilities of all labels, (texts, labels), float64, rounded."""
        moved = logits.double() / self.temperatures
        moved += self.biases
        found = torch.sigmoid(moved)
        for where in self.single:
            found[:, where] = torch.softmax(moved[:, where], 1)
        return rounded(found)


@dataclass(frozen=True)
class HeadCalibration:
    """What stands between one head's logits and its answers.

    Of the heads that give a text one label only polarity has thresholds (`thresholds.polarities`);
    any other answers with its likeliest label, and has none.
    """

    scale: Scale
    thresholds: tuple[float, ...] = ()  # balanced
    precise: tuple[float, ...] = ()

    def chosen(self, choice: Choice) -> tuple[float, ...]:
        """The thresholds that a setting selects."""
        return self.precise if choice == "precise" else self.thresholds


@dataclass(frozen=True)
class Calibration:
    """What stands between an artifact's logits and its answers."""

    heads: Mapping[str, HeadCalibration] = field(default_factory=dict)

    def probabilities(self, logits: Tensor, columns: Mapping[str, slice]) -> dict[str, Tensor]:
        """Head to probabilities, (texts, labels of the head), float64, rounded.

        Args:
            logits: of several heads side by side, (texts, labels of all of them).
            columns: where each of them is; one that was not fitted, for want of texts, is left out.
        """
        return {
            name: self.scales([name]).probabilities(logits[:, where])
            for name, where in columns.items()
            if name in self.heads
        }

    def scales(self, heads: Sequence[str]) -> "Scales":
        """The scales of fitted heads, for those who apply them often."""
        width = {name: len(HEADS[name].labels) for name in heads}
        ends = dict(zip(heads, accumulate(width.values()), strict=True))
        of = {name: self.heads[name].scale for name in heads}
        return Scales(
            torch.tensor(
                [of[name].temperature for name in heads for _ in range(width[name])],
                dtype=torch.float64,
            ),
            torch.tensor([bias for name in heads for bias in of[name].bias], dtype=torch.float64),
            tuple(slice(ends[n] - width[n], ends[n]) for n in heads if not HEADS[n].several),
        )

    def to_json(self) -> dict[str, Any]:
        """The content of calibration.json; biases and thresholds are given by label."""
        return {name: _head_to_json(name, head) for name, head in self.heads.items()}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Calibration":
        """Reads what `to_json` gave; raises KeyError, TypeError or ValueError naming the head."""
        return cls({name: _head_from_json(name, head) for name, head in content.items()})


def _head_to_json(name: str, head: HeadCalibration) -> dict[str, Any]:
    labels = HEADS[name].labels
    content: dict[str, Any] = {
        "temperature": head.scale.temperature,
        "bias": dict(zip(labels, head.scale.bias, strict=True)),
    }
    if head.thresholds:
        content["thresholds"] = dict(zip(labels, head.thresholds, strict=True))
        content["precise"] = dict(zip(labels, head.precise, strict=True))
    return content


def _head_from_json(name: str, content: Mapping[str, Any]) -> HeadCalibration:
    if name not in HEADS:
        raise ValueError(f"{name} is no head")
    temperature = float(content["temperature"])
    if not 0 < temperature < float("inf"):
        raise ValueError(f"{name}: the temperature must be above 0")
    wanted = _has_thresholds(name)
    return HeadCalibration(
        Scale(temperature, _by_label(name, "bias", content["bias"])),
        _by_label(name, "thresholds", content["thresholds"]) if wanted else (),
        _by_label(name, "precise", content["precise"]) if wanted else (),
    )


def _by_label(name: str, what: str, values: Mapping[str, Any]) -> tuple[float, ...]:
    if tuple(values) != HEADS[name].labels:
        raise ValueError(f"{name}: {what} are not those of its labels, in their order")
    numbers = tuple(float(each) for each in values.values())
    if not all(-float("inf") < each < float("inf") for each in numbers):
        raise ValueError(f"{name}: {what} must be finite numbers")
    return numbers


def _has_thresholds(name: str) -> bool:
    return HEADS[name].several or name == "polarity"


def rounded(probabilities: Tensor) -> Tensor:
    """Probabilities in the steps they are given in, as float64."""
    return (probabilities.double() * ROUNDING).round() / ROUNDING


def fit(
    logits: Mapping[str, Tensor],
    targets: Mapping[str, Tensor],
    frequencies: Mapping[str, Sequence[float]] | None = None,
) -> Calibration:
    """Fits every head on its development texts.

    Args:
        logits: head to (texts, labels of the head).
        targets: head to the same shape, 0 or 1.
        frequencies: head to the share of texts that bear each label, where the development texts
            were drawn otherwise: they then count so that these shares come out.
    """
    heads = {}
    for name, head_logits in logits.items():
        right = targets[name].double()
        several = HEADS[name].several
        weights = None
        if frequencies and name in frequencies:
            weights = importance(right, frequencies[name])
        biased = _has_thresholds(name)
        scale = fit_scale(head_logits, right, several=several, weights=weights, biased=biased)
        heads[name] = HeadCalibration(scale)
        one = Calibration(heads).probabilities(head_logits, {name: slice(None)})[name]
        if several:
            if right.sum(0).mean() < FEW:
                balanced = fit_shared(one, right)
            else:
                balanced = fit_thresholds(one, right, weights=weights)
            precise = fit_precise(one, right, balanced, weights=weights)
            heads[name] = HeadCalibration(scale, balanced, precise)
        elif name == "polarity":
            heads[name] = HeadCalibration(scale, *fit_polarity(one, right))
    return Calibration(heads)


def importance(targets: Tensor, frequencies: Sequence[float]) -> Tensor:
    """What each text counts for each label so that labels have given frequencies.

    Args:
        targets: (texts, labels), 0 or 1.
        frequencies: the share of texts that bear each label.
    """
    wanted = torch.tensor(frequencies, dtype=torch.float64)
    there = targets.double().mean(0).clamp(min=1e-9, max=1 - 1e-9)
    return torch.where(targets > 0, wanted / there, (1 - wanted) / (1 - there))


def fit_scale(
    logits: Tensor,
    targets: Tensor,
    *,
    several: bool,
    weights: Tensor | None = None,
    spread: float = 1.0,
    biased: bool = True,
) -> Scale:
    """Fits temperature and biases by likelihood.

    A head that answers with its likeliest label has a temperature alone (Guo et al. 2017): biases
    fitted on a few texts would change the answers, and not for the better.

    Args:
        logits: (texts, labels).
        targets: (texts, labels), 0 or 1.
        several: whether a text may bear several labels (sigmoid) or one (softmax).
        weights: what each text counts for each label, (texts, labels), of `several` only.
        spread: how far from 0 biases are expected (standard deviation); few texts move them less.
        biased: whether there are biases; they are 0 if not.
    """
    logits, targets = logits.detach().double(), targets.double()
    log_scale = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(logits.shape[1], dtype=torch.float64, requires_grad=True)
    fitted = [log_scale, bias] if biased else [log_scale]
    optimiser = torch.optim.LBFGS(fitted, max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        moved = logits * log_scale.exp() + bias
        if several:
            fit = functional.binary_cross_entropy_with_logits(
                moved, targets, weight=weights, reduction="sum"
            )
        else:
            fit = functional.cross_entropy(moved, targets.argmax(1), reduction="sum")
        total = (fit + bias.square().sum() / (2 * spread**2)) / len(logits)
        total.backward()  # type: ignore[no-untyped-call]  # untyped in torch
        return total

    optimiser.step(loss)  # type: ignore[no-untyped-call]  # untyped in torch
    temperature = min(max(float((-log_scale.detach()).exp()), COLDEST), HOTTEST)
    return Scale(round(temperature, 6), tuple(round(b, 6) for b in bias.tolist()))
