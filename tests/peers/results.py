"""What each program did under each fault: a line of JSON each, and the table of docs/peers.md."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.peers.faults import FAULTS

DOCS = Path(__file__).parents[2] / "docs"
KEPT, PAGE = DOCS / "peers.ndjson", DOCS / "peers.md"
BEGIN, END = "<!-- made by `python -m tests.peers` -->", "<!-- end -->"

Result = Mapping[str, Any]


def verdict(result: Result) -> str:
    if result["wrong"]:
        return f"**fail**: {result['wrong']}"
    ends = result["restarts"]
    return f"pass, ended {ends} times" if ends > 1 else "pass, ended once" if ends else "pass"


def read(file: Path | None) -> list[Result]:
    if file is None or not file.exists():
        return []
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def keep(file: Path | None, result: Result) -> None:
    if file is not None:
        with file.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(result) + "\n")


def written(page: str, done: Sequence[Result]) -> str:
    """Gives the page with its table made anew."""
    before, after = page.split(BEGIN)[0], page.split(END)[1]
    return f"{before}{BEGIN}\n\n{_table(done)}\n\n{END}{after}"


def _table(done: Sequence[Result]) -> str:
    names = list(dict.fromkeys(one["peer"] for one in done))
    of = {(one["peer"], one["fault"]): one for one in done}
    of_peer = {one["peer"]: one["versions"] for one in done}
    lines = [_row("fault", names), "|---" * (len(names) + 1) + "|"]
    for fault in FAULTS:
        cells = [verdict(of[key]) if (key := (one, fault.__name__)) in of else "" for one in names]
        what = (fault.__doc__ or "").strip().rstrip(".")
        lines.append(_row(what, cells))
    lines.append(_row(f"**passed, of {len(FAULTS)}**", [_score(done, one) for one in names]))
    lines.append(_row("with", [of_peer[one] for one in names]))
    lines += ["", "; ".join(sorted({one["machine"] for one in done})) + "."]
    return "\n".join(lines)


def _row(first: str, cells: Sequence[str]) -> str:
    return f"| {first} | {' | '.join(cells)} |"


def _score(done: Sequence[Result], name: str) -> str:
    passed = [one for one in done if one["peer"] == name and not one["wrong"]]
    ended = sum(bool(one["restarts"]) for one in passed)
    return f"{len(passed)}, {ended} of them after a restart" if ended else str(len(passed))
