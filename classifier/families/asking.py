"""A module asked about texts, and measured on the development texts."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from classifier import targets
from classifier.families import loss as losses
from classifier.families.base import Task
from classifier.families.pool import Encoded, Encoder, Pool, batches
from classifier.heads import HEADS
from classifier.scores import accuracy, counted
from classifier.targets import probabilities
from classifier.thresholds import crossed_macro_f1


def in_batches(
    module: nn.Module, texts: Encoded, *, exact: bool, size: int = 128
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Rows, ids and mask of texts of like length, where the module is, which is to answer them."""
    module.eval()
    where = next(module.parameters()).device
    for batch in batches(texts.lengths(), size, exact=exact):
        ids, mask = texts.take(batch)
        yield batch, ids.to(where), mask.to(where)


@torch.no_grad()
def ask(module: nn.Module, texts: Encoded, *, exact: bool, size: int = 128) -> Tensor:
    """The logits of texts, in order, (texts, labels), float64.

    Args:
        module: on any device.
        texts: their ids.
        exact: as in `batches`.
        size: texts at once.
    """
    rows, parts = [], []
    for batch, ids, mask in in_batches(module, texts, exact=exact, size=size):
        parts.append(module(ids, mask).cpu().double())
        rows.append(batch)
    found = torch.zeros(len(texts), parts[0].shape[1] if parts else 0, dtype=torch.float64)
    if parts:
        found[torch.cat(rows)] = torch.cat(parts)
    return found


def measure(
    module: nn.Module, task: Task, dev: Mapping[str, Pool], *, exact: bool
) -> dict[str, float]:
    """Loss and score on the development texts, each the mean over the heads.

    The score of several labels is macro-F1 with thresholds of the other half, of one accuracy.
    """
    loss, score = [], []
    for name, part in dev.items():
        logits = ask(module, part.texts, exact=exact)[:, task.columns[name]]
        several, right = HEADS[name].several, part.targets.double()
        each = losses.of_texts(logits, right, several=several, weights=None)
        loss.append(float(each.mean()))
        said = probabilities(logits, [name])
        if several:
            score.append(crossed_macro_f1(said, right))
        else:
            chosen = functional.one_hot(said.argmax(1), said.shape[1]).double()
            score.append(float(accuracy(counted(chosen, right))))
    return {"dev_loss": sum(loss) / len(loss), "dev_score": sum(score) / len(score)}


def dev_pools(task: Task, encode: Encoder) -> dict[str, Pool]:
    """Head to its development texts."""
    found = {}
    for name in task.heads:
        part = task.dev[name]
        right = targets.right(name, part)
        found[name] = Pool(encode(part.texts), right, torch.ones(len(part), 1, dtype=torch.bool))
    return found
