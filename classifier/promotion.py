"""Makes a run's artifact the shipped one, if it is better on dev; test plays no part."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classifier import artifact
from classifier.heads import HEADS
from stream.errors import UserError

MOST_LOST = 0.01
"""How much of its dev score a shipped head may lose where the emotions gain, at least: a head with
few dev texts may lose as much as they leave open, half of its 95 % interval."""

_MEASURES = {"emotion": "crossed_macro_f1", "polarity": "macro_recall", "topic": "micro_f1"}


@dataclass(frozen=True)
class Score:
    """What a head reaches on dev, and how far off that may be."""

    value: float
    doubt: float = 0.0  # half of the 95 % interval


def promote(folder: Path, shipped: Path = artifact.SHIPPED) -> Path:
    """Copies an evaluated artifact beside the shipped one, under its name; gives its new place.

    Raises:
        UserError: it was not evaluated, is not better on dev than the one it would replace, or its
            name is none of a folder.
    """
    loaded = artifact.load(folder)
    if not artifact.plain_name(loaded.name):
        raise UserError(f"{folder}: its name, {loaded.name!r}, is none that a folder can have")
    offered = _dev_scores(folder, loaded.model)
    shelf = shipped.parent
    target = shelf / loaded.name
    for other in (shipped, target):
        if (other / "metrics.json").exists() and artifact.load(other).model != loaded.model:
            refuse_if_worse(folder, offered, _dev_scores(other, None))
    partial = shelf / f".{loaded.name}.part"
    shutil.rmtree(partial, ignore_errors=True)
    shelf.mkdir(parents=True, exist_ok=True)
    shutil.copytree(folder, partial)
    artifact.load(partial)
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)
    return target


def refuse_if_worse(
    folder: Path, offered: Mapping[str, Score], shipped: Mapping[str, Score]
) -> None:
    """Compares dev scores by head; raises UserError with the numbers where they forbid it.

    Emotions must gain, and no other head that ships may lose more than MOST_LOST says.
    """
    reasons = []
    if offered["emotion"].value <= shipped["emotion"].value:
        reasons.append(_told("emotion", offered, shipped, "must be higher"))
    for name, score in shipped.items():
        most = max(MOST_LOST, score.doubt)
        if name != "emotion" and offered.get(name, Score(0.0)).value < score.value - most:
            reasons.append(_told(name, offered, shipped, f"may lose {most:.2g} at most"))
    if reasons:
        raise UserError(
            f"{folder} is not better on dev, so the shipped one stays: {'; '.join(reasons)}"
        )


def _told(name: str, offered: Mapping[str, Score], shipped: Mapping[str, Score], rule: str) -> str:
    measure = _MEASURES.get(name, "macro_f1").replace("_", " ")
    new, old = offered.get(name, Score(0.0)).value, shipped[name].value
    return f"{name} has a {measure} of {new:.4f}, shipped {old:.4f} ({rule})"


def _dev_scores(folder: Path, model: str | None) -> dict[str, Score]:
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
        name: _score(metrics[name]["dev"], _MEASURES.get(name, "macro_f1"))
        for name, head in HEADS.items()
        if head.ships and "dev" in metrics.get(name, {})
    }


def _score(dev: Mapping[str, Any], measure: str) -> Score:
    low, high = dev.get(f"{measure}_interval", (0.0, 0.0))
    return Score(float(dev[measure]), (high - low) / 2)
