"""A cascade, measured: quality against texts a second as the slow model answers more."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from classifier import artifact, checkpoint
from classifier.artifact import Artifact
from classifier.families import cascade, members
from classifier.families.base import Budget
from classifier.families.cascade import CascadeModel, sureness, threshold
from classifier.families.members import Member
from classifier.heads import HEADS
from classifier.lab import cells, compare, drawing, measures

SHARES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
SPEED_TEXTS = 1000
Said = dict[Any, Any]
"""Texts to what the two models say of them, and to how sure the quick one is."""


@dataclass(frozen=True)
class Measured:
    """What a cascade came to."""

    points: list[dict[str, Any]]
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
    """Measures shares on dev of the first head, and writes one, measured on test, as an artifact.

    Raises:
        UserError: an artifact lacks a head, the data folder its texts, or the share is none.
    """
    texts = cells.read(data, heads, "shipped", None)
    options = cascade.Options(str(quick), str(slow), share)
    made, _ = cascade.fit(texts.task, options, 1, run, Budget(), quiet=True)
    first, second = (members.read(each, heads) for each in (quick, slow))
    head, key = heads[0], measures.main_measure(heads[0])
    dev, test = texts.task.dev[head], texts.test[head]
    said: Said = {}
    models = {
        each: CascadeModel(tuple(heads), first, second, _threshold(first, texts, each, said))
        for each in sorted({*SHARES, share})
    }
    speeds = compare.timed(models, dev.texts[:SPEED_TEXTS])
    points: list[dict[str, Any]] = []
    for each, model in models.items():
        known = _Known(model, said)
        fitted = cells.calibrated(known, texts)
        point = {"share": each, "sure": round(model.sure, 4), "speed": speeds[each]}
        point[f"dev_{key}"] = measures.measure(known, fitted, head, dev, dev=True)[key]
        if each == share:  # test is asked about what was chosen, once
            point["chosen"] = True
            if len(test):
                point[f"test_{key}"] = measures.measure(known, fitted, head, test)[key]
        points.append(point)
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
    said: Said

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


def _threshold(quick: Member, texts: cells.Texts, share: float, said: Said) -> float:
    heads = texts.task.heads
    every = tuple(text for name in heads for text in texts.task.dev[name].texts)
    if ("sure", every) not in said:
        said["sure", every] = sureness(quick.corrected(every, heads), heads)
    return threshold(said["sure", every], share)


def _table(points: Sequence[dict[str, Any]], head: str, key: str, command: str) -> str:
    name = measures.title(key)
    lines = [
        f"# Cascade: {head}, {len(HEADS[head].labels)} labels",
        "",
        f"```sh\n{command}\n```",
        "",
        f"| slow answers | dev {name} | texts/s |",
        "|---|---|---|",
    ]
    for each in points:
        mark = ", chosen" if "chosen" in each else ""
        lines.append(
            f"| {each['share']:.0%}{mark} | {each[f'dev_{key}']:.4f} | {each['speed']:,.0f} |"
        )
    for each in points:
        if f"test_{key}" in each:
            told = f"With the share that was chosen, {each['share']:.0%}: test {name}"
            lines += ["", f"{told} {each[f'test_{key}']:.4f}."]
    return "\n".join(lines) + "\n"
