"""The figures of `look`, each a PNG: bars, steps, curves, tables of shares, points.

Emotions have their colour of `stream.faces`, other labels one ink.
"""

import io
from collections.abc import Mapping, Sequence
from datetime import datetime

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from classifier import plots, scores
from classifier.plots import FAINT, INK, SOFT, STYLE
from stream.faces import COLOURS, POLARITY_COLOURS

Floats = NDArray[np.float64]
LEAST = 5
"""A curve of fewer texts is not drawn."""


def png(figure: Figure) -> bytes:
    """The figure as a file, the same to the byte for the same numbers."""
    raw = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(raw, format="png", dpi=130, metadata={"Software": None})
    return raw.getvalue()


def colour(label: str) -> str:
    """The colour of a label."""
    return COLOURS.get(label) or POLARITY_COLOURS.get(label) or INK


def distribution(counts: Mapping[str, int]) -> Figure:
    """Texts by label, the most frequent first."""
    ranked = sorted(counts, key=lambda label: counts[label])
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.4, 0.7 + 0.2 * len(ranked)), layout="constrained")
        axis = figure.subplots()
        bars = axis.barh(ranked, [counts[one] for one in ranked], color=list(map(colour, ranked)))
        axis.bar_label(bars, [f"{counts[one]:,}" for one in ranked], padding=3, fontsize=7)
        axis.set(xlabel="texts", ylim=(-0.7, len(ranked) - 0.3))
        axis.margins(x=0.12)
    return figure


def lengths(words: Sequence[int]) -> Figure:
    """Texts by their number of tokens, with the middle one."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.4, 2.4), layout="constrained")
        axis = figure.subplots()
        most = int(np.quantile(words, 0.99)) + 1 if len(words) else 1
        axis.hist(np.clip(words, 0, most), bins=range(most + 2), color=INK)
        middle = float(np.median(words)) if len(words) else 0.0
        axis.axvline(middle, color=SOFT, linewidth=1.5)
        axis.set_title(f"half have {middle:g} or fewer")
        axis.set(xlabel=f"tokens of a text (the last bar: {most} or more)", ylabel="texts")
    return figure


def coverage(shares: Floats) -> Figure:
    """The share of all tokens that the n most frequent words make up."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.4, 2.6), layout="constrained")
        axis = figure.subplots()
        axis.plot(range(1, len(shares) + 1), shares, color=INK, linewidth=1.5)
        axis.axhline(float(shares[-1]), color=SOFT, linewidth=1, linestyle=":")
        axis.set(xscale="log", ylim=(0, 1.02), ylabel="share of all tokens")
        axis.set_xlabel("words of the vocabulary, frequent ones first")
    return figure


def curves(history: Sequence[Mapping[str, float]]) -> Figure:
    """What training measured after each epoch: the loss, and scores on another axis."""
    epochs = [int(row.get("epoch", n)) for n, row in enumerate(history, 1)]
    losses = [name for name in history[0] if "loss" in name]
    others = [name for name in history[0] if name != "epoch" and name not in losses]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.4, 2.6), layout="constrained")
        axes = figure.subplots(1, 2)
        for axis, names in zip(axes, (losses, others), strict=True):
            for name, ink in zip(names, (INK, SOFT, FAINT, "#4fa84f"), strict=False):
                values = [row.get(name, float("nan")) for row in history]
                axis.plot(epochs, values, marker="o", markersize=3, color=ink, label=_said(name))
            axis.set_xlabel("epoch")
            axis.xaxis.get_major_locator().set_params(integer=True)
            if names:
                axis.legend(frameon=False, fontsize=7)
    return figure


def shares(table: Floats, labels: Sequence[str], down: str, across: str) -> Figure:
    """A table of shares, label by label; white is none, dark is all."""
    size = 1.9 + 0.2 * len(labels)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(size, 0.86 * size), layout="constrained")
        axis = figure.subplots()
        image = plots.matrix(axis, table, labels, max(float(table.max()), 1e-9))
        axis.tick_params(axis="x", rotation=90)
        axis.set(xlabel=across, ylabel=down)
        if len(labels) <= 8:
            _figures(axis, table)
        else:
            figure.colorbar(image, shrink=0.4, label="share")
    return figure


def _figures(axis: Axes, table: Floats) -> None:
    for (row, column), value in np.ndenumerate(table):
        dark = value > 0.6 * table.max()
        axis.text(column, row, f"{value:.0%}", ha="center", va="center", fontsize=7,
                  color="white" if dark else "black")  # fmt: skip


def precision_recall(
    probabilities: Tensor, right: Tensor, labels: Sequence[str], average: Tensor
) -> Figure:
    """Precision over recall of each label as its threshold falls, with its average precision."""
    across = min(4, len(labels))
    down = -(-len(labels) // across)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.4, 0.5 + 1.25 * down), layout="constrained")
        axes = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).flatten()
        for axis in axes[len(labels) :]:
            axis.set_axis_off()
        for number, (axis, label) in enumerate(zip(axes, labels, strict=False)):
            order = probabilities[:, number].sort(descending=True, stable=True).indices
            hits = right[order, number].cumsum(0)
            there = int(hits[-1]) if len(hits) else 0
            axis.set(xlim=(0, 1), ylim=(0, 1.02), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
            if there < LEAST:
                axis.set_title(f"{label}: {there} texts", fontsize=7, pad=2)
                continue
            precision = hits / torch.arange(1, len(hits) + 1)
            axis.plot(hits / there, precision, color=INK, linewidth=1)
            axis.fill_between((hits / there).numpy(), precision.numpy(), color=colour(label),
                              alpha=0.35, linewidth=0)  # fmt: skip
            axis.set_title(f"{label}: {float(average[number]):.2f}", fontsize=7, pad=2)
        figure.supxlabel("recall", fontsize=8)
        figure.supylabel("precision", fontsize=8)
    return figure


def reliability(probabilities: Tensor, came: Tensor) -> Figure:
    """How often what is said to be so likely comes true."""
    bins = scores.reliability(probabilities, came)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.4, 3.4), layout="constrained")
        axis = figure.subplots()
        plots.reliability(axis, bins)
        axis.set(xlabel="probability", ylabel="frequency")
        axis.set_title(f"error {scores.calibration_error(bins):.3f}")
    return figure


def points(places: Floats, words: Sequence[str], labels: Sequence[str]) -> Figure:
    """Words on a plane, each in the colour of the emotion that it stands for."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9.6, 7.2), layout="constrained")
        axis = figure.subplots()
        for (x, y), label in zip(places, labels, strict=True):
            axis.scatter([x], [y], s=14, color=colour(label), edgecolors="#666666", linewidths=0.3)
        for word, (x, y), (at, height) in zip(words, places, _apart(places, words), strict=True):
            axis.plot([x, at], [y, height], color=FAINT, linewidth=0.4, zorder=0)
            axis.text(at, height, f" {word}", fontsize=6, va="center")
        for label in dict.fromkeys(labels):
            axis.scatter([], [], s=20, color=colour(label), label=label)
        axis.legend(frameon=False, fontsize=6.5, loc="center left", bbox_to_anchor=(1.0, 0.5))
        axis.set_axis_off()
    return figure


def _apart(places: Floats, words: Sequence[str]) -> list[tuple[float, float]]:
    """Where each word is written: beside its point, or as far below as the others leave room."""
    wide, high = np.ptp(places, axis=0) / (110, 70)  # of a letter, of a line
    taken: list[tuple[float, float, float]] = []
    found: dict[int, tuple[float, float]] = {}
    for number in np.argsort(-places[:, 1]).tolist():
        x, y = float(places[number, 0]), float(places[number, 1])
        width = wide * (len(words[number]) + 2)
        while any(x < end and start < x + width and abs(y - at) < high for start, end, at in taken):
            y -= high / 2
        taken.append((x, x + width, y))
        found[number] = (x, y)
    return [found[number] for number in range(len(words))]


def over_time(
    moments: Sequence[datetime], table: Floats, labels: Sequence[str], unit: str
) -> Figure:
    """The share of posts that bear each label, by time; (times, labels)."""
    at = [float(date2num(one)) for one in moments]  # type: ignore[no-untyped-call]  # as below
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.4, 3.4), layout="constrained")
        axis = figure.subplots()
        for number, label in enumerate(labels):
            axis.plot(at, table[:, number], color=colour(label), linewidth=1.6, label=label,
                      marker="o", markersize=2.5)  # fmt: skip
        locator = AutoDateLocator()  # type: ignore[no-untyped-call]  # untyped in matplotlib
        axis.xaxis.set_major_locator(locator)
        form = ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]  # as above
        axis.xaxis.set_major_formatter(form)
        axis.set(ylabel="share of posts", xlabel=f"UTC, by the {unit}", ylim=(0, None))
        axis.legend(frameon=False, fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _said(name: str) -> str:
    return name.replace("_", " ").replace("macro f1", "macro-F1")
