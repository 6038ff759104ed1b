"""The page of the benches, from their raw file: docs/benchmarks.md from docs/benchmarks.ndjson."""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bench.machine import ROOT
from tests.bench.trials import EFFORTS, Goal, Limit, Ratio, Rounds, Run

RAW, PAGE = ROOT / "docs" / "benchmarks.ndjson", ROOT / "docs" / "benchmarks.md"

Result = Mapping[str, Any]
"""A line of the raw file: what a bench was, where it ran, every run."""

HEAD = """\
# How fast it is

Made by `python -m tests.bench page` from [every run](benchmarks.ndjson). The sides of a bench take
turns on one machine, so that what else it does meets all of them; peers in another order each
round. A ratio is made within each round; its median counts, and the lowest and highest stand beside
it.
"""


def read(file: Path) -> dict[str, Result]:
    """Gives the last result of each bench, by its name."""
    if not file.exists():
        return {}
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return {one["bench"]: one for one in lines}


def keep(file: Path, result: Result) -> None:
    """Adds a result."""
    with file.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(result, ensure_ascii=False) + "\n")


def rounds_of(result: Result) -> dict[str, list[Run]]:
    """Gives the runs of each side."""
    return {name: [Run(**one) for one in runs] for name, runs in result["sides"].items()}


def page(results: Mapping[str, Result]) -> str:
    """Writes what was reached, then each bench."""
    lines = [HEAD, "| bench | wanted | measured | |", "|---|---|---|---|"]
    for one in results.values():
        lines += [
            f"| [{one['bench']}](#{anchor(one['title'])}) | {wanted} | {measured} | {verdict} |"
            for wanted, measured, verdict in _verdicts(one)
        ]
    for one in results.values():
        lines += ["", *section(one)]
    return "\n".join(lines) + "\n"


def anchor(title: str) -> str:
    """Gives the name under which a heading can be linked to."""
    kept = "".join(one for one in title.lower() if one.isalnum() or one in " -_")
    return kept.replace(" ", "-")


def section(result: Result) -> list[str]:
    """Writes one bench, line by line."""
    rounds = rounds_of(result)
    turns = _count(len(next(iter(rounds.values()))), "round")
    made = f"`{result['command']}`, {result['measured'][:10]}, medians of {turns}."
    return [
        f"## {result['title']}",
        "",
        result["about"],
        "",
        *_table(rounds, result["peers"]),
        "",
        *(f"- {wanted}: {measured}, {verdict}" for wanted, measured, verdict in _verdicts(result)),
        *([""] if result["goals"] or result["limits"] else []),
        f"{made} {where(result['machine'])}",
    ]


def _table(rounds: Rounds, peers: bool) -> list[str]:
    """A row for each side; where they are peers, how many times as fast the first is."""
    first, *others = rounds
    peers = peers and bool(others)
    more = list(
        dict.fromkeys(name for runs in rounds.values() for one in runs for name in one.more)
    )
    columns = ["records", "records a second", "µs of processor a record", *map(_name, more)]
    columns += [f"times as fast: {first}"] if peers else []
    lines = [_row("side", columns), "|---" * (len(columns) + 1) + "|"]
    for name, runs in rounds.items():
        cells = [
            f"{runs[0].records:,}",
            figure(statistics.median([one.records / one.seconds for one in runs])),
            figure(statistics.median([one.number("cpu") * 1e6 for one in runs])),
        ]
        for number in more:
            has = [one.more[number] for one in runs if number in one.more]
            cells.append(figure(statistics.median(has)) if has else "")
        if peers:
            cells.append("" if name == first else spread(Goal(first, name, 1).ratio(rounds)))
        lines.append(_row(name, cells))
    return lines


def _verdicts(result: Result) -> list[tuple[str, str, str]]:
    """What is wanted, what was measured, and whether that is reached."""
    rounds = rounds_of(result)
    found = []
    for goal in (Goal(**one) for one in result["goals"]):
        found.append((_wanted(goal), spread(goal.ratio(rounds)), _verdict(goal.reached(rounds))))
    for limit in (Limit(**one) for one in result["limits"]):
        wanted = f"{limit.side}: {_of(limit.by)} at most {figure(limit.at_most)}"
        measured = spread(limit.measured(rounds))
        found.append((wanted, measured, _verdict(limit.reached(rounds))))
    return found


def _wanted(goal: Goal) -> str:
    bound = "at least" if goal.at_least else "at most"
    if goal.by not in EFFORTS:
        what = f"{_name(goal.by)}, times that of"
    elif goal.at_least:
        what = "times as fast as" if goal.by == "seconds" else "times as many for the processor as"
    else:
        what = f"times the {'time' if goal.by == 'seconds' else 'processor time'} a record of"
    return f"{goal.ours}: {bound} {figure(goal.times)} {what} {goal.peer}"


def _of(number: str) -> str:
    return {"seconds": "µs a record", "cpu": "µs of processor a record"}.get(number, _name(number))


def _verdict(reached: bool) -> str:
    return "reached" if reached else "**missed**"


def where(machine: Mapping[str, Any]) -> str:
    """Writes where it was measured, with which versions."""
    versions = ", ".join(f"{name} {of}" for name, of in machine["versions"].items())
    return (
        f"{_count(machine['cores'], 'core')} of {machine['processor']}, {machine['system']}, load"
        f" average before {machine['load_average']:g}; Python {machine['python']}, {versions};"
        f" commit {machine['commit'] or 'unknown'}."
    )


def spread(ratio: Ratio) -> str:
    """Writes a median with what it lies between."""
    return f"{figure(ratio.median)} ({figure(ratio.lowest)} to {figure(ratio.highest)})"


def figure(number: float) -> str:
    """Writes a number to three digits that count, with the thousands apart."""
    size = abs(number)
    if size >= 100:
        return f"{number:,.0f}"
    return f"{number:.3g}" if size >= 1 else f"{number:.2g}"


def _name(number: str) -> str:
    return number.replace("_", " ")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _row(first: str, cells: Sequence[str]) -> str:
    return f"| {first} | {' | '.join(cells)} |"


def main(arguments: list[str]) -> int:
    """Writes the page from the raw file."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench page", description=main.__doc__)
    parser.add_argument("--out", type=Path, default=RAW, help="the raw file")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page")
    asked = parser.parse_args(arguments)
    asked.page.write_text(page(read(asked.out)), encoding="utf-8")
    return 0
