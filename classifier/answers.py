"""What an artifact says of the labelled splits: the tensors that `evaluation` measures.

The heads of an artifact are asked by themselves, so that those that do not ship are measured too.
A text without a known word is given no label, and so counts as missed. What a station answers,
which also keeps silent on other languages, stands beside it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from classifier import heads
from classifier.artifact import Artifact
from classifier.heads import HEADS, columns
from classifier.predictor import CHUNK, Predictor
from classifier.readers import Labelled
from classifier.scores import one_hot
from classifier.text import tokenise
from classifier.thresholds import polarities


@dataclass(frozen=True)
class Answers:
    """What a head says of the texts of a split, and what is right."""

    split: Labelled
    probabilities: Tensor  # (texts, labels), float64
    given: Tensor  # (texts, labels), 0 or 1, float64
    precise: Tensor  # the same with the precise thresholds
    right: Tensor  # the same shape
    known: Tensor  # (texts,), whether a text has a known word
    served: Tensor | None = None  # `given` as a station answers, of a head that ships
    abstained: Mapping[str, int] = field(default_factory=dict)  # why a station gives no emotion


def of_every_split(loaded: Artifact, data: Path) -> dict[tuple[str, str], Answers]:
    """Head and split to what the artifact says, of every dev and test split that is there."""
    found: dict[tuple[str, str], Answers] = {}
    predictor = Predictor(loaded, "balanced")
    for name in heads.trainable(data):
        for split in heads.HELD_OUT:
            texts = HEADS[name].read(data, split)
            if name in loaded.calibration.heads and len(texts):
                found[name, split] = of_split(loaded, predictor, name, texts)
    return found


def of_split(loaded: Artifact, predictor: Predictor, name: str, split: Labelled) -> Answers:
    """What one head says of some texts."""
    parts, lengths = [], []
    model = loaded.answering()
    where = {name: columns(model.heads)[name]}
    for start in range(0, len(split), CHUNK):
        some = split.texts[start : start + CHUNK]
        bags = loaded.vocabulary.bags(tokenise(some))
        parts.append(loaded.calibration.probabilities(model.logits(some), where)[name])
        lengths.append(torch.from_numpy(bags.offsets).diff())
    probabilities, known = torch.cat(parts), torch.cat(lengths) > 0
    head = loaded.calibration.heads[name]
    served, abstained = None, Counter[str]()
    if HEADS[name].ships:
        station = predictor.label(split.texts)
        served = torch.from_numpy(station.given[name]).double()
        abstained.update(reason for reason in station.abstained if reason)
    return Answers(
        split,
        probabilities,
        given(name, probabilities, head.thresholds, known),
        given(name, probabilities, head.precise, known),
        one_hot(split.targets, len(HEADS[name].labels)),
        known,
        served,
        dict(sorted(abstained.items())),
    )


def given(name: str, probabilities: Tensor, thresholds: Sequence[float], known: Tensor) -> Tensor:
    """The labels that a head gives, (texts, labels), 0 or 1; none without a known word.

    Args:
        name: of the head.
        probabilities: (texts, labels).
        thresholds: of its labels; empty where the likeliest label is given.
        known: (texts,), whether a text has a known word.
    """
    labels = probabilities.shape[1]
    if HEADS[name].several:
        chosen = probabilities >= torch.tensor(thresholds, dtype=torch.float64)
    elif thresholds:
        chosen = functional.one_hot(polarities(probabilities, tuple(thresholds)), labels).bool()
    else:
        chosen = functional.one_hot(probabilities.argmax(1), labels).bool()
    return (chosen & known[:, None]).double()
