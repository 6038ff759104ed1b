"""What a wrong answer costs: plain, focal, class-balanced, or both.

Focal loss (Lin et al. 2017, "Focal Loss for Dense Object Detection") counts an answer less the
nearer it is already; class-balanced weights (Cui et al. 2019, "Class-Balanced Loss Based on
Effective Number of Samples") count a rare label more. Targets may be soft, from 0 to 1.
"""

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Loss = Literal["plain", "focal", "balanced", "balanced-focal"]


def effective_weights(counts: Tensor, beta: float) -> Tensor:
    """The class-balanced weight of each label, (labels,), 1 in the mean.

    A label seen n times has (1 - beta ** n) / (1 - beta) effective texts, and weighs one over
    that. One that was never seen weighs as one that was seen once.

    Args:
        counts: texts with each label, (labels,).
        beta: from 0, all labels alike, towards 1, one over the count.
    """
    effective: Tensor = (1 - torch.pow(beta, counts.double().clamp(min=1.0))) / (1 - beta)
    weights = effective.reciprocal()
    shared: Tensor = weights / weights.mean()
    return shared.float()


def of_texts(
    logits: Tensor, targets: Tensor, *, several: bool, gamma: float = 0.0, weights: Tensor | None
) -> Tensor:
    """The loss of each text, (texts,).

    Args:
        logits: of one head, (texts, labels).
        targets: the same shape, from 0 to 1.
        several: whether a text may bear several labels (sigmoid) or bears one (softmax).
        gamma: of the focal loss; 0 is the plain one.
        weights: of the labels, (labels,); of several labels they weigh what is there.
    """
    if several:
        each = functional.binary_cross_entropy_with_logits(
            logits, targets, pos_weight=weights, reduction="none"
        )
        if gamma:
            each = each * (targets - torch.sigmoid(logits)).abs().pow(gamma)
        return each.sum(1) / math.sqrt(logits.shape[1])
    log = logits.log_softmax(1)
    each = -targets * log
    if gamma:
        each = each * (1 - log.exp()).pow(gamma)
    if weights is not None:
        each = each * weights
    return each.sum(1)
