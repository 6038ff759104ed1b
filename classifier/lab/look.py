"""`look`: a labelled set, or posts, and what a model makes of them, as one folder of pictures.

FOLDER/index.html   all of it on one page that needs no network
FOLDER/*.png, *.svg each picture

Of a labelled set its train split is counted and the model measured on its dev split: test stays
unseen. Posts have no labels but the model's, and a time.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from classifier import checkpoint, plots
from classifier.answers import Answers
from classifier.lab import clouds, figures, pages
from classifier.lab.pages import Page
from classifier.lab.quality import average_precision
from classifier.lab.views import View
from stream.errors import UserError
from stream.faces import FACES

TELLING, CLOUD = 2.0, 40
"""Deviations from which a word is shown of a label, and how many words."""

ON_PLANE, FEWEST_WORDS = 6, 6
"""Words of each label on the map, and words without which there is none."""

WORST, HEATED, SHOWN = 25, 8, 280
"""Mistakes and texts that are shown, and characters of each."""

TOP, LEAST_TIMES = 6, 2
UNITS = (("hour", 3600), ("day", 86_400), ("week", 604_800), ("month", 2_629_800))
MOST_TIMES = 60


def look(
    view: View,
    folder: Path,
    *,
    history: Sequence[Mapping[str, float]] = (),
    words: Sequence[str] = (),
    attentive: Any = None,
) -> list[str]:
    """Draws everything there is to draw; returns the names of the files.

    Args:
        view: what is looked at.
        folder: where to write; made if it is not there.
        history: what training measured, a row an epoch.
        words: whose neighbours are shown; the labels' own names if not given.
        attentive: a model with `attention(text)`, beside the words' contributions.

    Raises:
        UserError: the folder cannot be written, or a word is not known.
    """
    page = Page(f"{view.name}: {len(view.texts):,} texts", f"Seen by {view.model.model}.")
    files = _Files(folder)
    counts, sizes, unknown = clouds.counted(view.texts, view.right, view.model.artifact.vocabulary)
    _draw_texts(view, page, files, counts, sizes, unknown)
    _draw_words(view, page, files, counts, words)
    if history:
        title = "Training"
        page.add(title, files.png("training", title, figures.curves(history)))
    if view.said is not None:
        _draw_answers(view.said, view.labels, page, files)
    if bool((view.right.sum(1) > 1).any()):
        title = "Labels together"
        page.add(
            title,
            pages.paragraph("Of the texts that bear a label (row), the share that bear another."),
            files.png("together", title, figures.shares(_together(view.right), view.labels,
                                                        "of the texts with", "also have")),
        )  # fmt: skip
    _draw_times(view, page, files)
    _draw_explained(view, page, attentive)
    files.text("index.html", page.html())
    return files.names


class _Files:
    """The files of a folder, and how each stands on the page."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.names: list[str] = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"--out {folder}: {error.strerror}") from None

    def png(self, name: str, title: str, figure: Any) -> str:
        content = figures.png(figure)
        (self._folder / f"{name}.png").write_bytes(content)
        self.names.append(f"{name}.png")
        return pages.image(content, title)

    def text(self, name: str, content: str) -> str:
        checkpoint.write_text(self._folder / name, content)
        self.names.append(name)
        return content


def _draw_texts(
    view: View, page: Page, files: _Files, counts: Any, sizes: Sequence[int], unknown: int
) -> None:
    number = dict(zip(view.labels, view.right.sum(0).long().tolist(), strict=True))
    none = int((view.right.sum(1) == 0).sum())
    page.add(
        "Labels",
        pages.paragraph(f"Given by {view.source}; {none:,} texts have none."),
        files.png("labels", "Texts by label", figures.distribution(number)),
    )
    page.add("Lengths", files.png("lengths", "Tokens of a text", figures.lengths(sizes)))
    total = max(sum(sizes), 1)
    seen = np.sort(np.asarray(counts.sum(1))[1:])[::-1]
    known = (1 - unknown / total) * np.cumsum(seen) / max(float(seen.sum()), 1.0)
    page.add(
        "Vocabulary",
        pages.paragraph(f"{unknown / total:.1%} of {total:,} tokens are unknown to the model."),
        files.png("vocabulary", "Tokens that the vocabulary knows", figures.coverage(known)),
    )


def _draw_words(view: View, page: Page, files: _Files, counts: Any, asked: Sequence[str]) -> None:
    vocabulary = view.model.artifact.vocabulary
    weights = clouds.telling(counts, vocabulary)
    drawn, chosen = [], dict[str, str]()
    for number, label in enumerate(view.labels):
        best = [n for n in np.argsort(-weights[:, number])[:CLOUD] if weights[n, number] >= TELLING]
        if not best:
            continue
        words = [vocabulary.entries[n] for n in best]
        svg = clouds.cloud(words, [float(weights[n, number]) for n in best], label)
        drawn += [f"<h3>{FACES.get(label, '')} {pages.escape(label)}</h3>",
                  files.text(f"words-{label.replace('&', 'and')}.svg", svg)]  # fmt: skip
        for word in words[:ON_PLANE]:
            chosen.setdefault(word, label)
    page.add("Words", pages.paragraph("The larger, the more telling of the label."), *drawn)
    if view.model.artifact.other is not None:
        return  # its embedding, if it has one, is not of words alone
    embedding = view.model.artifact.network().embedding
    ids = [vocabulary.entries.index(word) for word in chosen]
    if len(ids) >= FEWEST_WORDS:
        places = clouds.plane(embedding[ids])
        page.add(
            "Map",
            pages.paragraph("Telling words where t-SNE puts their embeddings: near is alike."),
            files.png("map", "A map of words",
                      figures.points(places, list(chosen), list(chosen.values()))),
        )  # fmt: skip
    own = [label for label in view.labels if label in vocabulary.entries[: vocabulary.words]]
    lines = []
    for word in asked or own[:8]:
        near = clouds.neighbours(word, embedding, vocabulary)
        told = ", ".join(f"{one} {cosine:.2f}" for one, cosine in near)
        lines.append([pages.escape(word), pages.escape(told)])
    if lines:
        page.add("Neighbours", pages.rows(["word", "nearest by cosine"], lines))


def _draw_answers(said: Answers, labels: tuple[str, ...], page: Page, files: _Files) -> None:
    if len(labels) > 1:
        title = "Confusion"
        page.add(
            title,
            pages.paragraph("Of the dev texts that bear a label (row), the share given another."),
            files.png("confusion", title,
                      figures.shares(plots.confused(said).numpy(), labels, "in the text", "given")),
        )  # fmt: skip
    average = average_precision(said.probabilities, said.right)
    drawn = figures.precision_recall(said.probabilities, said.right, labels, average)
    page.add(
        "Precision and recall",
        pages.paragraph("On dev, as the threshold falls; the figure is the average precision."),
        files.png("precision-recall", "Precision and recall", drawn),
    )
    drawn = figures.reliability(said.probabilities, said.right)
    page.add(
        "Calibration",
        pages.paragraph("On dev, where it was fitted: of texts it has not seen it is worse."),
        files.png("calibration", "Calibration", drawn),
    )
    page.add(
        "Worst mistakes",
        pages.paragraph("Dev texts that the model was surest to know, and did not."),
        pages.rows(["surely", "in the text", "text"], list(_mistakes(said, labels))),
    )


def _mistakes(said: Answers, labels: tuple[str, ...]) -> Iterator[list[str]]:
    """The labels given wrongly with most certainty, and those missed with most; each text once."""
    wrong = said.probabilities * said.given * (1 - said.right)
    missed = (1 - said.probabilities) * (1 - said.given) * said.right * said.known[:, None]
    seen: set[int] = set()
    for score, word in ((wrong, "is"), (missed, "is not")):
        best = score.flatten().topk(min(4 * WORST, score.numel())).indices.tolist()
        mine = 0
        for row, number in (divmod(place, len(labels)) for place in best):
            if mine == WORST or not score[row, number] or row in seen:
                continue
            mine += 1
            seen.add(row)
            there = ", ".join(labels[n] for n in said.split.targets[row]) or "none"
            told = f"{word} {labels[number]} ({float(said.probabilities[row, number]):.2f})"
            text = pages.escape(said.split.texts[row][:SHOWN])
            yield [pages.escape(told), pages.escape(there), text]


def _together(right: Tensor) -> Any:
    share = (right.T @ right) / right.sum(0).clamp(min=1)[:, None]
    return share.fill_diagonal_(0).numpy()


def _draw_times(view: View, page: Page, files: _Files) -> None:
    """The shares of the commonest labels over time, where the texts have times."""
    dated = [(time.timestamp(), row) for row, time in enumerate(view.times) if time]
    if not dated:
        return
    span = max(dated)[0] - min(dated)[0]
    unit, seconds = next((u for u in UNITS if span / u[1] <= MOST_TIMES), UNITS[-1])
    groups: dict[int, list[int]] = {}
    for moment, row in dated:
        groups.setdefault(int(moment // seconds), []).append(row)
    if len(groups) < LEAST_TIMES:
        return
    moments = [datetime.fromtimestamp(place * seconds, UTC) for place in sorted(groups)]
    table = torch.stack([view.right[groups[place]].mean(0) for place in sorted(groups)]).numpy()
    felt = [n for n, label in enumerate(view.labels) if label != "neutral"]
    top = sorted(felt, key=lambda n: -float(view.right[:, n].sum()))[:TOP]
    drawn = figures.over_time(moments, table[:, top], [view.labels[n] for n in top], unit)
    page.add("Over time", files.png("over-time", "Labels over time", drawn))


def _draw_explained(view: View, page: Page, attentive: Any) -> None:
    """Which words count: their contributions, beside another model's attention if there is one."""
    explain: Callable[..., Any] | None = getattr(view.model, "explain", None)
    if explain is None or "emotion" not in view.model.thresholds:
        return
    texts = view.said.split.texts if view.said is not None else view.texts
    lines: list[list[str]] = []
    for text, one in zip(texts, view.model.predict(texts[: 8 * HEATED]), strict=False):
        if len(lines) == HEATED or one.primary in (None, "neutral") or len(text) > SHOWN:
            continue
        said = explain(text, "emotion", [one.primary])
        heated = pages.heat(said.tokens, said.contributions[one.primary])
        row = [pages.escape(str(one.primary)), heated]
        if attentive is not None:
            row.append(pages.heat(*attentive.attention(text)))
        lines.append(row)
    if lines:
        headings = ["emotion", said.method, "where the other model looks"]
        page.add("Words that count", pages.rows(headings[: len(lines[0])], lines))
