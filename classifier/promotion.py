"""Makes a run's artifact the shipped one, if it is better on dev; test plays no part."""

import json
import shutil
from pathlib import Path
from typing import Any

from classifier import artifact
from classifier.heads import HEADS
from stream.errors import UserError

MOST_LOST = 0.01
"""How much of its dev score a shipped head may lose where the emotions gain."""

_MEASURES = {"emotion": "crossed_macro_f1", "polarity": "macro_recall"}


def promote(folder: Path, shelf: Path = artifact.SHIPPED.parent) -> Path:
    """Copies an evaluated artifact to the shelf under its name; gives its new place.

    Raises:
        UserError: it was not evaluated, or is not better on dev than the one it would replace.
    """
    loaded = artifact.load(folder)
    offered = _dev_scores(folder, loaded.model)
    target = shelf / loaded.name
    if (target / "metrics.json").exists() and artifact.load(target).model != loaded.model:
        refuse_if_worse(folder, offered, _dev_scores(target, None))
    partial = shelf / f".{loaded.name}.part"
    shutil.rmtree(partial, ignore_errors=True)
    shelf.mkdir(parents=True, exist_ok=True)
    shutil.copytree(folder, partial)
    artifact.load(partial)
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)
    return target


def refuse_if_worse(folder: Path, offered: dict[str, float], shipped: dict[str, float]) -> None:
    """Compares dev scores by head; raises UserError with the numbers where they forbid it.

    Emotions must gain, and no other head that ships may lose more than MOST_LOST.
    """
    reasons = []
    if offered["emotion"] <= shipped["emotion"]:
        reasons.append(_told("emotion", offered, shipped, "must be higher"))
    for name, score in shipped.items():
        if name != "emotion" and offered.get(name, 0.0) < score - MOST_LOST:
            reasons.append(_told(name, offered, shipped, f"may lose {MOST_LOST} at most"))
    if reasons:
        raise UserError(
            f"{folder} is not better on dev, so the shipped one stays: {'; '.join(reasons)}"
        )


def _told(name: str, offered: dict[str, float], shipped: dict[str, float], rule: str) -> str:
    measure = _MEASURES.get(name, "macro_f1").replace("_", " ")
    new, old = offered.get(name, 0.0), shipped[name]
    return f"{name} has a {measure} of {new:.4f}, shipped {old:.4f} ({rule})"


def _dev_scores(folder: Path, model: str | None) -> dict[str, float]:
    """The dev score of each head that ships, of the weights named if any are."""
    again = f"python -m classifier evaluate {folder}"
    try:
        metrics: dict[str, Any] = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{folder} was not evaluated: {again}") from None
    if model is not None and metrics.get("model") != model:
        raise UserError(
            f"{folder}: metrics.json is of {metrics.get('model')}, not {model}: {again}"
        )
    return {
        name: float(metrics[name]["dev"][_MEASURES.get(name, "macro_f1")])
        for name, head in HEADS.items()
        if head.ships and "dev" in metrics.get(name, {})
    }
