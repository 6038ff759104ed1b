"""The plots of a comparison: scores with intervals, score by speed, curves, reliability."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from classifier.lab.compare import Compared
from classifier.lab.measures import main_measure, mean, title
from classifier.plots import FAINT, INK, SOFT, STYLE, reliability, save

WIDTH = 7.4


def draw(folder: Path, compared: Compared) -> dict[str, str]:
    """Draws into a folder; returns file name to what it shows."""
    drawn: dict[str, str] = {}
    if not compared.results:
        return drawn
    with mpl.rc_context(STYLE):
        for head in compared.plan.heads:
            figure = _scores(compared, head)
            name, key = f"scores-{head}.png", title(main_measure(head))
            save(figure, folder / name)
            drawn[name] = f"{head}: {key} of each model with its 95 % interval, and by speed"
            save(_reliability(compared, head), folder / f"reliability-{head}.png")
            drawn[f"reliability-{head}.png"] = f"{head}: how often the likely comes true"
        if any(compared.histories.values()):
            save(_curves(compared), folder / "curves.png")
            drawn["curves.png"] = "Loss on train and dev, and score on dev, by epoch"
    return drawn


def _groups(compared: Compared, head: str) -> list[tuple[str, list[dict[str, Any]], str]]:
    """Model, its cells' scores and the split, worst first."""
    split = "test" if all("test" in r["scores"][head] for r in compared.results) else "dev"
    found: dict[str, list[dict[str, Any]]] = {}
    for each in compared.results:
        scored = {**each["scores"][head][split], "speed": each["speed"]}
        found.setdefault(each["model"], []).append(scored)
    key = main_measure(head)
    ranked = sorted(found, key=lambda name: mean([each[key] for each in found[name]]))
    return [(name, found[name], split) for name in ranked]


def _scores(compared: Compared, head: str) -> Figure:
    key, groups = main_measure(head), _groups(compared, head)
    figure = Figure(figsize=(WIDTH, 1.2 + 0.24 * len(groups)), layout="constrained")
    left, right = figure.subplots(1, 2)
    for place, (name, cells, split) in enumerate(groups):
        value = mean([each[key] for each in cells])
        if f"{key}_interval" in cells[0]:
            ends = [mean([each[f"{key}_interval"][side] for each in cells]) for side in (0, 1)]
            left.plot(ends, [place, place], color=FAINT, linewidth=3, solid_capstyle="butt")
        left.scatter([each[key] for each in cells], [place] * len(cells), 12, color=SOFT, zorder=3)
        left.scatter([value], [place], 22, color=INK, zorder=4)
        right.scatter([cells[0]["speed"]], [value], 22, color=INK)
        right.annotate(name, (cells[0]["speed"], value), (4, 3), textcoords="offset points",
                       fontsize=6.5)  # fmt: skip
        left.set_xlabel(f"{title(key)}, {split}")
    left.set_yticks(range(len(groups)), [name for name, _, _ in groups])
    right.set_xscale("log")
    right.margins(x=0.25, y=0.15)
    right.set(xlabel="texts a second", ylabel=title(key))
    return figure


def _reliability(compared: Compared, head: str) -> Figure:
    groups = _groups(compared, head)[::-1]
    rows = -(-len(groups) // 5)
    figure = Figure(figsize=(WIDTH, 1.7 * rows), layout="constrained")
    axes = figure.subplots(rows, 5, squeeze=False).flatten()
    for axis in axes[len(groups) :]:
        axis.set_axis_off()
    for axis, (name, cells, _) in zip(axes, groups, strict=False):
        reliability(axis, cells[0]["bins"])
        axis.set_title(f"{name}\nerror {cells[0]['calibration_error']:.3f}", fontsize=6.5)
    return figure


def _curves(compared: Compared) -> Figure:
    shown = {place: rows for place, rows in compared.histories.items() if rows}
    rows = -(-len(shown) // 4)
    figure = Figure(figsize=(WIDTH, 1.9 * rows), layout="constrained")
    axes = figure.subplots(rows, 4, squeeze=False).flatten()
    for axis in axes[len(shown) :]:
        axis.set_axis_off()
    for axis, ((name, seed), history) in zip(axes, shown.items(), strict=False):
        epochs = [row["epoch"] for row in history]
        for key, colour in (("loss", FAINT), ("dev_loss", INK)):
            if key in history[0]:
                axis.plot(epochs, [row[key] for row in history], color=colour, linewidth=1.2)
        twin = axis.twinx()
        twin.plot(epochs, [row["dev_score"] for row in history], color=SOFT, linewidth=1.2)
        twin.tick_params(labelsize=6, colors=SOFT)
        axis.tick_params(labelsize=6)
        axis.set_title(f"{name}, seed {seed}", fontsize=6.5)
    figure.supxlabel("epoch (grey: loss on train, blue: on dev, red: score on dev)", fontsize=7)
    return figure


def cascade_curve(folder: Path, points: Sequence[dict[str, Any]], key: str) -> Path:
    """Quality on dev against texts a second, by share of the slow model; the chosen one on test."""
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.2, 3.2), layout="constrained")
        axis = figure.subplots()
        axis.plot([each["speed"] for each in points], [each[f"dev_{key}"] for each in points],
                  color=INK, marker="o", markersize=3, label="dev")  # fmt: skip
        for each in points:
            if f"test_{key}" in each:
                axis.scatter([each["speed"]], [each[f"test_{key}"]], 22, color=SOFT, zorder=3,
                             label=f"test, at {each['share']:.0%}")  # fmt: skip
        for each in points[:: max(1, len(points) // 6)]:
            place = (each["speed"], each[f"dev_{key}"])
            axis.annotate(f"{each['share']:.0%}", place, (4, 4), textcoords="offset points",
                          fontsize=6.5)  # fmt: skip
        axis.set_xscale("log")
        axis.set(xlabel="texts a second", ylabel=title(key))
        axis.legend(frameon=False)
        save(figure, folder / "cascade.png")
    return folder / "cascade.png"


def range_curve(
    folder: Path, rates: Sequence[float], losses: Sequence[float], chosen: float
) -> Path:
    """The loss of a range test by rate."""
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.8, 2.8), layout="constrained")
        axis = figure.subplots()
        axis.plot(rates, losses, color=INK, linewidth=1.2)
        axis.axvline(chosen, color=SOFT, linewidth=1)
        axis.set_xscale("log")
        axis.set(xlabel="rate", ylabel="loss", title=f"steepest at {chosen:.2g}")
        save(figure, folder / "rates.png")
    return folder / "rates.png"
