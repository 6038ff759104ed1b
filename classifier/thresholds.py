"""Where a probability becomes a label: thresholds, fitted on development data.

Everything here works on texts ranked by probability, label by label: (labels, texts).
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

BELIEF = 80.0
"""Chosen on dev by `crossed_macro_f1`; docs/experiments.md, section 11."""

ROUNDING = 10_000
"""Probabilities are given, and compared with thresholds, in steps of 1 / 10,000."""

PRECISION = 0.75
"""What `precise` thresholds aim at: three of four labels given are right."""

FEW = 20
"""A head whose labels have fewer development texts than this, on average, shares one threshold."""

SHARED_PRECISION = 0.5
"""What a shared threshold aims at."""

LEAST_HITS = 3.0
"""Precision is not believed over fewer hits."""

LEAST_PRECISION = 0.5
"""A label that never reaches PRECISION gets its most precise threshold; below this, none: 1."""

NEGATIVE, NEUTRAL, POSITIVE = range(3)


@dataclass(frozen=True)
class _Ranked:
    """Texts by falling probability, label by label."""

    probabilities: Tensor  # (labels, texts), float64
    targets: Tensor  # the same shape, 0 or 1
    weights: Tensor  # the same shape, what a text counts

    @classmethod
    def of(cls, probabilities: Tensor, targets: Tensor, weights: Tensor | None) -> "_Ranked":
        ranked, order = probabilities.double().T.sort(dim=1, descending=True, stable=True)
        counts = torch.ones_like(ranked) if weights is None else weights.T.gather(1, order)
        return cls(ranked, targets.double().T.gather(1, order), counts)

    def believed(self, belief: float) -> Tensor:
        """The targets, mixed with the probabilities and weighed.

        Of n texts with a label, its targets count n / (n + belief).
        """
        there = self.targets.sum(1, keepdim=True)
        trust = there / (there + belief).clamp(min=1e-9)
        return (trust * self.targets + (1 - trust) * self.probabilities) * self.weights

    def parting(self) -> Tensor:
        """Whether a threshold can stand behind each text: not between two of one probability."""
        part = torch.ones_like(self.probabilities, dtype=torch.bool)
        part[:, :-1] = self.probabilities[:, :-1] > self.probabilities[:, 1:]
        return part

    def behind(self, places: Tensor) -> Tensor:
        """The threshold in the middle behind a text of each label, in the steps given, (labels,).

        Args:
            places: the last text, by rank, to be given each label, (labels,).
        """
        padded = functional.pad(self.probabilities, (0, 1))
        pair = padded.gather(1, torch.stack((places, places + 1), 1))
        steps = (pair.mean(1) * ROUNDING - 1e-6).ceil()
        return steps.clamp(1, ROUNDING) / ROUNDING


def fit_thresholds(
    probabilities: Tensor, targets: Tensor, belief: float = BELIEF, weights: Tensor | None = None
) -> tuple[float, ...]:
    """The threshold of each label at which its F1 is highest.

    A rare label's few texts would place its threshold by luck, so its targets are mixed with the
    probabilities themselves: of n texts with the label, the targets count n / (n + belief).
    Between two neighbouring probabilities every threshold decides alike: the middle is taken.

    Args:
        probabilities: (texts, labels), calibrated.
        targets: (texts, labels), 0 or 1.
        belief: how many texts with the label the model's own word is worth; 0 to ignore it.
        weights: what each text counts for each label, (texts, labels); 1 if not given.
    """
    return tuple(_best_f1(_Ranked.of(probabilities, targets, weights), belief).tolist())


def _best_f1(ranked: _Ranked, belief: float) -> Tensor:
    mixed = ranked.believed(belief)
    total = mixed.sum(1, keepdim=True)
    f1 = 2 * mixed.cumsum(1) / (ranked.weights.cumsum(1) + total).clamp(min=1e-9)
    return ranked.behind(f1.mul_(ranked.parting()).argmax(1))


def fit_shared(probabilities: Tensor, targets: Tensor) -> tuple[float, ...]:
    """One threshold for all labels: the lowest from which half of the labels given are right.

    For heads whose labels have too few development texts to be given thresholds of their own.
    Where half are right nowhere it is the one of the highest precision over LEAST_HITS hits.

    Args:
        probabilities: (texts, labels), calibrated.
        targets: (texts, labels), 0 or 1.
    """
    ranked = _Ranked.of(probabilities.reshape(-1, 1), targets.reshape(-1, 1), None)
    hits = ranked.targets.cumsum(1)
    precision = hits / torch.arange(1, hits.shape[1] + 1)
    precision[~ranked.parting() | (hits < LEAST_HITS)] = 0.0
    half = precision >= SHARED_PRECISION
    last = half.shape[1] - 1 - half.flip(1).int().argmax(1)
    place = torch.where(half.any(1), last, precision.argmax(1))
    return tuple(ranked.behind(place).tolist()) * probabilities.shape[1]


def fit_precise(
    probabilities: Tensor,
    targets: Tensor,
    floor: tuple[float, ...],
    belief: float = BELIEF,
    weights: Tensor | None = None,
) -> tuple[float, ...]:
    """The lowest threshold of each label from which PRECISION of the labels given are right.

    Precision is counted on the targets of `fit_thresholds`, over LEAST_HITS hits or more. A label
    that does not reach it anywhere gets the threshold of the highest precision it does reach, or
    is never given (threshold 1) if that is below LEAST_PRECISION.

    Args:
        probabilities: (texts, labels), calibrated.
        targets: (texts, labels), 0 or 1.
        floor: the balanced thresholds; none of these is below its own.
        belief: as in `fit_thresholds`.
        weights: as in `fit_thresholds`.
    """
    ranked = _Ranked.of(probabilities, targets, weights)
    hits = ranked.believed(belief).cumsum(1)
    precision = hits / ranked.weights.cumsum(1).clamp(min=1e-9)
    precision[~ranked.parting() | (hits < LEAST_HITS)] = 0.0
    reached = precision >= PRECISION
    last = reached.shape[1] - 1 - reached.flip(1).int().argmax(1)
    places = torch.where(reached.any(1), last, precision.argmax(1))
    poor = precision.amax(1) < LEAST_PRECISION
    found = torch.where(poor, 1.0, ranked.behind(places)).tolist()
    return tuple(max(pair) for pair in zip(found, floor, strict=True))


def polarities(probabilities: Tensor, thresholds: Tensor | tuple[float, ...]) -> Tensor:
    """The polarity of each text, by number, (texts,).

    It is the one whose probability is the largest multiple of its threshold, but neutral where
    neither negative nor positive reaches its own.

    Args:
        probabilities: (texts, 3), calibrated.
        thresholds: of negative, neutral and positive.
    """
    times = probabilities / torch.as_tensor(thresholds, dtype=probabilities.dtype)
    counts = times >= 1.0
    counts[:, NEUTRAL] = True
    return (times * counts).argmax(1)


def fit_polarity(
    probabilities: Tensor, targets: Tensor
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The balanced and the precise thresholds of polarity.

    Mean recall, the official measure, is highest in expectation where each honest probability is
    set against the frequency of its label. So these are the balanced thresholds, and nothing is
    searched for. The precise ones of negative and positive are those of `fit_precise`.

    Args:
        probabilities: (texts, 3), calibrated.
        targets: (texts, 3), 0 or 1.
    """
    shares = targets.double().mean(0).clamp(min=1 / ROUNDING)
    balanced = tuple(round(share, 4) for share in shares.tolist())
    precise = fit_precise(probabilities, targets, balanced)
    return balanced, (precise[NEGATIVE], balanced[NEUTRAL], precise[POSITIVE])


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
    ranked, order = probabilities.double().T.sort(dim=1, descending=True, stable=True)
    sorted_targets = targets.double().T.gather(1, order)
    labels, texts = ranked.shape
    scores = []
    for _ in range(rounds):
        first = torch.zeros(texts, dtype=torch.bool)
        first[torch.randperm(texts, generator=generator)[: texts // 2]] = True
        member = first[order]  # (labels, texts): as many in every row
        halves = [
            _Ranked(part, sorted_targets[side].view(labels, -1), torch.ones_like(part))
            for side in (member, ~member)
            for part in (ranked[side].view(labels, -1),)
        ]
        for fitted, measured in (halves, halves[::-1]):
            chosen = (measured.probabilities >= _best_f1(fitted, belief)[:, None]).double()
            hits = (chosen * measured.targets).sum(1)
            there = chosen.sum(1) + measured.targets.sum(1)
            scores.append(2 * hits / there.clamp(min=1))
    return float(torch.stack(scores).mean())
