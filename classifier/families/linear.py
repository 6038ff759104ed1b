"""Linear layers over fixed features, fitted to the one best answer: what the cheap families end in.

A head is a logistic regression (one for each label where a text may bear several) with the squared
weights held down; the strength of that is chosen on dev.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from classifier.families.base import Task
from classifier.heads import HEADS
from classifier.scores import accuracy, counted
from classifier.targets import right
from classifier.thresholds import crossed_macro_f1

STRENGTHS = (1e-6, 1e-5, 1e-4, 1e-3)
"""Of the squared weights, a mean over the texts; the best on dev is taken."""


def regression(features: Tensor, targets: Tensor, *, several: bool, strength: float) -> Tensor:
    """The weights and, in the last column, the biases of a logistic regression.

    Args:
        features: (texts, features), float32.
        targets: (texts, labels), 0 or 1.
        several: whether a text may bear several labels.
        strength: what the squared weights cost.

    Returns:
        (labels, features + 1), float32.
    """
    labels = targets.shape[1]
    weight = torch.zeros(labels, features.shape[1] + 1, requires_grad=True)
    optimiser = torch.optim.LBFGS([weight], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        logits = functional.linear(features, weight[:, :-1], weight[:, -1])
        if several:
            fit = functional.binary_cross_entropy_with_logits(logits, targets, reduction="sum")
        else:
            fit = functional.cross_entropy(logits, targets, reduction="sum")
        total = fit / len(features) + strength * weight[:, :-1].square().sum()
        total.backward()  # type: ignore[no-untyped-call]  # untyped in torch
        return total

    optimiser.step(loss)  # type: ignore[no-untyped-call]  # untyped in torch
    return weight.detach()


def score(logits: Tensor, targets: Tensor, *, several: bool) -> float:
    """What choices on dev go by: crossed macro-F1 of several labels, accuracy of one."""
    if several:
        return crossed_macro_f1(torch.sigmoid(logits.double()), targets.double())
    chosen = functional.one_hot(logits.argmax(1), logits.shape[1]).double()
    return float(accuracy(counted(chosen, targets.double())))


def best(
    task: Task,
    fit: Callable[[str, Tensor, float], Any],
    ask: Callable[[str, Any], Tensor],
    strengths: Sequence[float] = STRENGTHS,
) -> dict[str, tuple[Any, float]]:
    """For each head what is fitted with the strength that is best on dev, and that strength.

    Args:
        task: what is to be learnt.
        fit: head, targets of its training texts and strength to what is fitted.
        ask: head and what was fitted to the logits of its development texts.
        strengths: to choose from.
    """
    found: dict[str, tuple[Any, float]] = {}
    for name in task.heads:
        several = HEADS[name].several
        learnt, held = right(name, task.train[name]), right(name, task.dev[name])
        highest = -1.0
        for strength in strengths:
            made = fit(name, learnt, strength)
            reached = score(ask(name, made), held, several=several)
            if reached > highest:
                highest, found[name] = reached, (made, strength)
    return found


def logits(features: Tensor, weights: Tensor) -> Tensor:
    """What `regression` made of features says, (texts, labels), float64."""
    return functional.linear(features, weights[:, :-1], weights[:, -1]).double()


def as_tensor(values: NDArray[Any]) -> Tensor:
    """An array as float32."""
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
