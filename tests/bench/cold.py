"""A cold start: from a command to its first record through, and what each help takes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib.metadata import PackageNotFoundError, distribution
from itertools import count
from pathlib import Path

from packaging.requirements import Requirement

from stream.topics import CLASSIFIED
from tests.bench import posts
from tests.bench.machine import ROOT, resident_megabytes
from tests.bench.stations import Rig, rig, wait_until
from tests.bench.trials import Bench, Run, Side

HELPED = ("stream", "ingest", "classifier", "indexer", "kibana", "web", "stack")


def start(servers: Rig, station: str, number: Iterator[int]) -> Run:
    """Starts a station for which one post waits, until the post is through."""
    servers.rewind()
    servers.empty()
    before = servers.on(CLASSIFIED)
    servers.put(list(posts.collected(1, f"{station}{next(number)}.")))
    if station == "indexer":
        with servers.station("classifier") as classifier:
            wait_until(lambda: servers.on(CLASSIFIED) > before, [classifier])
    through = {
        "classifier": lambda: servers.on(CLASSIFIED) > before,
        "indexer": lambda: servers.indexed() > 0,
    }
    began = time.perf_counter()
    with servers.station(station) as running:
        ready = running.ready_at - began
        wait_until(through[station], [running])
        seconds = time.perf_counter() - began
        held = resident_megabytes(running.id)
    more = {"ready_s": ready, "first_record_s": seconds, "rss_MB": held}
    return Run(1, seconds, running.starting, more | {"installed_MB": installed_megabytes(station)})


def help_of(package: str) -> Run:
    """Shows a command's help."""
    began = time.perf_counter()
    before = os.times()
    subprocess.run(
        [sys.executable, "-m", package, "--help"], cwd=ROOT, capture_output=True, check=True
    )
    after = os.times()
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    seconds = time.perf_counter() - began
    return Run(1, seconds, cpu, {"ready_s": seconds, "modules": modules(package)})


def modules(package: str) -> float:
    """Gives how many modules a command's help imports."""
    asked = [sys.executable, "-X", "importtime", "-m", package, "--help"]
    said = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stderr
    return float(len(re.findall(r"^import time:", said, re.MULTILINE)) - 1)


def installed_megabytes(extra: str) -> float:
    """Gives the size of the packages that a station needs, as they are installed here.

    Without NVIDIA's libraries, which the torch of CPU-only wheels does not need.
    """
    found: set[str] = set()
    waiting = [("emostream", extra)]
    total = 0
    while waiting:
        name, wanted = waiting.pop()
        if name in found or name.startswith(("nvidia-", "cuda-")) or name == "triton":
            continue
        found.add(name)
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue
        for line in package.requires or ():
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": wanted}):
                waiting.append((needed.name.lower(), next(iter(needed.extras), "")))
        files = [Path(str(package.locate_file(one))) for one in package.files or ()]
        total += sum(one.stat().st_size for one in files if one.exists())
    return total / 1e6


@contextmanager
def sides() -> Iterator[Mapping[str, Side]]:
    """Starts the servers; each command is a process of its own."""
    with rig() as servers:
        number = count()
        made: dict[str, Side] = {
            f"{station} run": partial(start, servers, station, number)
            for station in ("classifier", "indexer")
        }
        yield made | {f"{name} --help": partial(help_of, name) for name in HELPED}


BENCH = Bench(
    name="cold",
    title="From a command to its first record",
    about="""\
Each station is started for one post that waits on its topic: seconds until it says that it works,
and until the post is on the next topic or in the index; its memory then, and the size of the
packages that it needs (without NVIDIA's libraries). Of each command's help, the seconds until it
ends, and how many modules it imports. Processor time is until ready. The files are in the page
cache.""",
    sides=sides,
    peers=False,
)
