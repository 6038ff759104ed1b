"""Makes a run's artifact the shipped one."""

import json
import shutil
from pathlib import Path

from classifier import artifact
from stream.errors import UserError


def promote(folder: Path, shelf: Path = artifact.SHIPPED.parent) -> Path:
    """Copies an evaluated artifact to the shelf under its name; gives its new place.

    Raises:
        UserError: it was not evaluated, or is worse on dev than the one it would replace.
    """
    loaded = artifact.load(folder)
    score = _dev_score(folder)
    target = shelf / loaded.name
    if (target / "metrics.json").exists():
        shipped = _dev_score(target)
        if score < shipped:
            raise UserError(
                f"{folder} has a crossed macro-F1 on dev of {score:.4f}, the shipped"
                f" {loaded.name} has {shipped:.4f}: it stays"
            )
    partial = shelf / f".{loaded.name}.part"
    shutil.rmtree(partial, ignore_errors=True)
    shelf.mkdir(parents=True, exist_ok=True)
    shutil.copytree(folder, partial)
    artifact.load(partial)
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)
    return target


def _dev_score(folder: Path) -> float:
    try:
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        return float(metrics["emotion"]["dev"]["crossed_macro_f1"])
    except FileNotFoundError:
        raise UserError(
            f"{folder} was not evaluated: python -m classifier evaluate {folder}"
        ) from None
