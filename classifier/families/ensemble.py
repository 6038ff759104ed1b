"""The mean of the probabilities of other models, each calibrated for itself."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from classifier.families import members
from classifier.families.base import Budget, Model, Record, Task
from classifier.families.members import Member
from classifier.families.neural import WEIGHTS
from classifier.heads import HEADS, columns
from classifier.targets import probabilities
from classifier.vocabulary import Vocabulary
from stream.errors import UserError

LEAST = 1e-6
"""Probabilities are kept this far from 0 and 1, so that they have logits."""


@dataclass(frozen=True)
class Options:
    """What can be chosen of it."""

    members: tuple[str, ...] = ()  # artifact folders


@dataclass
class EnsembleModel:
    """Some models."""

    heads: tuple[str, ...]
    members: list[Member]

    def logits(self, texts: Sequence[str]) -> Tensor:
        """See `base.Model`: the logits of the mean probabilities."""
        said = [
            probabilities(member.corrected(texts, self.heads), self.heads)
            for member in self.members
        ]
        mean = torch.stack(said).mean(0).clamp(LEAST, 1 - LEAST)
        parts = [
            torch.logit(mean[:, where]) if HEADS[name].several else mean[:, where].log()
            for name, where in columns(self.heads).items()
        ]
        return torch.cat(parts, 1)

    def parameters(self) -> int:
        """See `base.Model`."""
        return sum(member.model.parameters() for member in self.members)

    def save(self, folder: Path) -> dict[str, Any]:
        """See `base.Model`."""
        count = len(self.members)
        save_file({"shares": torch.full((count,), 1 / count)}, folder / WEIGHTS)
        return members.save(folder, self.members)


def fit(
    task: Task, options: Options, seed: int, run: Path, budget: Budget, *, quiet: bool
) -> tuple[Model, Record]:
    """See `base.Family`; it reads its members and learns nothing."""
    del seed, run, budget, quiet
    if len(options.members) < 2:
        raise UserError("an ensemble needs two members or more")
    started = time.monotonic()
    found = [members.read(Path(each), task.heads) for each in options.members]
    return EnsembleModel(task.heads, found), Record(time.monotonic() - started)


def load(folder: Path, config: Mapping[str, Any], vocabulary: Vocabulary) -> Model:
    """See `base.Family`."""
    del vocabulary  # each member has its own
    heads = tuple(config["heads"])
    return EnsembleModel(heads, members.load(folder, config, heads))
