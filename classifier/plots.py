"""The plots of the model card: small PNG files, the same to the byte for the same numbers.

Drawn with matplotlib, which only training and evaluation need (the extra `lab`).
"""

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from PIL import Image
from torch import Tensor

from classifier import scores
from classifier.answers import Answers
from classifier.labels import EMOTIONS, POLARITIES

INK, SOFT, FAINT = "#1f4e79", "#c8553d", "#b8b8b8"
LEAST = 10
"""A bin of fewer cases is not drawn: its frequency is luck."""

COLOURS = 128
"""Colours of a file; more would only make it larger."""

STYLE: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so is the same everywhere
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#666666",
    "axes.titlesize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "figure.dpi": 110,
}

TITLES = {
    "emotion": "emotion",
    "polarity": "polarity",
    "suggestion": "suggestion",
    "topic": "topic",
    "emotion6": "6-class emotion",
    "tweet_emotion": "TweetEval emotion",
    "affect": "SemEval E-c",
}


def draw(folder: Path, metrics: dict[str, Any], said: Answers) -> dict[str, str]:
    """Draws every plot into a folder; returns file name to what it shows.

    Args:
        folder: where to write; made if it is not there.
        metrics: as `evaluation.measure` gives them.
        said: the answers to the emotions' test split.
    """
    folder.mkdir(parents=True, exist_ok=True)
    makers: dict[str, tuple[str, Callable[[], Figure]]] = {
        "reliability.png": (
            "How often the likely comes true, by head, over ten cases or more",
            lambda: _reliability(metrics),
        ),
        "f1-emotion.png": (
            "F1 of each emotion on test, with its 95 % interval and number of texts",
            lambda: _f1(metrics["emotion"]["test"]["labels"]),
        ),
        "confusion-emotion.png": (
            "Of the texts that bear an emotion (row), the share given each (column), on test",
            lambda: _confusion(said),
        ),
        "thresholds-emotion.png": (
            "F1 of each emotion on test by threshold, with the balanced one and the precise (dots)",
            lambda: _curves(metrics["emotion"]["test"]["labels"], said),
        ),
    }
    if "test" in metrics.get("polarity", {}):
        makers["confusion-polarity.png"] = (
            "Polarity given (column) by polarity of the text (row), on test",
            lambda: _polarity(metrics["polarity"]["test"]["confusion"]),
        )
    if "test" in metrics.get("topic", {}):
        makers["f1-topic.png"] = (
            "F1 of each topic on test, with its 95 % interval and number of texts",
            lambda: _f1(metrics["topic"]["test"]["labels"]),
        )
    drawn = {}
    with mpl.rc_context(STYLE):
        for name, (title, make) in makers.items():
            save(make(), folder / name)
            drawn[name] = title
    for stale in set(folder.glob("*.png")) - {folder / name for name in drawn}:
        stale.unlink()
    return drawn


def save(figure: Figure, path: Path) -> None:
    """Writes a figure as a small PNG, the same to the byte each time."""
    raw = io.BytesIO()
    figure.savefig(raw, format="png", metadata={"Software": None})
    image = Image.open(raw).convert("RGB").quantize(COLOURS)
    image.save(path, format="PNG", optimize=True)


def _reliability(metrics: dict[str, Any]) -> Figure:
    shown = [
        (name, split, metrics[name][split])
        for name in TITLES
        for split in ("test" if "test" in metrics.get(name, {}) else "dev",)
        if name in metrics and split in metrics[name]
    ]
    figure = Figure(figsize=(7.4, 2.1 * -(-len(shown) // 4)), layout="constrained")
    axes = figure.subplots(-(-len(shown) // 4), 4, squeeze=False).flatten()
    for axis in axes[len(shown) :]:
        axis.set_axis_off()
    for axis, (name, split, found) in zip(axes, shown, strict=False):
        reliability(axis, found["reliability"])
        axis.set_title(f"{TITLES[name]} ({split})\nerror {found['calibration_error']:.3f}")
    figure.supxlabel("probability", fontsize=8)
    figure.supylabel("frequency", fontsize=8)
    return figure


def reliability(axis: Axes, bins: Sequence[Mapping[str, float]]) -> None:
    """How often what is said to be so likely comes true, the larger a dot the more cases."""
    bins = [each for each in bins if each["count"] >= LEAST]
    most = max((each["count"] for each in bins), default=1)
    said, came = ([each[key] for each in bins] for key in ("probability", "frequency"))
    axis.plot([0, 1], [0, 1], color=FAINT, linewidth=1, zorder=1)
    axis.plot(said, came, color=INK, linewidth=1, zorder=2)
    sizes = [6 + 40 * (each["count"] / most) ** 0.5 for each in bins]
    axis.scatter(said, came, sizes, color=INK, zorder=3)
    axis.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
    axis.set_xticks([0, 0.5, 1])
    axis.set_yticks([0, 0.5, 1])


def confused(said: Answers) -> Tensor:
    """Of the texts that bear a label (row), the share given each (column), (labels, labels)."""
    return (said.right.T @ said.given) / said.right.sum(0).clamp(min=1)[:, None]


def _f1(labels: dict[str, dict[str, Any]]) -> Figure:
    ranked = sorted(labels, key=lambda label: labels[label]["f1"])
    figure = Figure(figsize=(6.4, 0.6 + 0.19 * len(ranked)), layout="constrained")
    axis = figure.subplots()
    values = [labels[label]["f1"] for label in ranked]
    axis.barh(range(len(ranked)), values, color=INK, height=0.62)
    for place, label in enumerate(ranked):
        low, high = labels[label]["f1_interval"]
        axis.plot([low, high], [place, place], color=SOFT, linewidth=1.6, solid_capstyle="butt")
        support = labels[label]["support"]
        axis.text(1.02, place, f"{support:,}", ha="right", va="center", fontsize=6.5)
    axis.set_yticks(range(len(ranked)), ranked)
    axis.set(xlim=(0, 1.03), ylim=(-0.7, len(ranked) - 0.3), xlabel="F1")
    axis.text(1.02, len(ranked) - 0.25, "texts", ha="right", va="bottom", fontsize=6.5)
    return figure


def _confusion(said: Answers) -> Figure:
    figure = Figure(figsize=(6.6, 6.2), layout="constrained")
    axis = figure.subplots()
    figure.colorbar(matrix(axis, confused(said).tolist(), EMOTIONS), shrink=0.4, label="share")
    axis.tick_params(axis="x", rotation=90)
    axis.set(xlabel="given", ylabel="in the text")
    return figure


def _polarity(counts: dict[str, dict[str, int]]) -> Figure:
    rows = [[counts[right][said] for said in POLARITIES] for right in POLARITIES]
    figure = Figure(figsize=(3.4, 2.8), layout="constrained")
    axis = figure.subplots()
    shares = [[count / max(sum(row), 1) for count in row] for row in rows]
    matrix(axis, shares, POLARITIES)
    for row, values in enumerate(rows):
        for column, count in enumerate(values):
            dark = shares[row][column] > 0.5
            axis.text(
                column, row, f"{count:,}\n{shares[row][column]:.0%}", ha="center", va="center",
                color="white" if dark else "black", fontsize=7,
            )  # fmt: skip
    axis.set(xlabel="given", ylabel="in the text")
    return figure


def matrix(axis: Axes, shares: Any, labels: Sequence[str], most: float = 1.0) -> AxesImage:
    """A square table of shares, label by label; white is none, dark is the most."""
    image = axis.imshow(shares, cmap="Blues", vmin=0, vmax=most)
    axis.set_xticks(range(len(labels)), labels)
    axis.set_yticks(range(len(labels)), labels)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    return image


def _curves(labels: dict[str, dict[str, Any]], said: Answers) -> Figure:
    figure = Figure(figsize=(7.4, 7.2), layout="constrained")
    axes = figure.subplots(7, 4, sharex=True, sharey=True).flatten()
    steps = torch.linspace(0.0, 1.0, 101, dtype=torch.float64)
    for number, (axis, label) in enumerate(zip(axes, EMOTIONS, strict=True)):
        chosen = (said.probabilities[:, number, None] >= steps).double()
        chosen *= said.known[:, None]
        right = said.right[:, number, None].expand_as(chosen)
        axis.plot(steps, scores.f1(scores.counted(chosen, right)), color=INK, linewidth=1.2)
        axis.axvline(labels[label]["threshold"], color=SOFT, linewidth=1)
        axis.axvline(labels[label]["precise_threshold"], color=SOFT, linewidth=1, linestyle=":")
        axis.set_title(label, fontsize=7, pad=2)
        axis.set(xlim=(0, 1), ylim=(0, 1))
        axis.set_xticks([0, 0.5, 1])
        axis.set_yticks([0, 0.5, 1])
    figure.supxlabel("threshold", fontsize=8)
    figure.supylabel("F1", fontsize=8)
    return figure
