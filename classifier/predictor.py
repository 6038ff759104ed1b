"""Texts to predictions: what the station, the commands and other programs use."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch

from classifier import artifact
from classifier.artifact import Artifact
from classifier.labels import EMOTIONS, NEUTRAL, POLARITIES
from classifier.model import pack
from classifier.text import tokenise
from stream.settings import load_settings

NO_TEXT = "no text"
NO_KNOWN_WORD = "no known word"
UNSURE = "no emotion reaches its threshold"
CHUNK = 2048
"""Texts that go through the network at once; more would leave the processor's cache."""


@dataclass(frozen=True, slots=True)
class PolarityPrediction:
    """How positive a text is."""

    label: str | None  # null where the classifier abstained
    score: float  # p(positive) - p(negative), from -1 to 1
    probabilities: dict[str, float]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model says of one text; probabilities have four decimals."""

    emotions: tuple[str, ...]  # at or above their thresholds, likeliest first
    primary: str | None  # the likeliest of them that is not neutral, else neutral, else null
    probabilities: dict[str, float]
    polarity: PolarityPrediction
    abstained: str | None  # why nothing is said, where nothing is said
    model: str


class Predictor:
    """A loaded model.

    A text gets the same prediction alone and in any batch. A text without a known word gets no
    label: its probabilities are the model's answer to an empty text, and `abstained` says why. A
    text whose emotions are all below their thresholds gets no emotion, but a polarity.
    """

    def __init__(self, source: Artifact) -> None:
        self.model = source.model
        self.artifact = source
        self._ids = source.vocabulary.ids
        self._network = source.network()
        self._calibration = source.calibration

    @classmethod
    def load(cls, path: Path | None = None, threads: int = 1) -> Self:
        """Loads an artifact: the given one, the one the setting names, or the shipped one.

        Args:
            path: an artifact folder.
            threads: threads for torch, in the whole process; short texts are fastest with one.

        Raises:
            ArtifactError: the artifact is damaged, or its files do not fit one another.
        """
        torch.set_num_threads(threads)
        return cls(artifact.load(path or load_settings().model or artifact.SHIPPED))

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """Classifies texts, in order; any `str` is taken."""
        found: list[Prediction] = []
        for start in range(0, len(texts), CHUNK):
            found += self._predict(texts[start : start + CHUNK])
        return found

    def _predict(self, texts: Sequence[str]) -> list[Prediction]:
        tokens = [tokenise(text) for text in texts]
        bags = [self._ids(each) for each in tokens]
        logits = self._network.logits(*pack(bags))
        emotions, polarities = self._calibration.probabilities(logits)
        ranked = torch.sort(emotions, dim=1, descending=True, stable=True).indices
        passed = emotions >= torch.tensor(self._calibration.thresholds, dtype=torch.float64)
        passed = passed.gather(1, ranked)
        rows = zip(
            tokens,
            bags,
            emotions.tolist(),
            polarities.tolist(),
            _chosen(ranked, passed),
            strict=True,
        )
        model = self.model
        found = []
        for words, bag, emotion, polarity, chosen in rows:
            label: str | None
            if bag:
                abstained = None if chosen else UNSURE
                label = POLARITIES[polarity.index(max(polarity))]
            else:
                abstained = NO_KNOWN_WORD if words else NO_TEXT
                label, chosen = None, ()
            found.append(
                Prediction(
                    chosen,
                    _primary(chosen),
                    dict(zip(EMOTIONS, emotion, strict=True)),
                    PolarityPrediction(
                        label,
                        round(polarity[2] - polarity[0], 4),
                        dict(zip(POLARITIES, polarity, strict=True)),
                    ),
                    abstained,
                    model,
                )
            )
        return found


def _primary(chosen: tuple[str, ...]) -> str | None:
    """The likeliest of the emotions given; neutral, which is none, only where it stands alone."""
    for emotion in chosen:
        if emotion != NEUTRAL:
            return emotion
    return chosen[0] if chosen else None


def _chosen(ranked: torch.Tensor, passed: torch.Tensor) -> list[tuple[str, ...]]:
    """The names of the labels that passed, in rank order, one tuple a text."""
    counts = passed.sum(1).tolist()
    names = iter([EMOTIONS[label] for label in ranked[passed].tolist()])
    return [tuple(next(names) for _ in range(count)) for count in counts]
