"""One program kept running: started, watched, and started again after a crash."""

from __future__ import annotations

import logging
import time

from stack.process import Child, Program
from stack.state import DataDirectory, ProcessState, Status

logger = logging.getLogger(__name__)

SHORTEST_DELAY = 1.0  # seconds before the first restart
LONGEST_DELAY = 30.0
HEALTHY_AFTER = 60.0  # seconds of running after which the next restart is a first one again
SERVER_GRACE = 30.0  # longer than a server may take by itself (jvm.STOPPING_TAKES_AT_MOST)
COMMAND_GRACE = 15.0  # longer than watch.py gives its command (process.GRACE)


class RestartDelay:
    """How long to wait before the next start: doubled by each quick end, reset by health."""

    def __init__(self) -> None:
        self._next = SHORTEST_DELAY

    def after(self, seconds_of_running: float) -> float:
        """Give the delay after a run of so many seconds."""
        if seconds_of_running >= HEALTHY_AFTER:
            self._next = SHORTEST_DELAY
        delay = self._next
        self._next = min(LONGEST_DELAY, 2 * delay)
        return delay


class Supervised:
    """A program, its child while there is one, and what is to happen next."""

    def __init__(self, program: Program, directory: DataDirectory) -> None:
        self.program = program
        self.directory = directory
        self.child: Child | None = None
        self.status: Status = "stopped"
        self.exit_code: int | None = None
        self._since = time.time()
        self._restarts = 0
        self._delay = RestartDelay()
        self._started_at = self._restart_at = 0.0  # monotonic seconds

    def start(self) -> None:
        """Start the child."""
        self._started_at = time.monotonic()
        self.child = Child(self.program, self.directory)
        self._become("starting" if self.program.is_server else "running")
        logger.info("%s started, process %d", self.program.name, self.child.pid)

    def tick(self) -> None:
        """Notice that the child became ready or ended, and start it again when it is time."""
        if self.child is None:
            if self.status == "waiting" and time.monotonic() >= self._restart_at:
                self._restarts += 1
                self.start()
            return
        code = self.child.exit_code()
        if code is not None:
            self._ended(code)
        elif self.status == "starting" and self.program.is_ready and self.program.is_ready():
            self._become("running")
            logger.info("%s is ready", self.program.name)

    def ask_to_end(self) -> None:
        """Ask the child to end; `finish_stop` waits for it."""
        if self.child is not None:
            self.child.ask_to_end()

    def finish_stop(self) -> None:
        """Wait for the end that was asked for, and kill a child that takes too long."""
        grace = SERVER_GRACE if self.program.is_server else COMMAND_GRACE
        if self.child is not None and not self.child.wait(grace):
            logger.warning("%s did not end in %g s and is killed", self.program.name, grace)
        self.kill()

    def kill(self) -> None:
        """End the child and its group at once, and start it no more."""
        if self.child is not None:
            self.child.kill()
            self.child = None
        self._become("stopped")

    def describe(self) -> ProcessState:
        """This program's line in the state."""
        return ProcessState(
            name=self.program.name,
            pid=self.child.pid if self.child else None,
            status=self.status,
            since=self._since,
            address=self.program.address,
            restarts=self._restarts,
            exit_code=self.exit_code,
        )

    def _ended(self, code: int) -> None:
        self.child, self.exit_code = None, code
        if code == 0 and not self.program.is_server:
            self._become("finished")
            logger.info("%s finished", self.program.name)
            return
        delay = self._delay.after(time.monotonic() - self._started_at)
        self._restart_at = time.monotonic() + delay
        self._become("waiting")
        logger.warning(
            "%s ended with code %d and starts again in %g s", self.program.name, code, delay
        )

    def _become(self, status: Status) -> None:
        self.status, self._since = status, time.time()
