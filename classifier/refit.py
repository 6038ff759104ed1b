"""Some heads, fitted once more when the embedding is done.

Trained with all others, a head of few texts shares its steps with heads of many, and learns from a
teacher that knew no better. What the embedding makes of a text is then fixed, and a head over it
is a logistic regression with one best answer.
"""

import torch
from torch import Tensor
from torch.nn import functional

from classifier.heads import HEADS, columns
from classifier.model import CbowClassifier

DECAY = 1e-2
"""Of the squared weights; chosen on dev among powers of ten (docs/experiments.md)."""


def refit(model: CbowClassifier, head: str, texts: tuple[Tensor, Tensor, Tensor]) -> None:
    """Fits the rows of one head to what raters said, with the rest held still.

    Args:
        model: the trained model; the head's rows are replaced.
        head: its name.
        texts: ids, offsets and targets of the head's train texts.
    """
    ids, offsets, targets = texts
    rows = columns()[head]
    with torch.no_grad():
        bag = model.bag(ids.long(), offsets)
        seen = torch.cat([bag, functional.relu(model.hidden(bag))], 1)
        start = torch.cat([model.direct.weight[rows], model.indirect.weight[rows]], 1)
        weight, bias = start.clone().requires_grad_(), model.direct.bias[rows].clone()
    bias.requires_grad_()
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        logits = seen @ weight.T + bias
        if HEADS[head].several:
            total = functional.binary_cross_entropy_with_logits(logits, targets, reduction="sum")
            total = total / len(targets)
        else:
            total = functional.cross_entropy(logits, targets.argmax(1))
        total = total + DECAY * weight.square().sum()
        total.backward()  # type: ignore[no-untyped-call]  # untyped in torch
        return total

    optimiser.step(loss)  # type: ignore[no-untyped-call]  # untyped in torch
    with torch.no_grad():
        model.direct.weight[rows] = weight[:, : bag.shape[1]]
        model.indirect.weight[rows] = weight[:, bag.shape[1] :]
        model.direct.bias[rows] = bias
