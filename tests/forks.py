"""Commands of ours in children of a server that has imported everything: no start takes seconds.

What is forked is the command as its users run it, with input, output, environment and exit code of
its own. What only a fresh interpreter shows, such as what is imported when, needs a real start.
"""

import multiprocessing
import os
import runpy
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryDirectory
from typing import Any

from stream.settings import load_settings

ROOT = Path(__file__).parents[1]
AT_MOST_SECONDS = 120.0
FILES = ("in", "out", "err")


def context() -> Any:
    """Gives the server that forks, one for a whole run of pytest."""
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload(["tests.chaos.stations"])
    return made


def run(*command: str, given: bytes = b"", **settings: str) -> "CompletedProcess[bytes]":
    """Runs `python -m COMMAND` in the project's folder to its end, on what is `given` to it."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "in").write_bytes(given)
        arguments = (command, os.environ | settings, Path(folder))
        process = context().Process(target=_command, args=arguments)
        process.start()
        process.join(AT_MOST_SECONDS)
        process.kill()
        process.join()
        out, err = ((Path(folder) / name).read_bytes() for name in FILES[1:])
    return CompletedProcess(command, process.exitcode, out, err)


def told(*command: str, given: str = "", **settings: str) -> "CompletedProcess[str]":
    """Runs a command as `run` does, in text."""
    done = run(*command, given=given.encode(), **settings)
    out, err = done.stdout.decode(), done.stderr.decode()
    return CompletedProcess(done.args, done.returncode, out, err)


def _command(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
    for number, name in enumerate(FILES):
        flags = os.O_WRONLY | os.O_CREAT if number else os.O_RDONLY
        os.dup2(os.open(folder / name, flags), number)
    sys.stdin = open(0, encoding="utf-8")  # noqa: SIM115 - the process's own; a fork has none
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(environment)
    load_settings.cache_clear()
    sys.argv = list(command)
    sys.modules.pop(f"{command[0]}.__main__", None)  # it is run, not imported
    runpy.run_module(command[0], run_name="__main__", alter_sys=True)
