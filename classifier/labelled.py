"""What the model says of several texts at once, as arrays; and the same as predictions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray

from classifier.comments import SURE, comment_class
from classifier.labels import EMOTIONS, NEUTRAL, POLARITIES, TOPICS
from classifier.prediction import Prediction, grouped

Probabilities = NDArray[np.float64]
Given = NDArray[np.bool_]

_NEUTRAL = EMOTIONS.index(NEUTRAL)


@dataclass(frozen=True, slots=True)
class Labels:
    """What the model says of several texts, as arrays."""

    probabilities: Mapping[str, Probabilities]  # head to (texts, labels), four decimals
    given: Mapping[str, Given]  # head to which labels each text gets, (texts, labels)
    languages: list[str]  # BCP 47 primary subtag, or und
    abstained: list[str | None]  # why nothing is said, where nothing is said
    words: list[tuple[str, ...]] = field(default_factory=list)  # behind each primary, if asked for

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """The labels of the texts of all parts; there must be one."""
        if len(parts) == 1:
            return parts[0]
        heads = parts[0].probabilities
        return cls(
            {name: np.concatenate([one.probabilities[name] for one in parts]) for name in heads},
            {name: np.concatenate([one.given[name] for one in parts]) for name in heads},
            [each for one in parts for each in one.languages],
            [each for one in parts for each in one.abstained],
            [each for one in parts for each in one.words],
        )

    def primary(self) -> NDArray[np.int64]:
        """The primary emotion of each text, by number, -1 for none, (texts,).

        It is the likeliest of those given; neutral, which is none, only where it stands alone.
        """
        given = self.given["emotion"]
        ranked = np.where(given, self.probabilities["emotion"] + 1.0, 0.0)
        ranked[:, _NEUTRAL] = given[:, _NEUTRAL] / 2
        return np.where(given.any(1), ranked.argmax(1), -1)

    def emotions(self) -> list[tuple[str, ...]]:
        """The emotions of each text, likeliest first."""
        return _ranked(self.given["emotion"], self.probabilities["emotion"], EMOTIONS)

    def topics(self) -> list[tuple[str, ...]]:
        """The topic domains of each text, likeliest first; none if the model has no such head."""
        if "topic" not in self.given:
            return [()] * len(self.languages)
        return _ranked(self.given["topic"], self.probabilities["topic"], TOPICS)

    def polarity(self) -> list[str | None]:
        """The polarity of each text, or None."""
        given = self.given["polarity"]
        place = np.where(given.any(1), given.argmax(1), len(POLARITIES))
        return [(*POLARITIES, None)[number] for number in place.tolist()]

    def suggests(self) -> list[bool]:
        """Whether each text surely proposes something; never if the model has no such head."""
        if "suggestion" not in self.given:
            return [False] * len(self.languages)
        sure = self.given["suggestion"] & (self.probabilities["suggestion"] >= SURE)
        suggests: list[bool] = sure[:, 0].tolist()
        return suggests

    def predictions(self, model: str) -> list[Prediction]:
        """The same as one prediction a text.

        Args:
            model: the name of the model that says it.
        """
        texts, probabilities, polarity = len(self.languages), self.probabilities, self.polarity()
        emotions = self.emotions()
        groups = [grouped(one) for one in emotions]
        primary = [one[0] for one in groups]
        topics: list[list[float]] = [[] for _ in range(texts)]
        if "topic" in probabilities:
            topics = probabilities["topic"].tolist()
        suggestion: Sequence[float | None] = [None] * texts
        if "suggestion" in probabilities:
            suggestion = probabilities["suggestion"][:, 0].tolist()
        return list(
            map(
                Prediction,
                emotions,
                primary,
                [one[1] for one in groups],
                [one[2] for one in groups],
                self.words or [()] * texts,
                probabilities["emotion"].tolist(),
                polarity,
                probabilities["polarity"].tolist(),
                suggestion,
                map(comment_class, primary, polarity, self.suggests()),
                self.topics(),
                topics,
                self.languages,
                self.abstained,
                [model] * texts,
            )
        )


def _ranked(
    given: Given, probabilities: Probabilities, names: tuple[str, ...]
) -> list[tuple[str, ...]]:
    """The names of the labels given to each text, likeliest first."""
    texts, labels = np.divmod(np.flatnonzero(given), len(names))
    order = np.argsort(texts - probabilities[texts, labels], kind="stable")  # by text, then these
    found = [names[label] for label in labels[order].tolist()]
    edges = np.searchsorted(texts, np.arange(len(given) + 1)).tolist()
    return [tuple(found[a:b]) for a, b in pairwise(edges)]
