"""The stack's own command line, run as a user runs it, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stack.session import QUICK_START
from stack.state import DataDirectory

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0  # seconds; only a failure takes so long


def wait_until(reached: Callable[[], bool], what: str) -> None:
    """Wait for something that must come, and fail if it does not."""
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.05)


def lives(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


@dataclass(frozen=True)
class CommandLine:
    """`python -m stack` in one folder, whose data directory is the usual `.stack`."""

    folder: Path

    @property
    def directory(self) -> DataDirectory:
        return DataDirectory(self.folder / ".stack")

    def environment(self, **settings: str) -> dict[str, str]:
        quick = {"PYTHONPATH": str(ROOT), "EMOSTREAM_JAVA_OPTIONS": " ".join(QUICK_START)}
        return {**os.environ, **quick, **settings}

    def start(self, *arguments: str, **settings: str) -> subprocess.Popen[str]:
        """Start a command and do not wait for it."""
        return subprocess.Popen(
            [sys.executable, "-m", "stack", *arguments],
            cwd=self.folder,
            env=self.environment(**settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        process = self.start(*arguments, **settings)
        out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def succeed(self, *arguments: str, **settings: str) -> str:
        """Run a command that must succeed; give what it printed."""
        result = self(*arguments, **settings)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def fail(self, *arguments: str, **settings: str) -> str:
        """Run a command that must fail in one line and leave nothing running; give the line."""
        result = self(*arguments, **settings)
        assert result.returncode == 1, result.stdout
        assert result.stderr.count("\n") == 1, result.stderr
        assert not self.directory.is_up()
        assert self.running_pids() == set()
        return result.stderr

    def running_pids(self) -> set[int]:
        """Every process that was ever noted in this folder's locks and still lives."""
        noted = [*self.folder.glob(".stack/run/*.lock"), *self.folder.glob(".stack/run/*.pid")]
        texts = (file.read_text(encoding="ascii") for file in noted)
        return {int(text) for text in texts if text and lives(int(text))}
