"""Every model of a plan, with every seed, on the same texts; what is done is never done again."""

import logging
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from classifier import artifact
from classifier.families.base import Budget, Model, OutOfTime
from classifier.lab import cells
from classifier.lab.cells import Cell, Texts
from classifier.lab.measures import main_measure, title
from classifier.lab.plan import Plan

logger = logging.getLogger(__name__)

Name = TypeVar("Name")
ROUNDS = 3
SPEED_TEXTS = 2000
"""Texts that each model labels in a round."""


@dataclass(frozen=True)
class Compared:
    """What a comparison came to."""

    plan: Plan
    results: list[dict[str, Any]]  # of the cells that are done
    histories: dict[tuple[str, int], list[dict[str, float]]]
    unfinished: dict[str, str]  # cell to how far it got, or why it was not begun


def compare(
    plan: Plan,
    texts: Texts,
    run: Path,
    minutes: float | None,
    command: str,
    *,
    say: Callable[[str], None] = logger.info,
    quiet: bool = False,
) -> Compared:
    """Makes the cells that are not there yet, as far as the time goes, then times all of them.

    Args:
        plan: checked.
        texts: of its heads.
        run: the folder; a second call with the same goes on.
        minutes: for training; no limit if not given.
        command: that all of this was asked with.
        say: takes a line for the user as each cell is done.
        quiet: no progress bars.

    Raises:
        UserError: a cell was begun with other settings.
    """
    budget = Budget.of(minutes)
    every = [Cell(model, seed, run) for seed in plan.seeds for model in plan.models]
    unfinished: dict[str, str] = {}
    for number, cell in enumerate(every, 1):
        name = f"{cell.model.name}, seed {cell.seed}"
        there = cell.result() is not None
        lacking = [
            other for other in cell.model.others() if f"{other}, seed {cell.seed}" in unfinished
        ]
        if lacking:
            unfinished[name] = f"waits for {', '.join(lacking)}"
        else:
            try:
                if not there:
                    budget.check("not begun")
                found = cells.run(cell, texts, budget, command, quiet=quiet)
                line = f"{_told(found, plan.heads)}{', from before' if there else ''}"
                say(f"[{number}/{len(every)}] {name}: {line}")
                continue
            except OutOfTime as spent:
                unfinished[name] = str(spent)
        say(f"[{number}/{len(every)}] {name}: the time is spent; {unfinished[name]}")
    done = [cell for cell in every if f"{cell.model.name}, seed {cell.seed}" not in unfinished]
    speeds = speed(done, texts)
    results = [{**(cell.result() or {}), "speed": speeds[cell.folder]} for cell in done]
    histories = {(cell.model.name, cell.seed): cell.history() for cell in done}
    return Compared(plan, results, histories, unfinished)


def speed(done: Sequence[Cell], texts: Texts) -> dict[Path, float]:
    """Texts a second of each cell, from text to logits, in turn on the same texts.

    The first seed of a model is timed: the others have the same layers.
    """
    some = [text for part in texts.task.dev.values() for text in part.texts][:SPEED_TEXTS]
    first = {cell.model.name: cell for cell in reversed(done)}
    models = {
        name: artifact.load(cell.artifact, serving=False).answering()
        for name, cell in first.items()
    }
    found = timed(models, some)
    return {cell.folder: found[cell.model.name] for cell in done}


def timed(models: Mapping[Name, Model], texts: Sequence[str]) -> dict[Name, float]:
    """Texts a second of each model, in turn on the same texts; the median of some rounds."""
    times: dict[Name, list[float]] = {name: [] for name in models}
    for model in models.values():
        model.logits(texts[:64])
    for _ in range(ROUNDS):
        for name, model in models.items():
            started = time.perf_counter()
            model.logits(texts)
            times[name].append(time.perf_counter() - started)
    return {name: round(len(texts) / statistics.median(each), 1) for name, each in times.items()}


def best_seed(compared: Compared, name: str, run: Path) -> Cell | None:
    """The cell of a model whose dev score, over the heads, is best."""
    found = [each for each in compared.results if each["model"] == name]
    if not found:
        return None
    best = max(
        found,
        key=lambda each: sum(
            each["scores"][head]["dev"][main_measure(head)] for head in compared.plan.heads
        ),
    )
    model = next(each for each in compared.plan.models if each.name == name)
    return Cell(model, best["seed"], run)


def _told(result: dict[str, Any], heads: Sequence[str]) -> str:
    parts = []
    for head in heads:
        key = main_measure(head)
        each = result["scores"][head]
        shown = " ".join(f"{split} {part[key]:.4f}" for split, part in each.items())
        parts.append(f"{head} {title(key)} {shown}")
    return f"{'; '.join(parts)} ({result['seconds'] / 60:.1f} min)"
