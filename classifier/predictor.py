"""Texts to predictions: what the station, the commands and other programs use."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from classifier import artifact
from classifier.artifact import Artifact
from classifier.calibration import Choice
from classifier.comments import SURE, comment_class
from classifier.explanation import Explanation, Hidden, explain, words_behind
from classifier.heads import HEADS
from classifier.labels import EMOTIONS, NEUTRAL, POLARITIES, TOPICS
from classifier.language import (
    SUPPORTED,
    UNKNOWN,
    english_entries,
    languages,
    plainly_english,
)
from classifier.prediction import Prediction, grouped
from classifier.text import Tokens, tokenise
from classifier.thresholds import polarities
from classifier.vocabulary import Bags
from stream.settings import load_settings

NO_TEXT = "no text"
NO_KNOWN_WORD = "no known word"
UNSUPPORTED = "unsupported language"
UNSURE = "no emotion reaches its threshold"

CHUNK = 1024
"""Texts that go through the network at once; more would leave the processor's cache."""

CHUNK_CHARACTERS = 1 << 18
"""Characters at once, unless a single text has more: bounds the memory that long texts take."""

_LABELLED = SUPPORTED | {UNKNOWN}
_NEUTRAL = EMOTIONS.index(NEUTRAL)

Probabilities = NDArray[np.float64]
Given = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Labels:
    """What the model says of several texts, as arrays."""

    probabilities: Mapping[str, Probabilities]  # head to (texts, labels), four decimals
    given: Mapping[str, Given]  # head to which labels each text gets, (texts, labels)
    languages: list[str]  # BCP 47 primary subtag, or und
    abstained: list[str | None]  # why nothing is said, where nothing is said

    def primary(self) -> NDArray[np.int64]:
        """The primary emotion of each text, by number, -1 for none, (texts,).

        It is the likeliest of those given; neutral, which is none, only where it stands alone.
        """
        given = self.given["emotion"]
        ranked = np.where(given, self.probabilities["emotion"] + 1.0, 0.0)
        ranked[:, _NEUTRAL] = given[:, _NEUTRAL] / 2
        return np.where(given.any(1), ranked.argmax(1), -1)


class Predictor:
    """A loaded model.

    A text gets the same prediction alone and in any batch. A text without a known word, or in a
    language that is not supported, gets no label of any head: its probabilities are the model's
    answer to an empty text, and `abstained` says why. A text whose emotions are all below their
    thresholds gets no emotion, but the labels of the other heads.
    """

    def __init__(self, source: Artifact, thresholds: Choice = "balanced") -> None:
        """Takes an artifact, and which of its thresholds decide."""
        self.model = source.model if thresholds == "balanced" else f"{source.model}+{thresholds}"
        self.artifact = source
        self._calibration = source.calibration
        heads = [name for name, h in HEADS.items() if h.ships and name in self._calibration.heads]
        self.network = source.network().only(heads)
        self._english = english_entries(source.vocabulary.entries)
        self.thresholds = {name: self._calibration.heads[name].chosen(thresholds) for name in heads}

    @classmethod
    def load(
        cls, path: Path | None = None, threads: int = 1, thresholds: Choice | None = None
    ) -> Self:
        """Loads an artifact: the given one, the one the setting names, or the shipped one.

        Args:
            path: an artifact folder.
            threads: threads for torch, in the whole process; short texts are fastest with one.
            thresholds: which of its thresholds decide; the setting's if not given.

        Raises:
            ArtifactError: the artifact is damaged, or its files do not fit one another.
        """
        torch.set_num_threads(threads)
        loaded = artifact.load(path or load_settings().model or artifact.SHIPPED)
        return cls(loaded, thresholds or load_settings().thresholds)

    def predict(
        self,
        texts: Sequence[str],
        declared: Sequence[str | None] | None = None,
        *,
        words: bool = True,
    ) -> list[Prediction]:
        """Classifies texts, in order; any `str` is taken.

        Args:
            texts: posts, as written.
            declared: what the platform says of each one's language, a BCP 47 tag or None.
            words: whether to say which words weigh most for the primary emotion; neutral has none.
        """
        found: list[Prediction] = []
        for part, tags in _chunks(texts, declared):
            labels, hidden = self._answer(part, tags)
            behind = self._words(labels, hidden) if words else [()] * len(part)
            found += self._predictions(labels, behind)
        return found

    def label(self, texts: Sequence[str], declared: Sequence[str | None] | None = None) -> Labels:
        """As `predict`, without words, and as arrays: for those who count or measure."""
        parts = [self._answer(part, tags)[0] for part, tags in _chunks(texts, declared)]
        parts = parts or [self._answer([], [])[0]]
        return Labels(
            {name: np.concatenate([p.probabilities[name] for p in parts]) for name in HEADS
             if name in self.thresholds},
            {name: np.concatenate([p.given[name] for p in parts]) for name in HEADS
             if name in self.thresholds},
            [one for part in parts for one in part.languages],
            [one for part in parts for one in part.abstained],
        )  # fmt: skip

    def explain(
        self, text: str, head: str = "emotion", labels: Sequence[str] | None = None
    ) -> Explanation:
        """What each token of a text adds to its labels: see `classifier.explanation`."""
        network, vocabulary = self.network, self.artifact.vocabulary
        return explain(network, vocabulary, self._calibration, text, head, labels)

    def _answer(
        self, texts: Sequence[str], declared: Sequence[str | None]
    ) -> tuple[Labels, Hidden]:
        tokens = tokenise(texts)
        bags = self.artifact.vocabulary.bags(tokens)
        tongues = self.languages(texts, declared, tokens, bags)
        foreign = np.zeros(len(texts), dtype=bool)
        if not _LABELLED.issuperset(tongues):
            foreign = np.array([tongue not in _LABELLED for tongue in tongues])
            bags = _without(bags, foreign)
        hidden = Hidden.of(self.network, bags)
        logits = self.network.outer(hidden.bag, hidden.inner)
        known = np.diff(hidden.bags.offsets) > 0
        probabilities, given = {}, {}
        for name, found in self._calibration.probabilities(logits, self.network.columns).items():
            probabilities[name] = found.numpy()
            if HEADS[name].several:
                given[name] = found.numpy() >= np.array(self.thresholds[name])
            else:
                chosen = polarities(found, self.thresholds[name]).numpy()
                given[name] = np.arange(found.shape[1]) == chosen[:, None]
            given[name] &= known[:, None]
        abstained: list[str | None] = [None] * len(texts)
        for place in np.flatnonzero(~given["emotion"].any(1)).tolist():
            if foreign[place]:
                abstained[place] = UNSUPPORTED
            elif known[place]:
                abstained[place] = UNSURE
            else:
                wordless = tokens.offsets[place] == tokens.offsets[place + 1]
                abstained[place] = NO_TEXT if wordless else NO_KNOWN_WORD
        return Labels(probabilities, given, tongues, abstained), hidden

    def languages(
        self,
        texts: Sequence[str],
        declared: Sequence[str | None],
        tokens: Tokens,
        bags: Bags,
    ) -> list[str]:
        """The language of each text; most are English at one look at their ids."""
        plain = plainly_english(self._english[bags.ids], bags.offsets, np.diff(tokens.offsets))
        found = ["en"] * len(texts)
        doubtful = np.flatnonzero(~plain).tolist()
        told = languages([texts[n] for n in doubtful], [declared[n] for n in doubtful])
        for place, tongue in zip(doubtful, told, strict=True):
            found[place] = tongue
        return found

    def _words(self, labels: Labels, hidden: Hidden) -> list[tuple[str, ...]]:
        primary = labels.primary()
        felt = (primary >= 0) & (primary != _NEUTRAL)  # there are no words for the lack of emotion
        primary = np.where(felt, primary + self.network.columns["emotion"].start, -1)
        return words_behind(self.network, self.artifact.vocabulary, hidden, primary)

    def _predictions(self, labels: Labels, behind: Sequence[tuple[str, ...]]) -> list[Prediction]:
        probabilities, given = labels.probabilities, labels.given
        emotions = _ranked(given["emotion"], probabilities["emotion"], EMOTIONS)
        there = given["polarity"].any(1)
        place = np.where(there, given["polarity"].argmax(1), len(POLARITIES))
        polarity = [(*POLARITIES, None)[number] for number in place.tolist()]
        topics: Sequence[tuple[str, ...]] = [()] * len(emotions)
        rows: Sequence[list[float]] = [[] for _ in emotions]
        if "topic" in given:
            topics = _ranked(given["topic"], probabilities["topic"], TOPICS)
            rows = probabilities["topic"].tolist()
        suggestion: Sequence[float | None] = [None] * len(emotions)
        suggests: Sequence[bool] = [False] * len(emotions)
        if "suggestion" in given:
            suggestion = probabilities["suggestion"][:, 0].tolist()
            sure = given["suggestion"] & (probabilities["suggestion"] >= SURE)
            suggests = sure[:, 0].tolist()
        groups = [grouped(one) for one in emotions]
        primary = [one[0] for one in groups]
        return list(
            map(
                Prediction,
                emotions,
                primary,
                [one[1] for one in groups],
                [one[2] for one in groups],
                behind,
                probabilities["emotion"].tolist(),
                polarity,
                probabilities["polarity"].tolist(),
                suggestion,
                map(comment_class, primary, polarity, suggests),
                topics,
                rows,
                labels.languages,
                labels.abstained,
                [self.model] * len(emotions),
            )
        )


def _chunks(
    texts: Sequence[str], declared: Sequence[str | None] | None
) -> Iterator[tuple[Sequence[str], Sequence[str | None]]]:
    """Parts of the texts, in order, each small enough to go through the network at once."""
    tags = [None] * len(texts) if declared is None else declared
    if len(tags) != len(texts):
        raise ValueError(f"{len(texts)} texts, but the languages of {len(tags)}")
    start = 0
    while start < len(texts):
        stop = min(start + CHUNK, len(texts))
        while stop - start > 1 and sum(map(len, texts[start:stop])) > CHUNK_CHARACTERS:
            stop = (start + stop) // 2
        yield texts[start:stop], tags[start:stop]
        start = stop


def _without(bags: Bags, texts: NDArray[np.bool_]) -> Bags:
    """The same bags, those of some texts emptied."""
    lengths = np.diff(bags.offsets)
    kept = np.repeat(~texts, lengths)
    offsets = np.concatenate([[0], np.cumsum(np.where(texts, 0, lengths))])
    return Bags(bags.ids[kept], offsets, bags.last[kept], bags.span[kept])


def _ranked(
    given: Given, probabilities: Probabilities, names: tuple[str, ...]
) -> list[tuple[str, ...]]:
    """The names of the labels given to each text, likeliest first."""
    texts, labels = np.divmod(np.flatnonzero(given), len(names))
    order = np.argsort(texts - probabilities[texts, labels], kind="stable")  # by text, then these
    found = [names[label] for label in labels[order].tolist()]
    edges = np.searchsorted(texts, np.arange(len(given) + 1)).tolist()
    return [tuple(found[a:b]) for a, b in pairwise(edges)]
