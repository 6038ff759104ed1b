"""What happens to the scores when texts are not as clean: `python -m classifier robustness`.

Every text of the development splits is changed in one way, and the model is asked again. Nothing
here reads a test split, and nothing is chosen by it.
"""

import json
import random
import string
import time
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier import artifact, checkpoint, readers
from classifier.labelled import Labels
from classifier.predictor import Predictor
from classifier.readers import Labelled
from classifier.targets import right

Change = Callable[[str, random.Random], str]

SEED = 20_261_121
LONG = 100_000
"""Bytes that a long text has at least."""

LONG_TEXTS = 200
"""Long texts that are tried: 20 MB of them."""

_PUNCTUATION = str.maketrans("", "", string.punctuation + "…“”‘’")
_CONTROLS = "\x00\x01\x07\x08\x1b\x7f\x9b"


def typos(share: float) -> Change:
    """Swaps, drops or doubles a letter in a share of the words that have four or more."""

    def change(text: str, draw: random.Random) -> str:
        words = text.split(" ")
        for place, word in enumerate(words):
            if len(word) > 3 and word.isalpha() and draw.random() < share:
                words[place] = _mistyped(word, draw)
        return " ".join(words)

    return change


def _mistyped(word: str, draw: random.Random) -> str:
    place = draw.randrange(len(word) - 1)
    kind = draw.randrange(3)
    if kind == 0:
        return word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    if kind == 1:
        return word[:place] + word[place + 1 :]
    return word[: place + 1] + word[place:]


def _sprinkled(signs: str, share: float) -> Change:
    """Puts one of some signs behind a share of the characters."""

    def change(text: str, draw: random.Random) -> str:
        return "".join(
            sign + (draw.choice(signs) if draw.random() < share else "") for sign in text
        )

    return change


def emoji_of(text: str) -> str:
    """The emoji and other pictures of a text, with spaces between."""
    return " ".join(sign for sign in text if unicodedata.category(sign) == "So")


CHANGES: dict[str, Change] = {
    "as it is": lambda text, _: text,
    "a typo in 5 % of the words": typos(0.05),
    "a typo in 10 % of the words": typos(0.1),
    "a typo in 20 % of the words": typos(0.2),
    "upper case": lambda text, _: text.upper(),
    "lower case": lambda text, _: text.lower(),
    "no punctuation": lambda text, _: text.translate(_PUNCTUATION),
    "zero-width characters, a third": _sprinkled("\u200b\u200c\u200d\u2060\ufeff", 1 / 3),
    "right-to-left marks, a tenth": _sprinkled("\u200f\u202e\u2067\u061c", 0.1),
    "control characters, a tenth": _sprinkled(_CONTROLS, 0.1),
}
"""What is done to every text, by name; the first is the measure of the others."""


@dataclass(frozen=True)
class Asked:
    """A development split, and what the model says of it as it is."""

    head: str
    split: Labelled
    clean: Labels


def measure(predictor: Predictor, data: Path) -> dict[str, Any]:
    """Every number, by change."""
    both = [
        Asked(head, split, predictor.label(split.texts))
        for head, split in (
            ("emotion", readers.goemotions(data, "dev")),
            ("polarity", readers.sentiment(data, "dev")),
        )
    ]
    rows: dict[str, Any] = {}
    for name, change in CHANGES.items():
        rows[name] = _row(predictor, both, _seeded(change))
    pictured = [_some(asked, [bool(emoji_of(one)) for one in asked.split.texts]) for asked in both]
    rows["texts with emoji, as they are"] = _row(predictor, pictured, str)
    rows["the same, their emoji alone"] = _row(predictor, pictured, emoji_of)
    few = [_some(each, [n < LONG_TEXTS for n in range(len(each.split))]) for each in both]
    rows[f"{LONG_TEXTS} texts, as they are"] = _row(predictor, few, str)
    rows["the same, repeated to 100 kB"] = _row(predictor, few, _long)
    return {"model": predictor.model, "seed": SEED, "changes": rows}


def _seeded(change: Change) -> Callable[[str], str]:
    draw = random.Random(SEED)
    return lambda text: change(text, draw)


def _long(text: str) -> str:
    piece = text + " "
    return piece * (LONG // len(piece.encode(errors="replace")) + 1)


def _some(asked: Asked, kept: Sequence[bool]) -> Asked:
    rows = np.flatnonzero(kept)
    split = Labelled(
        tuple(asked.split.texts[row] for row in rows),
        tuple(asked.split.targets[row] for row in rows),
    )
    clean = Labels(
        {name: table[rows] for name, table in asked.clean.probabilities.items()},
        {name: table[rows] for name, table in asked.clean.given.items()},
        [asked.clean.languages[row] for row in rows],
        [asked.clean.abstained[row] for row in rows],
    )
    return Asked(asked.head, split, clean)


def _row(
    predictor: Predictor, both: Sequence[Asked], change: Callable[[str], str]
) -> dict[str, float]:
    row: dict[str, float] = {}
    for asked in both:
        changed = [change(text) for text in asked.split.texts]
        start = time.process_time()
        said = predictor.label(changed)
        spent = time.process_time() - start
        given, before = said.given[asked.head], asked.clean.given[asked.head]
        targets = right(asked.head, asked.split).bool().numpy()
        if asked.head == "emotion":
            row["macro_f1"] = round(macro_f1(given, targets), 4)
            same = said.primary() == asked.clean.primary()
            row["same_primary"] = round(float(same.mean()) if len(same) else 0.0, 4)
            row["milliseconds"] = round(1e3 * spent / max(len(changed), 1), 4)
        else:
            row["macro_recall"] = round(macro_recall(given, targets), 4)
            same = (given == before).all(1)
            row["same_polarity"] = round(float(same.mean()) if len(same) else 0.0, 4)
        row[f"{asked.head}_texts"] = len(changed)
    return row


def macro_f1(given: NDArray[np.bool_], targets: NDArray[np.bool_]) -> float:
    """The mean F1 of the labels that occur in the targets."""
    hits = (given & targets).sum(0)
    f1 = 2 * hits / np.maximum(given.sum(0) + targets.sum(0), 1)
    there = targets.any(0)
    return float(f1[there].mean()) if there.any() else 0.0


def macro_recall(given: NDArray[np.bool_], targets: NDArray[np.bool_]) -> float:
    """The mean recall of the labels that occur in the targets."""
    there = targets.any(0)
    recall = (given & targets).sum(0)[there] / targets.sum(0)[there]
    return float(recall.mean()) if there.any() else 0.0


def write(measured: dict[str, Any], folder: Path) -> Path:
    """Writes robustness.json into an artifact folder, and into its manifest."""
    path = folder / "robustness.json"
    checkpoint.write_text(path, json.dumps(measured, indent=2) + "\n")
    artifact.write_manifest(folder)
    return path


def markdown(measured: dict[str, Any]) -> str:
    """The table for people; a part of the model card."""
    lines = [
        (
            "| texts | GoEmotions dev | macro-F1 | same primary emotion"
            " | TweetEval sentiment val | macro recall | same polarity |"
        ),
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in measured["changes"].items():
        emotion = _cells(row["emotion_texts"], row["macro_f1"], row["same_primary"])
        polarity = _cells(row["polarity_texts"], row["macro_recall"], row["same_polarity"])
        lines.append(f"| {name} | {emotion} | {polarity} |")
    return "\n".join(lines) + "\n"


def _cells(texts: int, score: float, same: float) -> str:
    return f"{texts:,} | {score:.3f} | {same:.1%}" if texts else "0 | |"
