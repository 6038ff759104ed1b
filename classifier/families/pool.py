"""The texts of all heads in one pool, as ids, and batches of texts of like length."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from classifier.families.base import Task
from classifier.heads import columns, width
from classifier.targets import probabilities, right


@dataclass(frozen=True)
class Encoded:
    """Texts as ids."""

    ids: Tensor  # of all texts in a row, int32
    offsets: Tensor  # where each text starts, and the end of the last, (texts + 1,)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def lengths(self) -> Tensor:
        """The ids of each text, (texts,)."""
        return self.offsets.diff()

    def take(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Ids filled up with 0, and which of them count, (rows, longest) each.

        A text without ids counts as one of a single 0.
        """
        starts, lengths = self.offsets[rows], self.offsets.diff()[rows]
        place = torch.arange(max(int(lengths.max()), 1))
        there = place < lengths[:, None]
        at = (starts[:, None] + place).clamp(max=max(len(self.ids) - 1, 0))
        ids = self.ids[at].long() if len(self.ids) else torch.zeros_like(at)
        ids = ids.masked_fill(~there, 0)
        there[:, 0] = True
        return ids, there


class Encoder(Protocol):
    """Texts to ids."""

    def __call__(self, texts: Sequence[str]) -> Encoded:
        """The ids of texts; 0 fills up."""


def encoded(ids: Sequence[Sequence[int]]) -> Encoded:
    """Lists of ids, laid in a row."""
    flat = torch.tensor([number for one in ids for number in one], dtype=torch.int32)
    lengths = torch.tensor([len(one) for one in ids], dtype=torch.int64)
    return Encoded(flat, functional.pad(lengths.cumsum(0), (1, 0)))


@dataclass(frozen=True)
class Pool:
    """Texts, what is right of each, and of which heads that is known."""

    texts: Encoded
    targets: Tensor  # (texts, labels of the task's heads), float32, from 0 to 1
    known: Tensor  # (texts, heads), bool

    def __len__(self) -> int:
        return len(self.targets)


def training_pool(task: Task, encode: Encoder, trust: float) -> Pool:
    """Every training text once; a text of two sets has the labels of both.

    Args:
        task: what is to be learnt.
        encode: texts to ids.
        trust: share of the teacher in the target of a text that raters labelled, if there is one.
    """
    rows: dict[str, int] = {}
    for part in task.train.values():
        for text in part.texts:
            rows.setdefault(text, len(rows))
    for text in task.soft[0] if task.soft else ():
        rows.setdefault(text, len(rows))
    where = task.columns
    targets = torch.zeros(len(rows), width(task.heads))
    known = torch.zeros(len(rows), len(task.heads), dtype=torch.bool)
    taught = torch.zeros(len(rows), dtype=torch.bool)
    if task.soft:
        texts, logits = task.soft
        there = torch.tensor([rows[text] for text in texts], dtype=torch.int64)
        said, every = probabilities(logits.float()), columns()
        targets[there] = torch.cat([said[:, every[name]] for name in task.heads], 1)
        known[there] = True
        taught[there] = True
    for number, (name, part) in enumerate(task.train.items()):
        there = torch.tensor([rows[text] for text in part.texts], dtype=torch.int64)
        share = torch.where(taught[there], trust, 0.0)[:, None]
        gold = right(name, part)
        targets[there, where[name]] = share * targets[there, where[name]] + (1 - share) * gold
        known[there, number] = True
    return Pool(encode(list(rows)), targets, known)


def batches(
    lengths: Tensor, size: int, generator: torch.Generator | None = None, *, exact: bool = False
) -> Iterator[Tensor]:
    """Rows of like length, in batches of at most `size`, each row once.

    Args:
        lengths: of each text, (texts,).
        size: rows of a batch.
        generator: shuffles rows and batches; without one they come by length.
        exact: only texts of the very same length share a batch, so that nothing is filled up.
    """
    if not len(lengths):
        return
    if generator is None:
        order = lengths.argsort(stable=True)
    else:
        order = torch.randperm(len(lengths), generator=generator)
        stretch = len(order) if exact else size * 50
        parts = [part[lengths[part].argsort(stable=True)] for part in _parts(order, stretch)]
        order = torch.cat(parts)
    if exact:
        edges = (lengths[order].diff() != 0).nonzero().flatten() + 1
        groups = order.tensor_split(edges.tolist())
        found = [part for group in groups for part in _parts(group, size)]
    else:
        found = _parts(order, size)
    if generator is None:
        yield from found
        return
    for number in torch.randperm(len(found), generator=generator).tolist():
        yield found[number]


def _parts(rows: Tensor, size: int) -> list[Tensor]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]
