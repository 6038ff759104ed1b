"""What texts look like to a model: counts by language, label, confidence, unknown words, length.

Of the texts that it learned from, kept in its artifact as profile.json; of live posts, for `drift`.
A profile holds counts alone, no text. Only the language is counted of texts that the model does
not label.
"""

import hashlib
import heapq
import json
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from typing import Self

import numpy as np

from classifier import checkpoint, heads, making, own_texts, readers, repeats
from classifier.artifact import Artifact
from classifier.lab.shapes import Sample
from classifier.labels import EMOTIONS, POLARITIES
from classifier.language import SUPPORTED, UNKNOWN
from classifier.predictor import Predictor
from classifier.text import parts, tokenise
from stream.errors import UserError

logger = logging.getLogger(__name__)

FILE = "profile.json"
TEXTS = 20_000
AT_ONCE = 1024
MOST_WORDS = 100_000
"""Unknown words that are counted at once; beyond them those met only once are forgotten."""

UNKNOWN_EDGES = (0.0, 0.05, 0.1, 0.2, 0.35)
LENGTH_EDGES = (2, 4, 8, 16, 32, 64)
CONFIDENCE_EDGES = tuple(n / 10 for n in range(1, 10))

Counts = dict[str, int]


def _steps(edges: tuple[float, ...], form: str) -> tuple[str, ...]:
    """The names of the steps that edges part: each edge belongs to the step below it."""
    shown = [format(edge, form) for edge in edges]
    return (f"to {shown[0]}", *(f"to {each}" for each in shown[1:]), f"over {shown[-1]}")


FEATURES: Mapping[str, tuple[str, ...]] = {
    "language": ("labelled", "too little to tell", "another"),
    "emotion": (*EMOTIONS, "none"),
    "polarity": POLARITIES,
    "confidence": _steps(CONFIDENCE_EDGES, ".0%"),
    "unknown words": ("none", *_steps(UNKNOWN_EDGES, ".0%")[1:]),
    "length": _steps(LENGTH_EDGES, ".0f"),
}
"""What is counted, and the bins of each: confidence is the likeliest emotion's probability, unknown
words are a share of a text's tokens, length is a number of tokens."""


@dataclass
class Profile:
    """The counts of some texts, as one model sees them."""

    model: str
    made_of: str
    texts: int = 0
    counts: dict[str, Counts] = field(
        default_factory=lambda: {name: dict.fromkeys(bins, 0) for name, bins in FEATURES.items()}
    )
    new_words: Counts = field(default_factory=dict)  # unknown word to posts, the commonest first

    def save(self, path: Path) -> None:
        """Writes the counts, without the words."""
        content = asdict(self)
        del content["new_words"]
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            checkpoint.write_text(path, json.dumps(content, indent=2) + "\n")
        except OSError as error:
            raise UserError(f"{path}: cannot be written: {error.strerror}") from None

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads a profile.

        Raises:
            UserError: it is not there, or no profile of this version.
        """
        try:
            content = json.loads(path.read_bytes())
            found = cls(
                str(content["model"]), str(content["made_of"]), int(content["texts"]),
                {name: {one: int(content["counts"][name][one]) for one in bins}
                 for name, bins in FEATURES.items()},
            )  # fmt: skip
        except OSError as error:
            raise UserError(
                f"{path}: cannot be read: {error.strerror}; make it with: python -m classifier"
                " profile"
            ) from None
        except (ValueError, KeyError, TypeError, RecursionError):
            raise UserError(
                f"{path}: is no profile; make it again with: python -m classifier profile"
            ) from None
        return found


def profile(posts: Iterable[Sample], model: Predictor, made_of: str) -> Profile:
    """Counts posts; holds none of them."""
    found, words = Profile(model.model, made_of), Counter[str]()
    for part in parts(posts, AT_ONCE):
        _count(found, words, part, model)
        if len(words) > MOST_WORDS:
            words = Counter({word: count for word, count in words.items() if count > 1})
    found.new_words = dict(words.most_common(50))
    return found


def _count(found: Profile, words: Counter[str], posts: list[Sample], model: Predictor) -> None:
    texts = [one.text for one in posts]
    said = model.predict(texts, [one.language for one in posts], words=False)
    vocabulary, tokens = model.artifact.vocabulary, tokenise(texts)
    unknown = vocabulary.word_ids(tokens) == 0
    found.texts += len(texts)
    counts = found.counts
    for place, prediction in enumerate(said):
        known = prediction.language in SUPPORTED
        doubtful = "too little to tell" if prediction.language == UNKNOWN else "another"
        counts["language"]["labelled" if known else doubtful] += 1
        start, stop = int(tokens.offsets[place]), int(tokens.offsets[place + 1])
        if not known or start == stop:
            continue
        counts["emotion"][prediction.primary or "none"] += 1
        if prediction.polarity_label:
            counts["polarity"][prediction.polarity_label] += 1
        steps = (
            ("confidence", CONFIDENCE_EDGES, max(prediction.emotion_row)),
            ("unknown words", UNKNOWN_EDGES, float(unknown[start:stop].mean())),
            ("length", LENGTH_EDGES, float(stop - start)),
        )
        for name, edges, value in steps:
            counts[name][FEATURES[name][int(np.searchsorted(edges, value))]] += 1
    if unknown.any():
        for place, each in enumerate(tokens.strings()):
            start = int(tokens.offsets[place])
            if said[place].language in SUPPORTED:
                new = {word for n, word in enumerate(each) if unknown[start + n]}
                words.update(word for word in new if word[:1].isalpha())


def training_texts(source: Artifact, data: Path, own: Sequence[Path] = ()) -> Iterator[Sample]:
    """Texts that a model learned from: raters', reviewed ones, unlabelled ones if it had a teacher.

    A part drawn by the digests of the texts: the same one each time.

    Args:
        source: the model; its heads' texts are taken.
        data: the data folder.
        own: the files of its labelled texts beside the data sets.

    Raises:
        UserError: the data folder lacks the required sets, or a file of the model's is not named.
    """
    made = source.config.get("training", {})
    for name, digest in made.get("own_texts", {}).items():
        path = next((one for one in own if one.name == name), None)
        if path is None:
            raise UserError(f"the model learned from {name}, too: name it with --reviewed")
        if path.is_file() and making.checksum(path) != digest:
            logger.warning("%s is not as it was when the model learned from it", path)
    there = heads.training(data)
    learnt = {name: there[name] for name in made.get("texts", source.heads()) if name in there}
    labelled = own_texts.added(learnt, own, heads.held_out_keys(data))
    texts = (text for part in labelled.values() for text in part.texts)
    every = chain(texts, readers.corpora(data) if made.get("soft_labels") else ())
    pairs = ((hashlib.sha256(repeats.key(text).encode()).digest()[:8], text) for text in every)
    for _, text in sorted(dict(heapq.nsmallest(TEXTS, pairs)).items()):
        yield Sample(text)
