"""Texts to predictions: what the station, the commands and other programs use."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from numpy.typing import NDArray

from classifier import artifact, kernels
from classifier.artifact import Artifact
from classifier.calibration import Choice
from classifier.explanation import Explanation, Hidden, explain, words_behind
from classifier.heads import HEADS
from classifier.labelled import Labels
from classifier.labels import EMOTIONS, NEUTRAL, POLARITIES
from classifier.language import (
    SUPPORTED,
    UNKNOWN,
    english_entries,
    languages,
    plainly_english,
)
from classifier.prediction import Prediction
from classifier.text import Tokens, tokenise
from classifier.thresholds import polarities
from classifier.vocabulary import Bags
from stream.settings import load_settings

if TYPE_CHECKING:
    from classifier.families.base import Attention
    from classifier.families.serving import Other

NO_TEXT = "no text"
NO_KNOWN_WORD = "no known word"
UNSUPPORTED = "unsupported language"
UNSURE = "no emotion reaches its threshold"

CHUNK = 2048
"""Texts that go through the network at once; more would leave the processor's cache."""

CHUNK_CHARACTERS = 1 << 18
"""Characters at once, unless a single text has more: bounds the memory that long texts take."""

_LABELLED = SUPPORTED | {UNKNOWN}
_NEUTRAL = EMOTIONS.index(NEUTRAL)
_TONES = np.arange(len(POLARITIES))


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
        self.later: kernels.Later | None = None
        self.other: Other | None = None
        if source.other is None:
            self.network = source.network().only(heads)
            self.columns = self.network.columns
        else:
            from classifier.families import serving

            self.other = serving.Other(source, heads)
            self.columns = self.other.columns
        self._english = english_entries(source.vocabulary.entries)
        self.thresholds = {name: self._calibration.heads[name].chosen(thresholds) for name in heads}
        self._scales = self._calibration.scales(heads)
        self._least = np.array([one for name in heads for one in self.thresholds[name]])
        self._tones = torch.tensor(self.thresholds["polarity"], dtype=torch.float64)

    @classmethod
    def load(
        cls,
        path: Path | None = None,
        threads: int = 1,
        thresholds: Choice | None = None,
        *,
        compiled_after: int | None = None,
    ) -> Self:
        """Loads an artifact: the given one, the one the setting names, or the shipped one.

        Args:
            path: an artifact folder.
            threads: threads for torch, in the whole process; short texts are fastest with one.
            thresholds: which of its thresholds decide; the setting's if not given.
            compiled_after: texts after which the longest loops are compiled, in the whole process
                and beside the work, where numba is installed (extra `fast`): at once if 0, never
                if not given. It pays after a hundred thousand texts.

        Raises:
            ArtifactError: the artifact is damaged, or its files do not fit one another.
        """
        torch.set_num_threads(threads)
        if compiled_after == 0:
            kernels.load()
        loaded = artifact.load(path or load_settings().model or artifact.SHIPPED)
        made = cls(loaded, thresholds or load_settings().thresholds)
        made.later = kernels.Later(compiled_after) if compiled_after else None
        return made

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
        parts = self._parts(texts, declared, words=words)
        return [one for part in parts for one in part.predictions(self.model)]

    def label(
        self,
        texts: Sequence[str],
        declared: Sequence[str | None] | None = None,
        *,
        words: bool = False,
    ) -> Labels:
        """As `predict`, as arrays: for those who count, measure or write many."""
        return Labels.joined(list(self._parts(texts, declared, words=words)))

    def explain(
        self, text: str, head: str = "emotion", labels: Sequence[str] | None = None
    ) -> Explanation:
        """What each token of a text adds to its labels: see `classifier.explanation`."""
        if self.other is not None:
            return self.other.explain(text, head, labels)
        network, vocabulary = self.network, self.artifact.vocabulary
        return explain(network, vocabulary, self._calibration, text, head, labels)

    def _parts(
        self, texts: Sequence[str], declared: Sequence[str | None] | None, *, words: bool
    ) -> Iterator[Labels]:
        for part, tags in _chunks(texts, declared) if texts else [([], [])]:
            labels, hidden = self._answer(part, tags)
            behind = self._words(labels, hidden) if words else labels.words
            yield replace(labels, words=behind)

    @torch.inference_mode()
    def _answer(
        self, texts: Sequence[str], declared: Sequence[str | None]
    ) -> "tuple[Labels, Hidden | Attention | None]":
        if self.later:
            self.later.count(len(texts))
        tokens = tokenise(texts)
        bags = self.artifact.vocabulary.bags(tokens)
        tongues = self.languages(texts, declared, tokens, bags)
        foreign = np.zeros(len(texts), dtype=bool)
        if not _LABELLED.issuperset(tongues):
            foreign = np.array([tongue not in _LABELLED for tongue in tongues])
            bags = _without(bags, foreign)
        known = bags.offsets[1:] > bags.offsets[:-1]
        hidden: Hidden | Attention | None
        if self.other is not None:
            logits, hidden = self.other.answer(texts, known)
        else:
            hidden = Hidden.of(self.network, bags)
            logits = self.network.outer(hidden.bag, hidden.inner)
        table = self._scales.probabilities(logits)
        gives = table.numpy() >= self._least
        tone = self.columns["polarity"]
        gives[:, tone] = polarities(table[:, tone], self._tones).numpy()[:, None] == _TONES
        gives &= known[:, None]
        probabilities = {name: table.numpy()[:, of] for name, of in self.columns.items()}
        given = {name: gives[:, of] for name, of in self.columns.items()}
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
        doubtful = (~plain).nonzero()[0].tolist()
        told = languages([texts[n] for n in doubtful], [declared[n] for n in doubtful])
        for place, tongue in zip(doubtful, told, strict=True):
            found[place] = tongue
        return found

    def _words(self, labels: Labels, hidden: "Hidden | Attention | None") -> list[tuple[str, ...]]:
        primary = labels.primary()
        felt = (primary >= 0) & (primary != _NEUTRAL)  # there are no words for the lack of emotion
        if not isinstance(hidden, Hidden):
            return self.other.words(hidden, felt) if self.other is not None else []
        primary = np.where(felt, primary + self.columns["emotion"].start, -1)
        return words_behind(self.network, self.artifact.vocabulary, hidden, primary)


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
