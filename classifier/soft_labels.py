"""Soft labels: what the teacher says of many texts, kept in a folder so that it is asked once.

SOFT/origin.json        which teacher said it
SOFT/00000.json         the texts of a part
SOFT/00000.safetensors  the teacher's logits for them, every head side by side, float16
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from classifier import checkpoint, repeats
from classifier.text import parts
from stream.errors import UserError

LONGEST = 160
"""Characters of an unlabelled text, at most: as long as those that raters labelled mostly are."""

ORIGIN = "origin.json"
PART = 10_000
"""Texts in a part; an interrupted run goes on with the next part."""


def texts_to_label(
    labelled: Iterable[str], unlabelled: Iterable[str], held_out: frozenset[str], limit: int
) -> Iterator[str]:
    """Yields texts to ask the teacher about, each once, and none of a held-out split.

    Args:
        labelled: texts that raters labelled; they come first.
        unlabelled: other texts; long ones are left out.
        held_out: keys of the texts to leave out.
        limit: how many texts at most.
    """
    seen = set(held_out)

    def fresh() -> Iterator[str]:
        short = (text for text in unlabelled if len(text) <= LONGEST)
        for text in chain(labelled, short):
            key = repeats.key(text)
            if key and key not in seen:
                seen.add(key)
                yield text

    return islice(fresh(), limit)


def write(
    folder: Path, texts: Iterable[str], label: Callable[[Sequence[str]], Tensor], teacher: str
) -> int:
    """Labels texts part by part; parts that are there are kept. Returns how many texts there are.

    Args:
        folder: where the parts go.
        texts: the texts, in an order that a later call repeats.
        label: texts to the teacher's logits, (texts, labels of all heads).
        teacher: names the teacher: the SHA-256 of its weights.

    Raises:
        UserError: the folder holds parts of other texts, or by another teacher.
    """
    folder.mkdir(parents=True, exist_ok=True)
    origin = folder / ORIGIN
    if not origin.exists():
        checkpoint.write_text(origin, json.dumps({"teacher": teacher}) + "\n")
    if json.loads(origin.read_text(encoding="utf-8")).get("teacher") != teacher:
        raise UserError(f"{folder} has the labels of another teacher; label into another folder")
    count = 0
    for number, part in enumerate(parts(texts, PART)):
        path = folder / f"{number:05}.safetensors"
        listed = path.with_suffix(".json")
        if path.exists():
            if json.loads(listed.read_text(encoding="utf-8")) != part:
                raise UserError(f"{listed} holds other texts; label into another folder")
        else:
            checkpoint.write_text(listed, json.dumps(part, ensure_ascii=False) + "\n")
            partial = path.with_suffix(".part")
            save_file({"logits": label(part).half()}, partial)
            partial.replace(path)
        count += len(part)
    return count


def read(folder: Path) -> tuple[list[str], Tensor]:
    """Every text and the teacher's logits, (texts, labels of all heads)."""
    texts: list[str] = []
    logits: list[Tensor] = []
    for path in sorted(folder.glob("*.safetensors")):
        texts += json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        logits.append(load_file(path)["logits"])
    if not texts:
        raise UserError(f"{folder} has no soft labels; make them with: python -m classifier label")
    return texts, torch.cat(logits)
