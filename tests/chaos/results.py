"""The results of seeds: kept one by one, so that a campaign can go on where it was stopped."""

import json
import os
import platform
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.chaos.campaign import Result

BEGIN, END = "<!-- results -->", "<!-- end of results -->"


def read(file: Path | None) -> list[dict[str, Any]]:
    """Gives the results that are there."""
    if file is None or not file.exists():
        return []
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def keep(file: Path | None, result: Result) -> dict[str, Any]:
    """Adds a result, with the machine it was made on."""
    fields = result.fields() | {"machine": machine()}
    if file is not None:
        with file.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(fields) + "\n")
    return fields


def machine() -> str:
    """Names what the results depend on besides the code."""
    return (
        f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, "
        f"confluent-kafka {version('confluent-kafka')}, kafka-python {version('kafka-python')}, "
        f"elasticsearch {version('elasticsearch')}"
    )


def summary(done: list[dict[str, Any]]) -> str:
    """Says what all results come to."""
    deaths = sum(sum(one["deaths"].values()) for one in done)
    records = sum(one["records"] for one in done)
    broken = sum(bool(one["violations"]) for one in done)
    seconds = sum(one["seconds"] for one in done)
    return (
        f"{len(done)} seeds, {records:,} records, {deaths:,} deaths, "
        f"{broken} seeds broke the law, {seconds:,.0f} s"
    )


def write_page(page: Path, done: list[dict[str, Any]]) -> None:
    """Replaces what stands between the two marks of a page."""
    text = page.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n{table(done)}\n{END}{after}", encoding="utf-8")


def table(done: list[dict[str, Any]]) -> str:
    """Writes the sum, and how often each thing ended a process."""
    deaths: Counter[str] = Counter()
    for one in done:
        for what, count in one["deaths"].items():
            deaths[_kind(what)] += count
    machines = "; ".join(sorted({one["machine"] for one in done}))
    lines = [
        f"{summary(done)}. Measured on {machines}; the servers are those of `python -m stack`."
    ]
    lines += ["", f"`python -m tests.chaos --seeds {len(done)} --out docs/chaos.ndjson`", ""]
    lines += ["| what ended a process | times |", "|---|---|"]
    return "\n".join(lines + [f"| {what} | {count:,} |" for what, count in sorted(deaths.items())])


def _kind(what: str) -> str:
    if what.startswith("at "):
        return what.partition(":")[0]
    worker, ended, code = what.partition(" exit ")
    return f"{worker.partition('-')[0]} by itself, exit code {code}" if ended else what
