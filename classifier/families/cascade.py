"""A quick model answers what it is sure of; a slow one answers the rest.

How sure a model is of a text is the probability, by its own calibrated word, that its likeliest
answer is right: of a head with one label the largest probability, of one with several the product
over the labels of the larger of p and 1 - p; of several heads the product.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from classifier.families import members
from classifier.families.base import Budget, Model, Record, Task
from classifier.families.members import Member
from classifier.families.neural import WEIGHTS
from classifier.heads import HEADS, columns
from classifier.targets import probabilities
from classifier.vocabulary import Vocabulary
from stream.errors import UserError


@dataclass(frozen=True)
class Options:
    """What can be chosen of it."""

    quick: str = ""  # artifact folders
    slow: str = ""
    share: float = 0.3  # of the development texts that the slow model answers


@dataclass
class CascadeModel:
    """Two models, and how sure the first must be."""

    heads: tuple[str, ...]
    quick: Member
    slow: Member
    sure: float

    def logits(self, texts: Sequence[str]) -> Tensor:
        """See `base.Model`."""
        found = self.quick.corrected(texts, self.heads)
        rest = (sureness(found, self.heads) < self.sure).nonzero().flatten()
        if len(rest):
            found[rest] = self.slow.corrected([texts[n] for n in rest.tolist()], self.heads)
        return found

    def parameters(self) -> int:
        """See `base.Model`."""
        return self.quick.model.parameters() + self.slow.model.parameters()

    def save(self, folder: Path) -> dict[str, Any]:
        """See `base.Model`."""
        save_file({"sure": torch.tensor(self.sure, dtype=torch.float64)}, folder / WEIGHTS)
        return members.save(folder, [self.quick, self.slow])


def sureness(logits: Tensor, heads: Sequence[str]) -> Tensor:
    """How sure calibrated logits are of each text, (texts,), from 0 to 1."""
    said = probabilities(logits, heads)
    found = torch.ones(len(logits), dtype=logits.dtype)
    for name, where in columns(heads).items():
        part = said[:, where]
        found *= part.maximum(1 - part).prod(1) if HEADS[name].several else part.amax(1)
    return found


def threshold(sure: Tensor, share: float) -> float:
    """How sure the quick model must be so that the slow one answers a share of these texts."""
    if share <= 0 or not len(sure):
        return 0.0
    if share >= 1:
        return 2.0
    return float(torch.quantile(sure, share))


def fit(
    task: Task, options: Options, seed: int, run: Path, budget: Budget, *, quiet: bool
) -> tuple[Model, Record]:
    """See `base.Family`; it reads the two and places the threshold on the development texts."""
    del seed, run, budget, quiet
    if not (options.quick and options.slow):
        raise UserError("a cascade needs a quick model and a slow one")
    if not 0 <= options.share <= 1:
        raise UserError(f"cascade.share must be from 0 to 1, not {options.share:g}")
    started = time.monotonic()
    quick, slow = (members.read(Path(each), task.heads) for each in (options.quick, options.slow))
    texts = [text for name in task.heads for text in task.dev[name].texts]
    sure = threshold(sureness(quick.corrected(texts, task.heads), task.heads), options.share)
    return CascadeModel(task.heads, quick, slow, sure), Record(time.monotonic() - started)


def load(folder: Path, config: Mapping[str, Any], vocabulary: Vocabulary) -> Model:
    """See `base.Family`."""
    del vocabulary  # each member has its own
    heads = tuple(config["heads"])
    quick, slow = members.load(folder, config, heads)
    sure = float(load_file(folder / WEIGHTS)["sure"])
    if not math.isfinite(sure):
        raise ValueError("a threshold that is not finite")
    return CascadeModel(heads, quick, slow, sure)
