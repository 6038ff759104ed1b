"""How good labels are that nobody checked: beside a model, and as what a small head learns from.

The small head is a logistic regression on the texts' bags (`Network.bag`), the same for both sets
of labels: so what differs is the labels and the texts, not the model.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from classifier import artifact, heads
from classifier.labels import EMOTIONS
from classifier.predictor import CHUNK, Predictor
from classifier.readers import Labelled, without
from classifier.scores import one_hot, short
from classifier.text import tokenise

DECAY = 1e-3


def quality(
    rows: Sequence[dict[str, Any]], model: Predictor, data: Path
) -> dict[str, dict[str, Any]]:
    """Label to how often the model agrees with it, and what a head that learnt from it is worth.

    The second only where the data folder has the raters' texts.
    """
    texts = [row["text"] for row in rows]
    found = agreement(texts, [row["labels"] for row in rows], model)
    own = [tuple(EMOTIONS.index(one) for one in row["labels"] if one in EMOTIONS) for row in rows]
    if "emotion" not in heads.trainable(data) or not any(own):
        return found
    there = [place for place, numbers in enumerate(own) if numbers]
    mine = Labelled(tuple(texts[n] for n in there), tuple(own[n] for n in there))
    dev = heads.HEADS["emotion"].read(data, "dev")
    gold = _like(without(heads.HEADS["emotion"].read(data, "train"), heads.held_out_keys(data)),
                 len(mine))  # fmt: skip
    right = one_hot(dev.targets, len(EMOTIONS))
    asked = bags(model, dev.texts)
    scores = {
        name: average_precision(asked @ weights + bias, right)
        for name, part in (("tags", mine), ("raters", gold))
        for weights, bias in (_head(model, part),)
    }
    for number, label in enumerate(EMOTIONS):
        if label in found:
            found[label] |= {name: short(each[number]) for name, each in scores.items()}
            found[label]["chance"] = short(right[:, number].mean())
    return found


def agreement(
    texts: Sequence[str], labels: Sequence[Sequence[str]], model: Predictor
) -> dict[str, dict[str, Any]]:
    """Label to the share of its texts that the model gives it, and what it gives most instead."""
    found: dict[str, dict[str, Any]] = {}
    said = model.predict(texts, words=False)
    for label in EMOTIONS:
        bearing = [one for one, given in zip(said, labels, strict=True) if label in given]
        if bearing:
            others = Counter(one.primary or "nothing" for one in bearing
                             if label not in one.emotions)  # fmt: skip
            agreed = sum(label in one.emotions for one in bearing)
            found[label] = {
                "agrees": short(agreed / len(bearing)),
                "instead": others.most_common(1)[0][0] if others else None,
            }
    return found


def bags(model: Predictor, texts: Sequence[str]) -> Tensor:
    """The bags of texts, (texts, dim), float64; the shipped model's where the model has none."""
    source = model.artifact if model.artifact.other is None else artifact.load(artifact.SHIPPED)
    network, vocabulary = source.network(), source.vocabulary
    parts = []
    for start in range(0, len(texts), CHUNK):
        found = vocabulary.bags(tokenise(texts[start : start + CHUNK]))
        parts.append(
            network.bag(torch.from_numpy(found.ids).long(), torch.from_numpy(found.offsets))
        )
    return torch.cat(parts).clone()  # out of inference mode


def average_precision(scores: Tensor, right: Tensor) -> Tensor:
    """The mean precision at the place of each text that bears a label, (labels,); 0 without any.

    Args:
        scores: (texts, labels), higher for likelier.
        right: (texts, labels), 0 or 1.
    """
    order = scores.sort(dim=0, descending=True, stable=True).indices
    hits = right.double().gather(0, order)
    ranks = torch.arange(1, len(hits) + 1, dtype=torch.float64)[:, None]
    return (hits * hits.cumsum(0) / ranks).sum(0) / hits.sum(0).clamp(min=1)


def _like(data: Labelled, count: int) -> Labelled:
    """As many texts as asked for, drawn by chance, the same ones each time."""
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(1))[:count].tolist()
    return Labelled(tuple(data.texts[n] for n in order), tuple(data.targets[n] for n in order))


def _head(model: Predictor, data: Labelled) -> tuple[Tensor, Tensor]:
    """Weights, (dim, labels), and biases of a logistic regression on bags."""
    inputs, right = bags(model, data.texts), one_hot(data.targets, len(EMOTIONS))
    weights = torch.zeros(inputs.shape[1], len(EMOTIONS), dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(len(EMOTIONS), dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights, bias], max_iter=60, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        said = inputs @ weights + bias
        total = functional.binary_cross_entropy_with_logits(said, right) * len(EMOTIONS)
        total = total + DECAY * weights.square().sum()
        total.backward()  # type: ignore[no-untyped-call]  # untyped in torch
        return total

    optimiser.step(loss)  # type: ignore[no-untyped-call]  # untyped in torch
    return weights.detach(), bias.detach()
