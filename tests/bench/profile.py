"""Where the processor time of a station goes: a table and a flame graph for each.

`python -m tests.bench profile` runs a station alone over a full topic and looks at its stack 100
times a second with py-spy (`python -m tests.bench venv` installs it). A sample belongs to the
deepest function of ours on the stack, with all that it calls in libraries; threads that are none of
Python's, as librdkafka's, are taken from what the system says of each.
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stream.topics import CLASSIFIED
from tests.bench import machine, venv
from tests.bench.page import figure, where
from tests.bench.stations import Process, Rig, rig, wait_until

DOCS = machine.ROOT / "docs"
PAGE, FOLDER = DOCS / "profile.md", DOCS / "profile"
BEGIN, END = "<!-- made by `python -m tests.bench profile` -->", "<!-- end -->"
STATIONS = ("classifier", "indexer")
POSTS = 60_000
RATE = 100
RDKAFKA = "librdkafka's own threads"
FEWEST = 0.01
"""Share of the time that a row of the table has at least; the others are one row."""
TITLE = re.compile(r"[^<>]*py-spy record [^<>]*")
WHAT = f"""\
`python -m tests.bench profile`: each station alone over {POSTS:,} posts, its stacks looked at
{RATE} times a second. A row is a function of ours with all that it calls in libraries, not in other
functions of ours; threads that are none of Python's are a row of their own."""
FRAME = re.compile(r"^(?P<name>.+) \((?P<file>[^()]*?)(?::\d+)?\)$")
OURS = re.compile(r"(?:^|/)(?P<file>(?:stream|classifier|indexer)/[\w/]+\.py)$")


def shares(stacks: Iterable[str]) -> Counter[str]:
    """Counts the samples of each function of ours, from py-spy's lines `frame;frame count`."""
    found: Counter[str] = Counter()
    for line in stacks:
        frames, _space, times = line.rpartition(" ")
        found[_deepest(frames.split(";"))] += int(times)
    return found


def _deepest(frames: list[str]) -> str:
    for frame in reversed(frames):
        if (parts := FRAME.match(frame)) and (ours := OURS.search(parts["file"])):
            return f"{ours['file']} {parts['name']}"
    files = [parts["file"] for frame in frames if (parts := FRAME.match(frame))]
    theirs = [file.partition("/")[0] for file in files if not file.startswith("threading.py")]
    return f"threads of {theirs[0]}" if theirs else "Python itself"


def python_share(process: int) -> tuple[float, dict[str, float]]:
    """Gives the processor seconds of Python's threads, and of others by their names so far."""
    python, others = 0.0, dict.fromkeys([RDKAFKA], 0.0)
    for task in Path(f"/proc/{process}/task").iterdir():
        name = (task / "comm").read_text(encoding="utf-8").strip()
        user, system = (task / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[11:13]
        seconds = (int(user) + int(system)) / machine.TICKS
        if name.startswith("rdk:"):
            others[RDKAFKA] += seconds
        else:
            python += seconds
    return python, others


@contextmanager
def spied(process: Process, form: str, out: Path) -> Iterator[None]:
    """Looks at the stacks of a process until the block ends, then writes them."""
    program = venv.folder() / "bin" / "py-spy"
    options = ["--rate", str(RATE), "--format", form, "--duration", "unlimited", "--nonblocking"]
    spy = subprocess.Popen(
        [str(program), "record", "--pid", str(process.id), "--output", str(out), *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        spy.send_signal(signal.SIGINT)
        spy.wait(60)


def turn(servers: Rig, station: str, form: str, out: Path) -> dict[str, Any]:
    """Runs a station over its topic; gives microseconds a record of Python and other threads."""
    if station == "classifier":
        servers.rewind()
    else:
        servers.empty()
        servers.again("indexer", CLASSIFIED)
    with servers.station(station) as running:
        running.hold()
        before, others_before = python_share(running.id)
        with spied(running, form, out):
            time.sleep(1)  # py-spy finds its way before anything is done
            running.go()
            if station == "classifier":
                wait_until(lambda: servers.on(CLASSIFIED) >= POSTS, [running])
            else:
                servers.until_found(POSTS, running)
            python, others = python_share(running.id)
    micro = 1e6 / POSTS
    of_others = {name: (one - others_before.get(name, 0)) * micro for name, one in others.items()}
    return {"python": (python - before) * micro, **of_others}


def profiled(servers: Rig, station: str, folder: Path, tree: Path) -> dict[str, Any]:
    """Profiles a station; of the tree that this is, as a flame graph too."""
    stacks = servers.folder / "stacks"
    if tree == machine.ROOT:
        graph = folder / f"{station}.svg"
        turn(servers, station, "flamegraph", graph)
        title = TITLE.sub(f"{station}: python -m tests.bench profile", graph.read_text("utf-8"))
        graph.write_text(title, encoding="utf-8")
    micro = turn(servers, station, "raw", stacks)
    samples = shares(stacks.read_text(encoding="utf-8").splitlines())
    return {"micro": micro, "samples": dict(samples.most_common())}


def table(samples: Mapping[str, int], micro: Mapping[str, float]) -> list[str]:
    """Writes what each function takes, the most first."""
    total, python = sum(samples.values()), micro["python"]
    rows = {f"`{name}`": python * number / total for name, number in samples.items()}
    rows |= {name: one for name, one in micro.items() if name != "python"}
    all_of_it = sum(rows.values())
    shown = {name: one for name, one in rows.items() if one >= FEWEST * all_of_it}
    shown = dict(sorted(shown.items(), key=lambda row: -row[1]))
    shown["everything below 1 %"] = all_of_it - sum(shown.values())
    lines = ["| where | µs a record | share |", "|---|---|---|"]
    lines += [f"| {name} | {figure(one)} | {one / all_of_it:.0%} |" for name, one in shown.items()]
    return [*lines, f"| **all** | **{figure(all_of_it)}** | |"]


def written(page: str, found: Mapping[str, Any]) -> str:
    """Gives the page with our part made anew, at its end where it has none yet."""
    lines = ["## By samples of the stack", "", WHAT, "", where(found["machine"]), ""]
    for station, one in found["stations"].items():
        lines += [f"### {station.capitalize()}", "", *table(one["samples"], one["micro"]), ""]
        lines += [f"![Flame graph of the {station}](profile/{station}.svg)", ""]
        if (before := found.get("before", {})) and station in before["stations"]:
            was = before["stations"][station]
            lines += [f"<details><summary>Before, at {before['machine']['commit']}</summary>", ""]
            lines += [*table(was["samples"], was["micro"]), "", "</details>", ""]
    ours = "\n".join([BEGIN, "", *lines, END])
    if BEGIN not in page:
        return f"{page.rstrip()}\n\n{ours}\n"
    return page.split(BEGIN)[0] + ours + page.split(BEGIN)[1].partition(END)[2]


def main(arguments: list[str]) -> int:
    """Profiles both stations and writes the page."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench profile",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("stations", nargs="*", metavar="STATION", help=", ".join(STATIONS))
    parser.add_argument("--tree", type=Path, metavar="FOLDER", help="profile the stations of this "
        "checkout, an older one, as what was before")  # fmt: skip
    parser.add_argument("--page", type=Path, default=PAGE, help="the page; graphs stand beside it")
    asked = parser.parse_args(arguments)
    venv.python()
    folder = asked.page.parent / FOLDER.name
    folder.mkdir(exist_ok=True)
    raw = folder / "profile.json"
    kept = json.loads(raw.read_text(encoding="utf-8")) if raw.exists() else {}
    tree = asked.tree.absolute() if asked.tree else machine.ROOT
    found = kept.setdefault("before", {}) if asked.tree else kept
    found["machine"] = machine.facts(tree)
    with rig(tree=tree) as servers:
        servers.fill(POSTS)
        turn(servers, "classifier", "raw", servers.folder / "stacks")  # the indexer's turns read it
        for station in asked.stations or STATIONS:
            found.setdefault("stations", {})[station] = profiled(servers, station, folder, tree)
    raw.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    page = asked.page.read_text(encoding="utf-8") if asked.page.exists() else "# Profile\n"
    asked.page.write_text(written(page, kept), encoding="utf-8")
    return 0
