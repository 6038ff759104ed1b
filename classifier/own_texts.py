"""Texts labelled beside the data sets: by people (`review`), by hashtags, or by a model.

A file has a JSON object a line: `text`, `labels`, who gave them (`by`), and the `key` of the post.
A line whose labels are null was skipped by a reviewer. They join train splits, and no other. What
people say of a text counts alone; hashtags and models count where no person has said anything.
"""

import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from classifier import readers, repeats
from classifier.labels import EMOTIONS, SUGGESTIONS
from classifier.readers import Labelled
from stream.errors import UserError

KNOWN = {"emotion": EMOTIONS, "suggestion": SUGGESTIONS}
"""The heads that such texts teach."""

HASHTAGS = "hashtags"
"""Who gave the labels of a distant set; a review has `at`, too, whatever its reviewer is called."""


def added(
    labelled: Mapping[str, Labelled], files: Iterable[Path], held_out: frozenset[str]
) -> dict[str, Labelled]:
    """The train splits with the texts of some files; these win over a split's same text.

    Args:
        labelled: head to its train split.
        files: as described above.
        held_out: keys of the texts of dev and test splits, which never train.

    Raises:
        UserError: a line is not as declared, or all its labels are of heads that are not trained.
    """
    found = dict(labelled)
    own = read(files)
    if lost := set(own) - set(labelled):
        raise UserError(f"labels of {', '.join(sorted(lost))}, whose own files are not there")
    for head, more in own.items():
        more = readers.without(more, held_out)
        mine = readers.without(labelled[head], frozenset(map(repeats.key, more.texts)))
        found[head] = Labelled(mine.texts + more.texts, mine.targets + more.targets)
    return found


def read(files: Iterable[Path]) -> dict[str, Labelled]:
    """Head to the texts of some files, each once, with the labels that most people gave.

    Of one reviewer's answers to a text the last one counts. A text whose labels reach no majority
    is left out. Hashtags and models are asked, in the same way, of texts without a person's word.
    """
    texts: dict[str, str] = {}
    people: dict[str, dict[str, tuple[str, ...]]] = defaultdict(dict)
    others: dict[str, dict[str, tuple[str, ...]]] = defaultdict(dict)
    for file in files:
        for row in rows(file):
            if not (key := repeats.key(row["text"])):
                continue
            texts.setdefault(key, row["text"])
            by = str(row.get("by", file.name))
            votes = others if _by_machine(row) else people
            if row["labels"] is None:
                votes[key].pop(by, None)
            else:
                votes[key][by] = tuple(row["labels"])
    found: dict[str, list[tuple[str, tuple[int, ...]]]] = defaultdict(list)
    for key in texts:
        given = people.get(key) or others.get(key) or {}
        counts = Counter(label for labels in given.values() for label in labels)
        agreed = {label for label, count in counts.items() if 2 * count > len(given)}
        for head, names in KNOWN.items():
            if targets := tuple(n for n, name in enumerate(names) if name in agreed):
                found[head].append((texts[key], targets))
    return {
        head: Labelled(tuple(text for text, _ in part), tuple(targets for _, targets in part))
        for head, part in found.items()
    }


def _by_machine(row: Mapping[str, Any]) -> bool:
    return "at" not in row and (row.get("by") == HASHTAGS or "probability" in row)


def write(path: Path, made: Iterable[Mapping[str, Any]]) -> None:
    """Replaces a file of such lines in one step, for its owner alone: it holds what people wrote.

    Raises:
        UserError: it cannot be written.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.unlink(missing_ok=True)
        opened = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(opened, "w", encoding="utf-8", newline="\n") as stream:  # noqa: PTH123 - of a descriptor
            stream.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in made)
        partial.replace(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from None


def rows(file: Path) -> Iterator[dict[str, Any]]:
    """The lines of a file, checked.

    Raises:
        UserError: naming file and line, never the text.
    """
    known = {label for labels in KNOWN.values() for label in labels}
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UserError(f"{file}: cannot be read: {reason}") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict) or not isinstance(row.get("text"), str):
            raise UserError(f"{file}, line {number}: wanted a JSON object with text and labels")
        labels = row.get("labels")
        right = isinstance(labels, list) and labels and all(
            isinstance(one, str) and one in known for one in labels
        )  # fmt: skip
        if not right and (labels is not None or "labels" not in row):
            raise UserError(
                f"{file}, line {number}: labels must be some of the 28 emotions and suggestion, or"
                " null where the text was skipped"
            )
        yield row
