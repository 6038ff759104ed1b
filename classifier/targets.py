"""What is right of a head's texts, and what logits say of it, as tensors of one shape."""

from collections.abc import Iterable

import torch
from torch import Tensor

from classifier.heads import HEADS, columns, width
from classifier.readers import Labelled
from classifier.scores import one_hot


def right(head: str, part: Labelled) -> Tensor:
    """The labels of each text of a head as zeros and ones, (texts, labels), float32."""
    return one_hot(part.targets, width([head])).float()


def probabilities(logits: Tensor, heads: Iterable[str] = HEADS) -> Tensor:
    """The logits of some heads side by side as probabilities, before calibration."""
    parts = [
        torch.sigmoid(logits[:, where]) if HEADS[name].several else logits[:, where].softmax(1)
        for name, where in columns(heads).items()
    ]
    return torch.cat(parts, 1)
