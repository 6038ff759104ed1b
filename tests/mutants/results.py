"""What became of each mutant: a line of JSON each, and the table of docs/mutants.md."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.mutants.catalogue import ROOT, Mutant

KEPT, PAGE = ROOT / "docs" / "mutants.ndjson", ROOT / "docs" / "mutants.md"
BEGIN, END = "<!-- made by `python -m tests.mutants` -->", "<!-- end -->"
NAMED, OTHER, SURVIVED, BROKEN = "killed", "killed by another", "survived", "cannot be run"

Results = Mapping[str, Mapping[str, Any]]


def read(file: Path | None) -> dict[str, Mapping[str, Any]]:
    """Gives the last result of each mutant, by its name."""
    if file is None or not file.exists():
        return {}
    lines = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    return {one["name"]: one for one in lines}


def keep(file: Path | None, result: Mapping[str, Any]) -> None:
    """Adds a result."""
    if file is not None:
        with file.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(result) + "\n")


def written(page: str, catalogue: Sequence[Mutant], done: Results) -> str:
    """Gives the page with its table made anew."""
    before, after = page.split(BEGIN)[0], page.split(END)[1]
    found = [(one, done[one.name]) for one in catalogue if one.name in done]
    ends = [result["result"] for _mutant, result in found]
    total = ", ".join(f"{ends.count(one)} {one}" for one in dict.fromkeys(ends))
    lines = [
        f"{len(found)} mutants: {total}.",
        "",
        "| mutant | file | harm | seen in | noticed by |",
        "|---|---|---|---|---|",
        *(_row(mutant, result) for mutant, result in found),
    ]
    table = "\n".join(lines)
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{after}"


def _row(mutant: Mutant, result: Mapping[str, Any]) -> str:
    by = f"**{result['result']}**"
    if "::" in result["by"]:
        file, _colons, test = result["by"].partition("::")
        by = f"[{test.removeprefix('test_').replace('_', ' ')}](../{file})"
    if result["result"] == OTHER:
        by += " (not the one predicted)"
    return f"| {mutant.name} | `{mutant.file}` | {mutant.harm} | {mutant.source} | {by} |"
