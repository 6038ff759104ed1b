"""A comparison as tables (text, Markdown, CSV), plots, and one HTML page that needs no network."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from classifier import checkpoint
from classifier.heads import HEADS
from classifier.lab import drawing, pages
from classifier.lab.compare import Compared
from classifier.lab.measures import main_measure, mean, title
from classifier.lab.pages import Page
from classifier.lab.plan import Goal

MEASURES = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "micro_f1": "micro-F1",
    "macro_precision": "precision",
    "macro_recall": "recall",
    "calibration_error": "calibration error",
}
HOW = (
    "Scores are of the test split, precision and recall the means over the labels, in brackets the"
    " 95 % interval over 1,000 bootstrap samples of its texts; of several seeds scores are means."
    " The best epoch is chosen by dev, and calibration (a temperature, and a bias a label where"
    " labels are given by thresholds) and thresholds are fitted on it. So dev macro-F1 of heads"
    " with several labels is crossed: thresholds of one half, measured on the other; every other"
    " dev figure is of the texts that were fitted on, and accuracy that of the epoch they chose."
    " Train time is of this machine as it was, with what else ran on it; of an ensemble or a"
    " cascade it is that of putting it together, without its members' own. Texts a second: all"
    " models in turn in one run, from text to logits, the median of three rounds."
)


def write(compared: Compared, folder: Path, command: str) -> list[Path]:
    """Writes report.md, report.csv, report.json, report.html and plots; gives their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    plots = drawing.draw(folder, compared)
    rows = {head: table(compared, head) for head in compared.plan.heads}
    checkpoint.write_text(folder / "report.md", markdown(compared, rows, plots, command))
    checkpoint.write_text(folder / "report.csv", _csv(compared))
    checkpoint.write_text(folder / "report.html", _html(compared, rows, plots, folder, command))
    content = {"command": command, "unfinished": compared.unfinished, "results": compared.results}
    checkpoint.write_text(folder / "report.json", json.dumps(content, indent=2) + "\n")
    names = ("report.html", "report.md", "report.csv", "report.json")
    return [folder / name for name in names]


def table(compared: Compared, head: str) -> list[list[str]]:
    """A header and a row a model, best first, of one head."""
    split = split_of(compared, head)
    measures = [each for each in MEASURES if each != "accuracy" or not HEADS[head].several]
    header = ["model", *(MEASURES[each] for each in measures), "seeds", "train min", "texts/s",
              "parameters", "MB"]  # fmt: skip
    groups: dict[str, list[dict[str, Any]]] = {}
    for each in compared.results:
        groups.setdefault(each["model"], []).append(each)
    key = main_measure(head)
    ranked = sorted(
        groups, key=lambda name: -mean([r["scores"][head][split][key] for r in groups[name]])
    )
    return [header, *(_row(name, groups[name], head, split, measures) for name in ranked)]


def split_of(compared: Compared, head: str) -> str:
    """Test, or dev of a head without test texts."""
    there = all("test" in each["scores"][head] for each in compared.results)
    return "test" if there else "dev"


def _row(
    name: str, cells: Sequence[Mapping[str, Any]], head: str, split: str, measures: Sequence[str]
) -> list[str]:
    scores = [each["scores"][head][split] for each in cells]
    row = [name]
    for measure in measures:
        text = f"{mean([each[measure] for each in scores]):.4f}"
        if f"{measure}_interval" in scores[0]:
            ends = [mean([each[f"{measure}_interval"][side] for each in scores]) for side in (0, 1)]
            text += f" [{ends[0]:.3f}, {ends[1]:.3f}]"
        row.append(text)
    first = cells[0]
    return [
        *row,
        ", ".join(str(each["seed"]) for each in cells),
        f"{mean([each['seconds'] for each in cells]) / 60:.1f}",
        f"{first['speed']:,.0f}",
        f"{first['parameters']:,}",
        f"{first['bytes'] / 1e6:.1f}",
    ]


def goals(compared: Compared) -> list[str]:
    """A line a goal: what was wanted, what was reached."""
    return [_goal(compared, goal) for goal in compared.plan.goals]


def _goal(compared: Compared, goal: Goal) -> str:
    head = goal.head or compared.plan.heads[0]
    wanted = f"{goal.model}: {head} {title(goal.measure)} {goal.least:.4g} on {goal.split}"
    found = [
        each["scores"][head][goal.split][goal.measure]
        for each in compared.results
        if each["model"] == goal.model and goal.split in each["scores"][head]
    ]
    if not found:
        return f"{wanted}: not measured yet"
    reached = mean(found)
    if reached >= goal.least:
        return f"{wanted}: reached, {reached:.4f}"
    return f"{wanted}: missed by {goal.least - reached:.4f}, {reached:.4f}"


def as_text(rows: list[list[str]]) -> str:
    """A table for the terminal; the intervals are left to the files."""
    plain = [[cell.partition(" [")[0] for cell in row] for row in rows]
    widths = [max(len(row[at]) for row in plain) for at in range(len(plain[0]))]
    lines = []
    for row in plain:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells))
    return "\n".join(lines)


def markdown(
    compared: Compared,
    rows: Mapping[str, list[list[str]]],
    plots: Mapping[str, str],
    command: str,
) -> str:
    """The report as Markdown."""
    parts = [f"# {_title(compared)}", compared.plan.about, f"```sh\n{command}\n```"]
    for head, each in rows.items():
        texts = compared.results[0]["texts"][head] if compared.results else [0, 0, 0]
        parts.append(f"## {head}")
        parts.append(
            f"{texts[0]:,} texts to learn from, {texts[1]:,} for dev, {texts[2]:,} for test;"
            f" scores of {split_of(compared, head)}."
        )
        lines = [f"| {' | '.join(row)} |" for row in each]
        lines.insert(1, "|" + "---|" * len(each[0]))
        parts.append("\n".join(lines))
    parts.append(HOW)
    if reached := goals(compared):
        parts += ["## Goals", "\n".join(f"- {line}" for line in reached)]
    if compared.unfinished:
        left = "\n".join(f"- {name}: {why}" for name, why in compared.unfinished.items())
        parts += ["## Not done yet", left, "The same command goes on with them."]
    parts += [f"![{shown}]({name})" for name, shown in plots.items()]
    return "\n\n".join(part for part in parts if part) + "\n"


def _title(compared: Compared) -> str:
    count = len(compared.plan.models)
    return f"{', '.join(compared.plan.heads)}: {count} model{'s' if count > 1 else ''}"


def _csv(compared: Compared) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    splits = [f"{split}_{each}" for split in ("dev", "test") for each in MEASURES]
    writer.writerow(["head", "model", "family", "seed", *splits, "seconds", "epochs",
                     "texts_per_second", "parameters", "bytes"])  # fmt: skip
    for each in compared.results:
        for head in compared.plan.heads:
            found = [
                each["scores"][head].get(split, {}).get(measure, "")
                for split in ("dev", "test")
                for measure in MEASURES
            ]
            writer.writerow([head, each["model"], each["family"], each["seed"], *found,
                             each["seconds"], each["epochs"], each["speed"], each["parameters"],
                             each["bytes"]])  # fmt: skip
    return out.getvalue()


def _html(
    compared: Compared,
    rows: Mapping[str, list[list[str]]],
    plots: Mapping[str, str],
    folder: Path,
    command: str,
) -> str:
    page = Page(_title(compared), compared.plan.about)
    page.add("Command", pages.code(command))
    for head, each in rows.items():
        page.add(f"{head}, {split_of(compared, head)}", _html_table(each))
    page.add("How to read it", pages.paragraph(HOW, "quiet"))
    if reached := goals(compared):
        page.add("Goals", pages.points(reached))
    if compared.unfinished:
        left = [f"{name}: {why}" for name, why in compared.unfinished.items()]
        page.add("Not done yet", pages.points(left))
    drawn = [
        pages.paragraph(shown) + pages.image((folder / name).read_bytes(), shown)
        for name, shown in plots.items()
    ]
    if drawn:
        page.add("Plots", *drawn)
    options = {each["model"]: each["options"] for each in compared.results}
    page.add("Options of each model", pages.code(json.dumps(options, indent=2)))
    return page.html()


def _html_table(rows: list[list[str]]) -> str:
    def cell(text: str) -> str:
        value, bracket, rest = pages.escape(text).partition(" [")
        return f"{value} <small>[{rest}</small>" if bracket else value

    return pages.rows(rows[0], [[cell(each) for each in row] for row in rows[1:]], "numbers")
