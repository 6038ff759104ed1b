"""How fast the API is: `python -m tests.web.bench` writes docs/bench-web.md and .json.

One worker pinned to one core, the client to another. Beside it, in the same run and in turns, a
plain Flask endpoint around the same model on gunicorn, once with its default worker (a connection
for each request) and once with one that keeps connections. Needs two idle cores and some minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from urllib3.exceptions import HTTPError

from tests.web.serving import Server

ROOT = Path(__file__).parents[3]
PAGE, RAW = ROOT / "docs" / "bench-web.md", ROOT / "docs" / "bench-web.json"
CONNECTIONS = (1, 8, 16, 32, 48)
FLASK = ("flask==3.1.3", "gunicorn==27.0.1")
START_SECONDS = 120.0
OURS = "python -m web"

Row = dict[str, float]


def commands(gunicorn: Path) -> dict[str, tuple[list[str], dict[str, str]]]:
    """Server to its command, which ends with where the port goes, and its variables."""
    flask = [
        sys.executable, "-m", "gunicorn", "--workers", "1", "--log-level", "error",
        "tests.web.bench.flask_app:app",
    ]  # fmt: skip
    there = {"PYTHONPATH": f"{gunicorn}:{ROOT}"}
    return {
        OURS: ([sys.executable, "-m", "web", "--port", "{port}"], {}),
        "Flask, gunicorn": ([*flask, "--bind", "127.0.0.1:{port}"], there),
        "Flask, gunicorn that keeps connections": (
            [*flask, "--worker-class", "gthread", "--threads", "4", "--bind", "127.0.0.1:{port}"],
            there,
        ),
    }


@contextmanager
def started(command: list[str], variables: dict[str, str], core: int) -> Iterator[tuple[int, int]]:
    """Runs a server on one core until the block ends; gives its port and its process's number."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})  # the child inherits it
    try:
        process = subprocess.Popen(
            [part.format(port=port) for part in command],
            cwd=ROOT,
            env=os.environ | variables | {"EMOSTREAM_LOG_LEVEL": "ERROR"},
        )
    finally:
        os.sched_setaffinity(0, everywhere)
    try:
        _wait(port, process)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(30)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise SystemExit(f"a server ended with {process.returncode}")
        with suppress(HTTPError):
            if Server(port).classify(text="ready").status == 200:
                return
        time.sleep(0.1)
    raise SystemExit("a server did not answer")


def processor_seconds(server: int) -> float:
    """What a server and its workers have taken of the processor, as Linux counts it."""
    its = Path(f"/proc/{server}")
    ticks = (its / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[11:13]
    workers = (its / "task" / str(server) / "children").read_text(encoding="utf-8").split()
    own = sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
    return own + sum(processor_seconds(int(one)) for one in workers)


def measured(port: int, server: int, connections: int, seconds: float, core: int) -> Row:
    """Asks a server for some seconds from a process on another core."""
    before = processor_seconds(server)
    command = [sys.executable, "-m", "tests.web.bench.client", *map(str, (port, connections))]
    done = subprocess.run(
        ["taskset", "-c", str(core), *command, str(seconds)],
        cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=seconds + START_SECONDS,
    )  # fmt: skip
    row: Row = json.loads(done.stdout)
    taken = processor_seconds(server) - before
    return {**row, "cpu_us": round(1e6 * taken / row["answered"], 1)}


def processor() -> str:
    """The processor's name."""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(": ")[2]
    return platform.machine()


def run(rounds: int, seconds: float) -> dict[str, Any]:
    """Starts the servers and asks them in turns."""
    ours, clients = sorted(os.sched_getaffinity(0))[:2]
    load = os.getloadavg()[0]
    rows: dict[str, dict[int, list[Row]]] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder)]
        subprocess.run(
            [*install, "-c", str(ROOT / "constraints.txt"), *FLASK], check=True, cwd=ROOT
        )
        servers = {
            name: stack.enter_context(started(command, variables, ours))
            for name, (command, variables) in commands(folder).items()
        }
        model = Server(servers[OURS][0]).get("/v1/model").json()["models"][0]
        for number in range(rounds):
            for connections in CONNECTIONS:
                for name, (port, server) in servers.items():
                    row = measured(port, server, connections, seconds, clients)
                    print(f"{number + 1}/{rounds} {name}, {connections}: {row}", file=sys.stderr)
                    rows.setdefault(name, {}).setdefault(connections, []).append(row)
    return {
        "measured": f"{datetime.now(UTC):%Y-%m-%d}",
        "model": model,
        "processor": processor(),
        "python": platform.python_version(),
        "flask": list(FLASK),
        "load_average_before": round(load, 2),
        "rounds": rounds,
        "seconds": seconds,
        "servers": rows,
    }


def median(rows: list[Row], name: str) -> float:
    """The median of one number over the rounds."""
    return statistics.median(row[name] for row in rows)


GOAL = "3,000 requests a second with p99 < 20 ms, and 10 times as many as Flask"
QUIET = 0.5
"""Load average of a machine that does nothing else."""


def reached(servers: dict[str, Any]) -> list[str]:
    """The numbers of connections that show the goal."""
    flask = servers["Flask, gunicorn"]
    return [
        str(connections)
        for connections, rows in servers[OURS].items()
        if (rate := median(rows, "per_second")) >= 3000
        and median(rows, "p99_ms") < 20
        and rate >= 10 * median(flask[connections], "per_second")
    ]


def verdict(found: dict[str, Any]) -> str:
    """What the numbers show of the goal."""
    if shown := reached(found["servers"]):
        said = f"is **reached** with {' and with '.join(shown)} connections."
    elif found["load_average_before"] < QUIET:
        said = "has **not been shown**, on a quiet machine."
    else:
        said = "has **not been shown** on a quiet machine yet: this one had other work."
    return (
        f"The goal, {GOAL}\n(all at one number of connections), {said}\n"
        f"Every number is a median of {found['rounds']} rounds of {found['seconds']:g} s."
    )


def page(found: dict[str, Any], command: str) -> str:
    """Writes the medians for people."""
    servers = found["servers"]
    head = f"""\
# How fast the API is

{verdict(found)}

`{command}`, {found["measured"]}: {found["model"]}, one worker on one core of {found["processor"]},
the client on another; Python {found["python"]}, {" and ".join(found["flask"])}; load average before
the start {found["load_average_before"]:g}.

Each request has one text of the sample posts, and each connection asks again when it has its
answer. The servers take turns ([all rounds](bench-web.json)). The client is
`tests/web/bench/client.py`. The last column is the time that the server had the processor, for each
request: what else the machine does changes it least.
"""
    lines = head.splitlines()
    for name, by_connections in servers.items():
        lines += [
            "",
            f"| {name}: connections | requests a second | p50 | p99 | times Flask | µs a request |",
            "|---|---|---|---|---|---|",
        ]
        for connections, rows in by_connections.items():
            flask = median(servers["Flask, gunicorn"][connections], "per_second")
            rate = median(rows, "per_second")
            lines.append(
                f"| {connections} | {rate:,.0f} | {median(rows, 'p50_ms'):.1f} ms "
                f"| {median(rows, 'p99_ms'):.1f} ms | {rate / flask:.1f} "
                f"| {median(rows, 'cpu_us'):,.0f} |"
            )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Parses the command line, measures, writes."""
    parser = argparse.ArgumentParser(prog="python -m tests.web.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=2.5, help="of each; default: %(default)g")
    parser.add_argument("--to", type=Path, help="a folder in place of docs/")
    options = parser.parse_args()
    found = run(options.rounds, options.seconds)
    raw, text = (options.to / RAW.name, options.to / PAGE.name) if options.to else (RAW, PAGE)
    raw.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    text.write_text(page(found, "python -m tests.web.bench"), encoding="utf-8")
    print(text.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
