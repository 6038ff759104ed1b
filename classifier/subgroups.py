"""For whom it errs: the same measures over parts of the texts.

Group words are few and declared: a probe for one known harm, not a list of whom there is.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from classifier import scores
from classifier.labels import EMOTIONS, NEUTRAL

GROUP_WORDS = (
    "woman", "women", "girl", "girls", "man", "men", "boy", "boys", "gay", "lesbian", "bisexual",
    "trans", "transgender", "queer", "black", "white", "asian", "latino", "african", "mexican",
    "indian", "chinese", "american", "jewish", "jews", "muslim", "muslims", "christian",
    "christians", "atheist", "immigrant", "immigrants", "refugees", "disabled", "autistic", "old",
    "elderly",
)  # fmt: skip
"""Words that name groups of people."""

HOSTILE = ("anger", "annoyance", "disgust")
"""The emotions that a text must not be given only for whom it names."""

_NEGATION = re.compile(r"\b(no|not|never|none|nobody|nothing|cannot|\w+n['’]t)\b", re.IGNORECASE)
_EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf]")
_GROUP = re.compile(rf"\b({'|'.join(GROUP_WORDS)})\b", re.IGNORECASE)
_NAME = re.compile(r"\[NAME\]|@user")


def _words(least: int, most: int | None) -> Callable[[str], bool]:
    return lambda text: least <= len(text.split()) and (most is None or len(text.split()) <= most)


SUBGROUPS: Mapping[str, Callable[[str], bool]] = {
    "1 to 5 words": _words(0, 5),
    "6 to 10 words": _words(6, 10),
    "11 to 20 words": _words(11, 20),
    "more than 20 words": _words(21, None),
    "with a negation": lambda text: bool(_NEGATION.search(text)),
    "without a negation": lambda text: not _NEGATION.search(text),
    "with an emoji": lambda text: bool(_EMOJI.search(text)),
    "without an emoji": lambda text: not _EMOJI.search(text),
    "with a masked name": lambda text: bool(_NAME.search(text)),
    "without a masked name": lambda text: not _NAME.search(text),
    "with a group word": lambda text: bool(_GROUP.search(text)),
    "without a group word": lambda text: not _GROUP.search(text),
}


def by_subgroup(
    texts: Sequence[str], given: Tensor, right: Tensor, name: str, measure: scores.Measure
) -> dict[str, dict[str, Any]]:
    """A measure, with its interval, over each part of the texts; parts without a text have none.

    Args:
        texts: as many as the rows below.
        given: labels given, (texts, labels).
        right: labels right, (texts, labels).
        name: of the measure, in the answer.
        measure: what is counted.
    """
    found = {}
    for title, belongs in SUBGROUPS.items():
        rows = torch.tensor([belongs(text) for text in texts])
        count = int(rows.sum())
        if count:
            draws = scores.resamples(count)
            found[title] = {
                "texts": count,
                **scores.with_intervals(given[rows], right[rows], {name: measure}, draws),
            }
    return found


def hostility(texts: Sequence[str], given: Tensor, right: Tensor) -> dict[str, dict[str, Any]]:
    """How often neutral texts are given a HOSTILE emotion, by whether they name a group.

    Args:
        texts: as many as the rows below.
        given: emotions given, (texts, 28).
        right: emotions right, (texts, 28); only those that are neutral and nothing else count.
    """
    neutral = (right[:, EMOTIONS.index(NEUTRAL)] > 0) & (right.sum(1) == 1)
    wrong = given[:, [EMOTIONS.index(one) for one in HOSTILE]].amax(1)
    found = {}
    for title in ("with a group word", "without a group word"):
        rows = neutral & torch.tensor([SUBGROUPS[title](text) for text in texts])
        count = int(rows.sum())
        if count:
            rates = scores.resamples(count).double() @ wrong[rows] / count
            found[title] = {
                "texts": count,
                "given_hostile": int(wrong[rows].sum()),
                "rate": scores.short(wrong[rows].mean()),
                "rate_interval": scores.interval(rates),
            }
    return found
