"""A cascade, measured: quality against texts a second as the slow model answers more."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from classifier import artifact, checkpoint, readers
from classifier.artifact import Artifact
from classifier.calibration import Calibration
from classifier.families import cascade, members
from classifier.families.base import Budget
from classifier.families.cascade import CascadeModel, sureness, threshold
from classifier.families.members import Member
from classifier.heads import HEADS
from classifier.lab import cells, drawing, measures

SHARES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
SPEED_TEXTS = 1000


@dataclass(frozen=True)
class Measured:
    """What a cascade came to."""

    points: list[dict[str, float]]
    markdown: str
    plot: Path
    artifact: Artifact


def measure(
    data: Path,
    heads: Sequence[str],
    quick: Path,
    slow: Path,
    share: float,
    run: Path,
    command: str,
) -> Measured:
    """Measures every share on dev and test of the first head, and writes one as an artifact.

    Raises:
        UserError: an artifact lacks a head, or the data folder its texts.
    """
    first, second = (members.read(each, heads) for each in (quick, slow))
    texts = cells.read(data, heads, "shipped", None)
    head, key = heads[0], measures.main_measure(heads[0])
    said: dict[str, Any] = {}
    points = []
    for each in SHARES:
        model = CascadeModel(tuple(heads), first, second, _threshold(first, texts, each, said))
        fitted = cells.calibrated(_Known(model, said), texts)
        points.append(_point(model, fitted, texts, head, key, each, said))
    options = cascade.Options(str(quick), str(slow), share)
    made, _ = cascade.fit(texts.task, options, 1, run, Budget(), quiet=True)
    fitted = cells.calibrated(made, texts)
    name = f"cascade-{first.artifact.name}-{second.artifact.name}"
    record = {"command": command, "quick": first.artifact.model, "slow": second.artifact.model,
              "share": share}  # fmt: skip
    whole = Artifact(
        name, {"family": "cascade", "training": record}, first.artifact.vocabulary, {}, fitted,
        other=made,
    )  # fmt: skip
    saved = artifact.save(run / "artifact", whole)
    text = _table(points, head, key, command)
    checkpoint.write_text(run / "cascade.md", text)
    checkpoint.write_text(run / "cascade.json", json.dumps(points, indent=2) + "\n")
    return Measured(points, text, drawing.cascade_curve(run, points, key), saved)


@dataclass(frozen=True)
class _Known:
    """A cascade whose members are asked once about the texts of a split, however often it is."""

    cascade: CascadeModel
    said: dict[Any, tuple[torch.Tensor, torch.Tensor]]

    @property
    def heads(self) -> tuple[str, ...]:
        return self.cascade.heads

    def logits(self, texts: Sequence[str]) -> torch.Tensor:
        key = tuple(texts)
        if key not in self.said:
            heads = self.cascade.heads
            self.said[key] = (
                self.cascade.quick.corrected(texts, heads),
                self.cascade.slow.corrected(texts, heads),
            )
        quick, slow = self.said[key]
        sure = sureness(quick, self.cascade.heads) >= self.cascade.sure
        return torch.where(sure[:, None], quick, slow)

    def parameters(self) -> int:
        return self.cascade.parameters()

    def save(self, folder: Path) -> dict[str, Any]:
        return self.cascade.save(folder)


def _threshold(quick: Member, texts: cells.Texts, share: float, said: dict[Any, Any]) -> float:
    heads = texts.task.heads
    every = tuple(text for name in heads for text in texts.task.dev[name].texts)
    if ("sure", every) not in said:
        said["sure", every] = sureness(quick.corrected(every, heads), heads)
    return threshold(said["sure", every], share)


def _point(
    model: CascadeModel,
    fitted: Calibration,
    texts: cells.Texts,
    head: str,
    key: str,
    share: float,
    said: dict[Any, Any],
) -> dict[str, float]:
    known = _Known(model, said)
    point = {"share": share, "sure": round(model.sure, 4)}
    for split, part in (("dev", texts.task.dev[head]), ("test", texts.test[head])):
        if len(part):
            scores = measures.measure(known, fitted, head, part)
            point[f"{split}_{key}"] = scores[key]
    point["speed"] = round(_speed(model, texts.task.dev[head]), 1)
    return point


def _speed(model: CascadeModel, part: readers.Labelled) -> float:
    """Texts a second from text to logits; the median of three rounds."""
    some = part.texts[:SPEED_TEXTS]
    times = []
    for _ in range(3):
        started = time.perf_counter()
        model.logits(some)
        times.append(time.perf_counter() - started)
    return len(some) / sorted(times)[1]


def _table(points: Sequence[dict[str, float]], head: str, key: str, command: str) -> str:
    name = measures.title(key)
    splits = [split for split in ("dev", "test") if f"{split}_{key}" in points[0]]
    lines = [
        f"# Cascade: {head}, {len(HEADS[head].labels)} labels",
        "",
        f"```sh\n{command}\n```",
        "",
        f"| slow answers | {' | '.join(f'{split} {name}' for split in splits)} | texts/s |",
        "|---|" + "---|" * (len(splits) + 1),
    ]
    for each in points:
        scores = " | ".join(f"{each[f'{split}_{key}']:.4f}" for split in splits)
        lines.append(f"| {each['share']:.0%} | {scores} | {each['speed']:,.0f} |")
    return "\n".join(lines) + "\n"
