"""A child process that cannot outlive the supervisor, with a log and a lock."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from stack import locks
from stack.errors import StackError
from stack.state import DataDirectory

WATCH = Path(__file__).with_name("watch.py")
GRACE = 10.0  # seconds a plain command has between the request to end and the kill
# They would change a Java server behind its settings' back.
FOREIGN_JAVA_SETTINGS = ("JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH")


@dataclass(frozen=True)
class Program:
    """What to run; `is_ready` asks a server whether it can be used."""

    name: str
    argv: tuple[str, ...]
    cwd: Path
    environment: Mapping[str, str]
    address: str | None = None
    is_ready: Callable[[], bool] | None = None

    @property
    def is_server(self) -> bool:
        """Whether this is one of the two servers, which are never meant to end."""
        return self.is_ready is not None


def server_environment() -> dict[str, str]:
    """The environment of our own server modules: they must find this package from any folder."""
    environment = {k: v for k, v in os.environ.items() if k not in FOREIGN_JAVA_SETTINGS}
    ours = str(Path(__file__).resolve().parent.parent)
    inherited = environment.get("PYTHONPATH")
    environment["PYTHONPATH"] = f"{ours}{os.pathsep}{inherited}" if inherited else ours
    return environment


def watched(name: str, command: str, directory: DataDirectory) -> tuple[str, ...]:
    """The arguments that run one shell command under `watch.py`."""
    watcher = (sys.executable, "-I", str(WATCH), str(directory.pid_file(name)), str(GRACE))
    return (*watcher, "/bin/sh", "-c", command)


class Child:
    """A running program, leader of its own process group.

    Its stdin is a pipe that only the supervisor holds: closing it asks the child to end, and
    the death of the supervisor closes it as well.
    """

    def __init__(self, program: Program, directory: DataDirectory) -> None:
        lock = locks.take(directory.lock(program.name))
        if lock is None:
            raise StackError(f"{program.name} still runs: `python -m stack down` ends it")
        directory.pid_file(program.name).unlink(missing_ok=True)
        try:
            with directory.log(program.name).open("ab") as log:
                self._process = subprocess.Popen(
                    program.argv,
                    cwd=program.cwd,
                    env=dict(program.environment),
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    pass_fds=(lock,),
                )
            locks.write_owner(lock, self._process.pid)
        finally:
            os.close(lock)

    @property
    def pid(self) -> int:
        """The child's process id, which is also its group's."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """The exit code once the child has ended; what it left in its group ends with it."""
        code = self._process.poll()
        if code is not None:
            self._close_pipe()
            kill_group(self.pid)
        return code

    def ask_to_end(self) -> None:
        """Close the pipe the child watches."""
        self._close_pipe()

    def kill(self) -> None:
        """End the child and its group at once."""
        kill_group(self.pid)
        self._process.wait()
        self._close_pipe()

    def wait(self, seconds: float) -> bool:
        """Wait so long for the end; tell whether it came."""
        try:
            self._process.wait(max(seconds, 0))
        except subprocess.TimeoutExpired:
            return False
        return True

    def _close_pipe(self) -> None:
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()


def kill_group(group: int) -> None:
    """Kill every process of a group, if there is any."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def end_leftovers(directory: DataDirectory, patience: float) -> list[str]:
    """Wait for children of a dead supervisor to end by themselves, then kill them.

    Gives the names of those that had to be killed.
    """
    killed: list[str] = []
    for lock in sorted((directory.path / "run").glob("*.lock")):
        if lock == directory.supervisor_lock or locks.wait_until_free(lock, patience):
            continue
        group = locks.owner(lock)
        if group is not None:
            kill_group(group)
            killed.append(lock.stem)
            locks.wait_until_free(lock, patience)
    return killed
