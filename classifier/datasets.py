"""The declared data sets: where each file comes from, and how it is read.

A data folder holds the files under the paths declared here. Readers check nothing but the shape
of a line; sizes and checksums are checked where files are fetched (`classifier.download`).
"""

import csv
import gzip
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from classifier import text
from classifier.labels import POLARITIES
from stream.errors import UserError

_GOEMOTIONS = "https://github.com/google-research/google-research/raw/master/goemotions/data"
_TWEETEVAL = "https://raw.githubusercontent.com/cardiffnlp/tweeteval/main/datasets"
_TWEETEVAL_LICENCE = (
    "TweetEval is released without restrictions of its own; restrictions of the SemEval task and "
    "of X apply: research"
)


@dataclass(frozen=True)
class DataFile:
    """One file: its path in the data folder, and what the official one looks like."""

    path: str
    url: str
    size: int
    sha256: str


@dataclass(frozen=True)
class DataSet:
    """Files that belong together, and on what terms they are given."""

    name: str
    title: str
    home: str
    licence: str
    files: tuple[DataFile, ...]


@dataclass(frozen=True)
class Labelled:
    """Texts and, for each, the numbers of its labels."""

    texts: tuple[str, ...]
    targets: tuple[tuple[int, ...], ...]

    def __len__(self) -> int:
        return len(self.texts)


def _goemotions(name: str, size: int, sha256: str) -> DataFile:
    return DataFile(f"goemotions/{name}", f"{_GOEMOTIONS}/{name}", size, sha256)


def _tweeteval(path: str, size: int, sha256: str) -> DataFile:
    return DataFile(f"tweeteval/{path}", f"{_TWEETEVAL}/{path}", size, sha256)


DATA_SETS = (
    DataSet(
        "goemotions",
        "GoEmotions: Reddit comments with 28 emotions, several at once",
        "https://github.com/google-research/google-research/tree/master/goemotions",
        "CC BY 4.0",
        (
            _goemotions(
                "train.tsv",
                3519053,
                "1c254a142be5c00e80d819b9ae1bbd36d94b2eeb8f4b1271846508d57e57d9c5",
            ),
            _goemotions(
                "dev.tsv",
                439059,
                "575489c079c9de1097062a01738f998590d6b7ead66dd1c9fd1d2ba01fd8bc62",
            ),
            _goemotions(
                "test.tsv",
                436706,
                "0587b2dd8b27b97352adbfc3fb083d46005c8946657fdc2b1ca8b1cc7f1f8be4",
            ),
        ),
    ),
    DataSet(
        "sentiment",
        "TweetEval sentiment (SemEval-2017 4A): tweets, negative, neutral or positive",
        "https://github.com/cardiffnlp/tweeteval",
        _TWEETEVAL_LICENCE,
        (
            _tweeteval(
                "sentiment/train_text.txt",
                4970029,
                "368f01052ea6fd8ffc408a2a2e6ac9669e31542581a0396ef16591ea26eb98a6",
            ),
            _tweeteval(
                "sentiment/train_labels.txt",
                91230,
                "122bfb1732fb6995b0e5c5f726c0ba457c469c3b6e60513007ce5037f23e65d4",
            ),
            _tweeteval(
                "sentiment/val_text.txt",
                219137,
                "e5b021e6fc45064c260b09814b803d8f56cada519c4d952d72f43d48a350a964",
            ),
            _tweeteval(
                "sentiment/val_labels.txt",
                4000,
                "b4566926c72e2e4e2916c864def94e76c4cdde52446af2c7ba4fc2006e057e51",
            ),
            _tweeteval(
                "sentiment/test_text.txt",
                1156877,
                "09a93a55c63fd93f97485ef7302889d7edb4091cd49733aa37da094f0bfa0675",
            ),
            _tweeteval(
                "sentiment/test_labels.txt",
                24568,
                "6afb4afe9374d1f983bcf9a7c79b108d0f37fdf020a83f30488309bed215db9d",
            ),
        ),
    ),
    DataSet(
        "emoji",
        "TweetEval emoji: tweets and which of 20 emoji stood in them; an exercise in training",
        "https://github.com/cardiffnlp/tweeteval",
        _TWEETEVAL_LICENCE,
        (
            _tweeteval(
                "emoji/train_text.txt",
                3353167,
                "eacb6b0ee1fe2803d72a009c2e731fe07659f604318a979951d2f07c23c564a1",
            ),
            _tweeteval(
                "emoji/train_labels.txt",
                102760,
                "daee7da826683dbfa50ad3a29c60bc527e498f06c70eabee3745a99cc37ab3a5",
            ),
        ),
    ),
)

REBUILT = DataFile(
    "tweeteval/sentiment/train_rebuilt.tsv.gz",
    "",
    2654406,
    "9e8ff61c2516da55b7fb6d58367766007a105d1314f27fec0a60a19226f85c47",
)
"""Stands in for sentiment's two train files where those are not at hand; not fetched."""


def goemotions(folder: Path, split: str) -> Labelled:
    """Reads GoEmotions; split is train, dev or test."""
    rows = [line.split("\t") for line in _lines(folder / f"goemotions/{split}.tsv")]
    return Labelled(
        tuple(row[0] for row in rows),
        tuple(tuple(int(label) for label in row[1].split(",")) for row in rows),
    )


def sentiment(folder: Path, split: str) -> Labelled:
    """Reads TweetEval sentiment; split is train, val or test."""
    if split == "train" and sentiment_is_rebuilt(folder):
        with gzip.open(folder / REBUILT.path, "rb") as stream:
            reader = csv.DictReader(
                io.TextIOWrapper(stream, encoding="utf-8", newline="\n"),
                delimiter="\t",
                quoting=csv.QUOTE_NONE,
            )
            rows = [(row["text"], POLARITIES.index(row["label"])) for row in reader]
        return Labelled(tuple(row[0] for row in rows), tuple((row[1],) for row in rows))
    return _tweeteval_split(folder / "tweeteval/sentiment", split)


def sentiment_is_rebuilt(folder: Path) -> bool:
    """Whether the folder has the rebuilt train split in place of the official one."""
    official = folder / "tweeteval/sentiment/train_text.txt"
    return not official.exists() and (folder / REBUILT.path).exists()


def emoji(folder: Path, split: str) -> Labelled:
    """Reads TweetEval emoji; only train is declared."""
    return _tweeteval_split(folder / "tweeteval/emoji", split)


def held_out_keys(folder: Path) -> frozenset[str]:
    """The keys of every text in a dev, val or test split that is reported on or chosen by."""
    splits = (
        goemotions(folder, "dev"),
        goemotions(folder, "test"),
        sentiment(folder, "val"),
        sentiment(folder, "test"),
    )
    return frozenset(text.key(each) for split in splits for each in split.texts)


def without(data: Labelled, keys: frozenset[str]) -> Labelled:
    """Drops the rows whose text, once normalised, is among the keys."""
    kept = [
        row for row in zip(data.texts, data.targets, strict=True) if text.key(row[0]) not in keys
    ]
    return Labelled(tuple(row[0] for row in kept), tuple(row[1] for row in kept))


TRAINING: dict[str, Callable[[Path, str], Labelled]] = {
    "emotion": goemotions,
    "polarity": sentiment,
    "emoji": emoji,
}
"""The reader behind each head's train split."""


def training(folder: Path) -> dict[str, Labelled]:
    """Reads every train split, less the texts that are in a held-out split."""
    keys = held_out_keys(folder)
    return {head: without(read(folder, "train"), keys) for head, read in TRAINING.items()}


def corpus(path: Path) -> Iterator[str]:
    """Yields the texts of an unlabelled corpus: the last column of a .tsv or .tsv.gz, or lines."""
    table = ".tsv" in path.suffixes
    for number, line in enumerate(_lines(path)):
        if table and number == 0 and line.endswith("\ttext"):
            continue  # the header
        yield line.rpartition("\t")[2] if table else line


def used_files(folder: Path) -> list[Path]:
    """The files that training and evaluation read from this folder."""
    paths = [file.path for each in DATA_SETS for file in each.files]
    if sentiment_is_rebuilt(folder):
        paths = [path for path in paths if "sentiment/train" not in path] + [REBUILT.path]
    return [folder / path for path in sorted(paths)]


def _tweeteval_split(folder: Path, split: str) -> Labelled:
    texts = _lines(folder / f"{split}_text.txt")
    labels = _lines(folder / f"{split}_labels.txt")
    if len(texts) != len(labels):
        raise UserError(
            f"{folder}: {split} has {len(texts)} texts and {len(labels)} labels;"
            " fetch it again with: python -m classifier download"
        )
    return Labelled(tuple(texts), tuple((int(label),) for label in labels))


def _lines(path: Path) -> list[str]:
    """The lines of a UTF-8 file, split at newlines only."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UserError(
            f"{path} is not there; fetch it with: python -m classifier download,"
            " or name a folder that has it in EMOSTREAM_DATA_DIR"
        ) from None
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    return content.decode("utf-8").removesuffix("\n").split("\n")
