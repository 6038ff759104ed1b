"""What several commands do with their arguments."""

import argparse
import logging
from pathlib import Path
from typing import Any

from stream.errors import UserError
from stream.settings import load_settings


def given(arguments: argparse.Namespace, *names: str) -> dict[str, Any]:
    """The options that were given; each must be positive."""
    found = {
        name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None
    }
    for name, value in found.items():
        if value < 1:
            raise UserError(f"--{name} must be 1 or more, not {value}")
    return found


def prepare_torch() -> None:
    """Gives torch the threads of the setting, and its warnings to the log."""
    import torch

    torch.set_num_threads(load_settings().threads)
    logging.captureWarnings(capture=True)


def model_of(folder: Path | None) -> Path:
    """The artifact that a command measures: the given one, the setting's, or the shipped one."""
    from classifier import artifact

    return artifact_of(folder) if folder else load_settings().model or artifact.SHIPPED


def artifact_of(folder: Path) -> Path:
    """The artifact of a run, or the folder itself."""
    return folder / "artifact" if (folder / "artifact").is_dir() else folder
