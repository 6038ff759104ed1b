"""What runs, as a table or as JSON."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from stack import checks, elasticsearch_server, kafka_server
from stack.state import DataDirectory, ProcessState

PROBES = {"kafka": kafka_server.is_ready, "elasticsearch": elasticsearch_server.is_ready}
COLUMNS = ("name", "pid", "address", "state", "uptime", "memory", "restarts")


@dataclass(frozen=True)
class Line:
    """One process as `status` shows it."""

    name: str
    pid: int | None
    address: str | None
    state: str
    ready: bool
    uptime_seconds: float | None
    memory_bytes: int | None
    restarts: int


def report(directory: DataDirectory) -> list[Line]:
    """Ask every process of the directory how it is now; nothing if there is no stack."""
    state = directory.read_state()
    if state is None or not directory.is_up():
        return []
    return [describe(directory, process) for process in state.processes]


def describe(directory: DataDirectory, process: ProcessState) -> Line:
    """Ask one process: a server whether it answers, a command whether it runs or has finished."""
    pid = process.pid
    with contextlib.suppress(OSError, ValueError):
        pid = pid and int(directory.pid_file(process.name).read_text(encoding="ascii"))
    ready = process.status in ("running", "finished")
    if process.name in PROBES and process.address is not None:
        ready = ready and PROBES[process.name](port_of(process.address))
    return Line(
        name=process.name,
        pid=pid,
        address=process.address,
        state=process.status if ready or process.status != "running" else "not answering",
        ready=ready,
        uptime_seconds=round(time.time() - process.since, 1) if pid else None,
        memory_bytes=checks.resident_memory(process.pid) if process.pid else None,
        restarts=process.restarts,
    )


def port_of(address: str) -> int:
    """The port in `host:port` or in a URL."""
    parts = urlsplit(address if "//" in address else f"//{address}")
    if parts.port is None:
        raise ValueError(address)
    return parts.port


def table(lines: Sequence[Line]) -> str:
    """Lay the lines out in columns."""
    rows = [COLUMNS, *(cells(line) for line in lines)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def cells(line: Line) -> tuple[str, ...]:
    """One line as text."""
    state = "ready" if line.ready and line.state == "running" else line.state
    return (
        line.name,
        str(line.pid or "-"),
        line.address or "-",
        state,
        duration(line.uptime_seconds),
        f"{line.memory_bytes // checks.MEGABYTE} MB" if line.memory_bytes else "-",
        str(line.restarts),
    )


def duration(seconds: float | None) -> str:
    """Write seconds as `2 h 05 min`, `3 min 20 s` or `12 s`."""
    if seconds is None:
        return "-"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
