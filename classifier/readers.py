"""Reads the labelled data sets: a folder and a split to texts and the numbers of their labels.

Every reader knows the splits train, dev and test of its set and gives texts as published. A file
that is missing, or a row that is not as declared, is a `UserError` that names file and row.
"""

import csv
import gzip
import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Literal, TypeVar

from classifier import datasets, repeats
from classifier.labels import AFFECTS, EMOTION6, EMOTIONS, POLARITIES, TOPICS, TWEET_EMOTIONS
from stream.errors import UserError

Split = Literal["train", "dev", "test"]
Row = tuple[str, tuple[int, ...]]
Raw = TypeVar("Raw")


@dataclass(frozen=True)
class Labelled:
    """Texts and, for each, the numbers of its labels."""

    texts: tuple[str, ...]
    targets: tuple[tuple[int, ...], ...]

    def __len__(self) -> int:
        return len(self.texts)


def without(data: Labelled, keys: frozenset[str]) -> Labelled:
    """Drops the rows whose text is, by `repeats.key`, among the keys."""
    every = zip(data.texts, data.targets, strict=True)
    return _labelled([row for row in every if repeats.key(row[0]) not in keys])


def goemotions(folder: Path, split: Split) -> Labelled:
    """GoEmotions: Reddit comments, one or several of 28 labels."""
    path = folder / f"goemotions/{split}.tsv"

    def row(line: str) -> Row:
        one, numbers, _ = line.split("\t")
        return one, tuple(_number(each, EMOTIONS) for each in numbers.split(","))

    return _read(path, lines(path), row, "a text, numbers of labels from 0 to 27, an id")


def sentiment(folder: Path, split: Split) -> Labelled:
    """TweetEval sentiment: tweets, one of three polarities."""
    if split != "train" or not datasets.sentiment_is_rebuilt(folder):
        return _tweeteval(folder / "tweeteval/sentiment", split, POLARITIES)
    return _tweets_with_source(folder / datasets.REBUILT.path)


def sentiment_more_dev(folder: Path) -> Labelled:
    """The 2016 development tweets that TweetEval leaves out; none where their file is missing."""
    path = folder / datasets.MORE_DEV.path
    return _tweets_with_source(path) if path.exists() else Labelled((), ())


def _tweets_with_source(path: Path) -> Labelled:
    def row(fields: Mapping[str, str]) -> Row:
        return fields["text"], (POLARITIES.index(fields["label"]),)

    return _read(path, _tab_separated(path), row, f"a text, a label of {_any(POLARITIES)}")


def tweet_emotion(folder: Path, split: Split) -> Labelled:
    """TweetEval emotion: tweets, one of four emotions."""
    return _tweeteval(folder / "tweeteval/emotion", split, TWEET_EMOTIONS)


def emotion6(folder: Path, split: Split) -> Labelled:
    """The 6-class emotion set: short lower-case texts, one of six emotions."""
    path = folder / f"emotion6/{'validation' if split == 'dev' else split}.txt"

    def row(line: str) -> Row:
        one, _, label = line.rpartition(";")
        return one, (EMOTION6.index(label),)

    return _read(path, lines(path), row, f"TEXT;LABEL with a label of {_any(EMOTION6)}")


def affect(folder: Path, split: Split) -> Labelled:
    """SemEval-2018 E-c: tweets, several of eleven emotions or none; no test split is declared."""
    if split == "test":
        return _labelled([])
    path = folder / f"semeval2018-ec/{split}.tsv"

    def row(fields: Mapping[str, str]) -> Row:
        return fields["Tweet"], _set(fields, AFFECTS)

    return _read(path, _tab_separated(path), row, "a Tweet, and 0 or 1 for each of 11 emotions")


def suggestion(folder: Path, split: Split) -> Labelled:
    """SemEval-2019 task 9 A: forum sentences that suggest something (label 0) or not (no label).

    The official test split is not declared: a tenth of the train split, by the digest of the
    normalised text so that repeats stay together, stands in; dev is the official trial split.
    """
    path = folder / f"semeval2019-suggestion/{'trial' if split == 'dev' else 'train'}.csv"

    def row(fields: Mapping[str, str]) -> Row:
        return fields["sentence"], (0,) if _flag(fields["label"]) else ()

    every = _read(path, _comma_separated(path), row, "a sentence, and a label of 0 or 1")
    return every if split == "dev" else _tenth(every, inside=split == "test")


def topic(folder: Path, split: Split) -> Labelled:
    """X-Topic, English: tweets, several of 19 topic domains.

    Test is the validation split of the published fold; dev is a tenth of its train split.
    """
    path = folder / f"topics/xtopic_en_{'validation' if split == 'test' else 'train'}.csv"

    def row(fields: Mapping[str, str]) -> Row:
        return fields["text"], _set(fields, TOPICS)

    every = _read(path, _comma_separated(path), row, "a text, and 0 or 1 for each of 19 topics")
    return every if split == "test" else _tenth(every, inside=split == "dev")


def corpora(folder: Path) -> Iterator[str]:
    """Yields the texts of the unlabelled corpora that the folder has, in turn from each."""
    paths = (folder / file.path for each in datasets.CORPORA for file in each.files)
    for texts in zip_longest(*(corpus(path) for path in paths if path.exists())):
        yield from (text for text in texts if text is not None)


def corpus(path: Path) -> Iterator[str]:
    """Yields the texts of one corpus: the last column of a .tsv or .tsv.gz, or lines."""
    table = ".tsv" in path.suffixes
    for number, line in enumerate(lines(path)):
        if table and number == 0 and line.endswith("\ttext"):
            continue  # the header
        yield line.rpartition("\t")[2] if table else line


def lines(path: Path) -> list[str]:
    """The lines of a UTF-8 file, plain or .gz, split at newlines only."""
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        return content.decode("utf-8").removesuffix("\n").split("\n")
    except FileNotFoundError:
        raise UserError(
            f"{path} is not there; fetch it with: python -m classifier download,"
            " or name a folder that has it in EMOSTREAM_DATA_DIR"
        ) from None
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError) as error:
        fault = "not UTF-8" if isinstance(error, UnicodeDecodeError) else "not whole"
        raise UserError(f"{path} is {fault}; {_AGAIN}") from None


_AGAIN = "take it away and fetch it again with: python -m classifier download"


def _tweeteval(folder: Path, split: Split, labels: Sequence[str]) -> Labelled:
    """A TweetEval folder: texts and numbers of labels in two files, a line each."""
    name = "val" if split == "dev" else split
    texts, path = lines(folder / f"{name}_text.txt"), folder / f"{name}_labels.txt"
    numbers = lines(path)
    if len(texts) != len(numbers):
        raise UserError(
            f"{folder}: {name} has {len(texts)} texts and {len(numbers)} labels; {_AGAIN}"
        )

    def row(pair: tuple[str, str]) -> Row:
        return pair[0], (_number(pair[1], labels),)

    pairs = zip(texts, numbers, strict=True)
    return _read(path, pairs, row, f"the number of a label from 0 to {len(labels) - 1}")


def _read(path: Path, rows: Iterable[Raw], parse: Callable[[Raw], Row], wanted: str) -> Labelled:
    """Parses every row; the first that is not as wanted is named, without its text."""
    found = []
    for number, row in enumerate(rows, 1):
        try:
            found.append(parse(row))
        except (ValueError, KeyError):
            raise UserError(f"{path}, row {number}: wanted {wanted}; {_AGAIN}") from None
    return _labelled(found)


def _labelled(rows: list[Row]) -> Labelled:
    return Labelled(tuple(one for one, _ in rows), tuple(numbers for _, numbers in rows))


def _tenth(data: Labelled, *, inside: bool) -> Labelled:
    """The tenth of the rows that the digest of the text picks, or the others."""
    every = zip(data.texts, data.targets, strict=True)
    return _labelled([row for row in every if _in_tenth(row[0]) == inside])


def _in_tenth(one: str) -> bool:
    return hashlib.sha256(repeats.key(one).encode()).digest()[0] % 10 == 0


def _tab_separated(path: Path) -> Iterator[dict[str, str]]:
    """Rows by the header's names; quotes are text."""
    return _whole(csv.DictReader(lines(path), delimiter="\t", quoting=csv.QUOTE_NONE))


def _comma_separated(path: Path) -> Iterator[dict[str, str]]:
    """Rows by the header's names; a quoted field may hold commas, quotes and newlines."""
    return _whole(csv.DictReader(io.StringIO("\n".join(lines(path)), newline="")))


def _whole(rows: "csv.DictReader[str]") -> Iterator[dict[str, str]]:
    """Rows with a field for each name; others come without fields, and so are refused."""
    for row in rows:
        yield {} if None in row or None in row.values() else row


def _set(row: Mapping[str, str], labels: Sequence[str]) -> tuple[int, ...]:
    return tuple(number for number, label in enumerate(labels) if _flag(row[label]))


def _flag(value: str) -> bool:
    return bool(("0", "1").index(value))


def _number(value: str, labels: Sequence[str]) -> int:
    return range(len(labels)).index(int(value))


def _any(labels: Sequence[str]) -> str:
    return ", ".join(labels)
