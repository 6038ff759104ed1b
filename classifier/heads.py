"""The heads: what each says, and the labelled texts it learns from.

Adding a head is one entry here, a reader in `classifier.readers`, and the files it reads in
`classifier.datasets`. A head whose files are not all in the data folder is left out of training.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from classifier import datasets, labels, readers, repeats
from classifier.readers import Labelled, Split

REQUIRED = ("emotion", "polarity")
"""The head that no model goes without: epochs and models are compared by its dev split."""

HELD_OUT: tuple[Split, Split] = ("dev", "test")


@dataclass(frozen=True)
class Head:
    """One label set over the shared embedding."""

    name: str
    labels: tuple[str, ...]
    several: bool  # a text may bear several labels (sigmoid) or bears one (softmax)
    ships: bool  # whether the artifact answers with it, or it serves only to learn and measure
    read: Callable[[Path, Split], Labelled]
    refit: bool = False  # fitted once more, alone, when the embedding is done


HEADS = {
    head.name: head
    for head in (
        Head("emotion", labels.EMOTIONS, True, True, readers.goemotions),
        Head("polarity", labels.POLARITIES, False, True, readers.sentiment),
        Head("suggestion", labels.SUGGESTIONS, True, True, readers.suggestion),
        Head("topic", labels.TOPICS, True, True, readers.topic, refit=True),
        Head("emotion6", labels.EMOTION6, False, False, readers.emotion6, refit=True),
        Head(
            "tweet_emotion", labels.TWEET_EMOTIONS, False, False, readers.tweet_emotion, refit=True
        ),
        Head("affect", labels.AFFECTS, True, False, readers.affect),
    )
}


def columns(names: Iterable[str] = HEADS) -> dict[str, slice]:
    """Where each head's labels stand when the logits of some heads stand side by side."""
    found, start = {}, 0
    for name in names:
        found[name] = slice(start, start + len(HEADS[name].labels))
        start = found[name].stop
    return found


def width(names: Iterable[str]) -> int:
    """How many labels some heads have together."""
    return sum(len(HEADS[name].labels) for name in names)


def trainable(folder: Path) -> tuple[str, ...]:
    """The heads that this data folder has every file for, in declared order."""
    whole = {each.head for each in datasets.DATA_SETS if not datasets.missing(each, folder)}
    return tuple(name for name in HEADS if name in whole)


def left_out(folder: Path) -> str:
    """One line for the user on the heads that cannot be trained from this folder, or nothing."""
    lacking = {
        each.head: ", ".join(file.path for file in datasets.missing(each, folder))
        for each in datasets.DATA_SETS
    }
    heads = [f"{name} (no {lacking[name]})" for name in HEADS if lacking[name]]
    return f"left out: {'; '.join(heads)}" if heads else ""


def to_calibrate(folder: Path, name: str) -> Labelled:
    """The texts that a head's probabilities and thresholds are fitted on: its dev split.

    Of polarity also tweets of another year: fitted on one year's, it is not honest about others'.
    """
    dev = HEADS[name].read(folder, "dev")
    if name != "polarity":
        return dev
    more = readers.sentiment_more_dev(folder)
    return Labelled(dev.texts + more.texts, dev.targets + more.targets)


def held_out_keys(folder: Path) -> frozenset[str]:
    """The keys of every text of a dev or test split, of every head that the folder has files for.

    Whatever is reported on or chosen by is among them, for all heads at once: TweetEval emotion,
    for one, is cut from the tweets of SemEval E-c. Texts of signs only have no key.
    """
    splits = [HEADS[name].read(folder, split) for name in trainable(folder) for split in HELD_OUT]
    splits.append(readers.sentiment_more_dev(folder))
    return frozenset(repeats.key(each) for split in splits for each in split.texts) - {""}


def training(folder: Path) -> dict[str, Labelled]:
    """Head to the texts of its train split, less those that are in any held-out split.

    Raises:
        UserError: the files of the required head are not there, or a file is not as declared.
    """
    keys = held_out_keys(folder)
    names = dict.fromkeys((*REQUIRED, *trainable(folder)))
    return {name: readers.without(HEADS[name].read(folder, "train"), keys) for name in names}
