"""A side in a process of its own, alive between its turns: what it loads is not counted.

Only the standard library: the process may be one of an environment that has nothing of ours.
A peer's program, `python -m tests.bench.NAME ...`, loads what it needs and calls `serve`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
GO = "go\n"


def serve(turn: Callable[[], Mapping[str, Any]]) -> None:
    """Takes a turn whenever it is asked to, until nobody asks any more.

    A turn gives the fields of a `Run`: records, seconds, cpu, and more if there is more.
    """
    answers, sys.stdout = sys.stdout, sys.stderr  # a library that prints spoils no answer
    answers.write("ready\n")
    answers.flush()
    for _line in sys.stdin:
        answers.write(json.dumps(turn()) + "\n")
        answers.flush()


@contextmanager
def child(
    *command: str, core: int | None = None, variables: Mapping[str, str] | None = None
) -> Iterator[Callable[[], dict[str, Any]]]:
    """Starts a program that serves, on one core if one is given; gives what asks it for a turn.

    Raises:
        RuntimeError: the program has ended, which the errors above it explain.
    """
    pinned = ["taskset", "-c", str(core)] if core is not None else []
    process = subprocess.Popen(
        [*pinned, *command],
        cwd=ROOT,
        env={**os.environ, **(variables or {}), "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    asked, answers = process.stdin, process.stdout
    assert asked is not None
    assert answers is not None

    def answer() -> str:
        line = answers.readline()
        if not line:
            raise RuntimeError(f"{' '.join(command)} has ended with {process.wait()}")
        return line

    def turn() -> dict[str, Any]:
        asked.write(GO)
        asked.flush()
        taken: dict[str, Any] = json.loads(answer())
        return taken

    try:
        answer()
        yield turn
    finally:
        process.kill()
        process.wait()
        asked.close()
        answers.close()
