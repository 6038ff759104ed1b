"""Where a long run stopped: enough to continue it with the same result.

Every epoch draws its random numbers from a generator seeded by run and epoch, so a checkpoint
needs the weights, the optimiser and the number of epochs done, and no generator state.
"""

import json
import os
from pathlib import Path
from typing import Any

import torch

from stream.errors import UserError

_NAME = "checkpoint.pt"


def generator(seed: int, epoch: int) -> torch.Generator:
    """The source of every random number of one epoch of one run."""
    return torch.Generator().manual_seed(seed * 100_003 + epoch)


def save(run: Path, epoch: int, config: dict[str, Any], state: dict[str, Any]) -> None:
    """Replaces the run's checkpoint in one step; epoch is the number of epochs done."""
    partial = run / f"{_NAME}.part"
    torch.save({"epoch": epoch, "config": json.dumps(config), "state": state}, partial)
    partial.replace(run / _NAME)


def load(run: Path, config: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Reads epochs done and state, whose tensors are on the processor wherever they were.

    Raises:
        UserError: there is no checkpoint, or it was made with another configuration.
    """
    path = run / _NAME
    if not path.exists():
        raise UserError(f"{run} has no checkpoint to resume from; start it without --resume")
    found = torch.load(path, map_location="cpu", weights_only=True)
    then = json.loads(found["config"])
    for name, value in json.loads(json.dumps(config)).items():
        if then.get(name) != value:
            raise UserError(
                f"{path} was made with {name}={then.get(name)!r}, not {value!r};"
                " resume with the same settings, or start a new run"
            )
    return int(found["epoch"]), dict(found["state"])


def exists(run: Path) -> bool:
    """Whether a run was begun and left a checkpoint."""
    return (run / _NAME).exists()


def remove(run: Path) -> None:
    """Drops the checkpoint of a run that is complete."""
    (run / _NAME).unlink(missing_ok=True)


def write_text(path: Path, content: str) -> None:
    """Replaces a text file in one step."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    partial.write_text(content, encoding="utf-8", newline="\n")
    partial.replace(path)
