"""Read the logs of one process or of all, and follow them as they grow."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from stack.checks import tail
from stack.errors import StackError
from stack.state import DataDirectory

LOOK_EVERY = 0.3


def find(directory: DataDirectory, name: str | None) -> list[Path]:
    """The logs of this directory, or the one of that name.

    Raises:
        StackError: when there is none.
    """
    logs = sorted(directory.logs.glob("*.log"))
    if name is None:
        if not logs:
            raise StackError(f"no logs in {directory.path} yet: `python -m stack up` writes them")
        return logs
    chosen = [log for log in logs if log.stem == name]
    if not chosen:
        known = ", ".join(log.stem for log in logs) or "none yet"
        raise StackError(f"no log named {name}: there are {known}")
    return chosen


def last_lines(logs: Sequence[Path], count: int) -> Iterator[str]:
    """The last lines of each log, under its name if there are several."""
    for log in logs:
        if len(logs) > 1:
            yield f"==> {log.stem} <=="
        yield from tail(log, count)


def follow(logs: Sequence[Path]) -> Iterator[str]:
    """Lines that any of the logs gets from now on, for ever; a log may begin anew."""
    sizes = {log: log.stat().st_size for log in logs}
    return new_lines(sizes)


def new_lines(offsets: dict[Path, int]) -> Iterator[str]:
    """Whole lines behind the given places, which move along."""
    while True:
        for log in offsets:
            prefix = f"{log.stem} | " if len(offsets) > 1 else ""
            for line in read_on(log, offsets):
                yield prefix + line
        time.sleep(LOOK_EVERY)


def read_on(log: Path, offsets: dict[Path, int]) -> list[str]:
    """The whole lines of one log behind its place."""
    size = log.stat().st_size if log.exists() else 0
    if size < offsets[log]:
        offsets[log] = 0
    if size == offsets[log]:
        return []
    with log.open("rb") as file:
        file.seek(offsets[log])
        whole, newline, _ = file.read().rpartition(b"\n")
    offsets[log] += len(whole) + len(newline)
    return whole.decode("utf-8", errors="replace").split("\n") if newline else []
