"""What `look` looks at: a labelled set or posts, with a model's word on them."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import torch
from torch import Tensor

from classifier import answers, datasets, heads, targets
from classifier.answers import Answers
from classifier.heads import HEADS
from classifier.lab.shapes import Sample
from classifier.predictor import Predictor
from stream.errors import UserError

POSTS = 20_000
"""Posts that are looked at, at most: they are held in memory."""


@dataclass(frozen=True)
class View:
    """What is looked at: texts with labels, and a model."""

    name: str
    head: str
    model: Predictor
    texts: Sequence[str]
    right: Tensor  # (texts, labels)
    source: str  # whose labels they are
    said: Answers | None = None  # of the dev split, of a labelled set
    times: Sequence[datetime | None] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """Of the head."""
        return HEADS[self.head].labels


def of_set(name: str, data: Path, model: Predictor) -> View:
    """A labelled set, by the head that learns from it.

    Raises:
        UserError: there is no such head, or its files are not there.
    """
    if name not in HEADS:
        raise UserError(f"--data {name}: write one of {', '.join(HEADS)}")
    if name not in heads.trainable(data):
        missing = [
            file.path
            for each in datasets.DATA_SETS
            if each.head == name
            for file in datasets.missing(each, data)
        ]
        raise UserError(f"--data {name}: {data} has no {', '.join(missing)}")
    train, dev = (HEADS[name].read(data, split) for split in ("train", "dev"))
    said = None
    if name in model.artifact.calibration.heads and len(dev):
        said = answers.of_split(model.artifact, model, name, dev)
    right = targets.right(name, train)
    return View(f"{name}, train split", name, model, train.texts, right, "the data set", said)


def of_posts(name: str, posts: Iterator[Sample], model: Predictor) -> View:
    """Posts, with the emotions that the model gives them.

    Raises:
        UserError: there is none.
    """
    found = list(posts)
    if not found:
        raise UserError(f"--from {name}: no post there")
    said = model.label([one.text for one in found], [one.language for one in found])
    right = torch.from_numpy(said.given["emotion"]).double()
    times = [one.time for one in found]
    texts = [one.text for one in found]
    return View(name, "emotion", model, texts, right, "the model", None, times)


def history_of(run: Path) -> list[dict[str, float]]:
    """What the training of a run measured, an epoch a row; nothing where it left no such file."""
    path = (run.parent if run.name == "artifact" else run) / "history.json"
    if not path.exists():
        return []
    found: list[dict[str, float]] = json.loads(path.read_text(encoding="utf-8"))
    return found
