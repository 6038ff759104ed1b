"""The command `python -m ingest` in a child process that has everything imported already."""

import logging
import os
import signal
import sys
import traceback
from contextlib import suppress
from pathlib import Path

from ingest import live
from ingest.__main__ import main
from stream.cli import entry
from stream.settings import load_settings

ROOT = Path(__file__).parents[2]


class Ingest:
    """The command in a child that has everything imported already: a start takes seconds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            "EMOSTREAM_STATE_DIR": str(folder / "state"),
            "EMOSTREAM_HEALTH_DIR": str(folder / "health"),
        }
        self.started: list[Running] = []

    def start(self, *arguments: str | Path) -> "Running":
        running = Running(self.folder, len(self.started))
        self.started.append(running)
        running.pid = os.fork()
        if not running.pid:
            self._be_the_command(running, [str(one) for one in arguments])
        return running

    def run(self, *arguments: str | Path) -> tuple[int, list[str], list[str]]:
        running = self.start(*arguments)
        code = running.ended()
        return code, running.out.read_text().splitlines(), running.errors.read_text().splitlines()

    def end_all(self) -> None:
        """Kills what still runs, of a test that failed: nothing may outlive it."""
        for running in self.started:
            with suppress(ChildProcessError):
                if os.waitpid(running.pid, os.WNOHANG) == (0, 0):
                    os.kill(running.pid, signal.SIGKILL)
                    running.ended()

    def _be_the_command(self, running: "Running", arguments: list[str]) -> None:
        try:
            os.chdir(ROOT)
            os.environ.update(self.environment)
            load_settings.cache_clear()
            logging.getLogger().handlers.clear()
            # As if the folder's modules lay in ingest/live/.
            live.__path__.append(str(ROOT / "tests/ingest/live/platforms"))
            with running.out.open("w") as sys.stdout, running.errors.open("w") as sys.stderr:
                sys.argv = ["ingest", *arguments]
                try:
                    entry(main)
                except SystemExit as done:
                    code = done.code
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(int(code or 0))
        except BaseException:  # noqa: BLE001 - it must not come back as a second pytest
            traceback.print_exc()
        finally:
            os._exit(99)


class Running:
    pid: int

    def __init__(self, folder: Path, number: int) -> None:
        self.out, self.errors = folder / f"out-{number}", folder / f"errors-{number}"

    def ended(self) -> int:
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)

    def has_shown(self) -> bool:
        return self.out.exists() and self.out.read_bytes().endswith(b"\n")

    def has_said(self, words: str) -> bool:
        return self.errors.exists() and words in self.errors.read_text()
