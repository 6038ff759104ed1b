"""The parent of every process of the stack: starts them in order, watches, ends them in reverse.

Runs as `python -m stack.supervisor PLAN`, or inside `python -m stack up --foreground`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from stack import checks, locks
from stack.errors import StackError
from stack.plan import Plan, command_programs, elasticsearch_program, kafka_program
from stack.process import end_leftovers
from stack.state import Phase, StackState, read_json
from stack.supervised import Supervised

logger = logging.getLogger(__name__)

TICK = 0.1  # seconds between two looks at the children
LEFTOVERS_END_WITHIN = 25.0  # seconds; a server stops by itself sooner (jvm.py)
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Supervisor:
    """Runs one plan until it is asked to stop."""

    def __init__(self, plan: Plan, on_ready: Callable[[], None] = lambda: None) -> None:
        self.plan = plan
        self.directory = plan.directory
        self.on_ready = on_ready
        self.asked = threading.Event()
        self.children: dict[str, Supervised] = {}  # in the order of their start
        self.phase: Phase = "starting"
        self.error: str | None = None
        self._written: StackState | None = None

    def run(self) -> None:
        """Start everything, keep it running until asked to stop, and leave nothing behind.

        Raises:
            StackError: when the servers did not become ready; everything is stopped then too.
        """
        lock = locks.take(self.directory.supervisor_lock)
        if lock is None:
            raise StackError(f"{self.directory.path} is in use: `python -m stack down` frees it")
        locks.write_owner(lock, os.getpid())
        try:
            with self._signals():
                self._run()
        finally:
            os.close(lock)

    def _run(self) -> None:
        try:
            self._clear_up()
            self._start_servers()
            self._wait_for_servers()
            self._become_ready()
            while not self.asked.wait(TICK):
                self._tick()
        except StackError as cause:
            self.error = str(cause)
            raise
        finally:
            self._stop_all()

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        def ask(number: int, _: FrameType | None) -> None:
            self.asked.set()
            logger.info("asked to stop by %s", signal.Signals(number).name)

        before = {number: signal.signal(number, ask) for number in SIGNALS}
        if self.plan.tied:
            threading.Thread(target=self._wait_for_end_of_stdin, daemon=True).start()
        try:
            yield  # until everything has been stopped: a second Ctrl-C must not stop the stopping
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _wait_for_end_of_stdin(self) -> None:
        while os.read(0, 1024):
            pass
        self.asked.set()

    def _clear_up(self) -> None:
        """Put away what an earlier run left: children, wishes, and logs under their old names."""
        for name in end_leftovers(self.directory, LEFTOVERS_END_WITHIN):
            logger.warning("%s of an earlier start was killed", name)
        for file in self.directory.requests.glob("*.json"):
            file.unlink()
        for log in self.directory.logs.glob("*.log"):
            if log.stem != "supervisor":
                log.replace(log.with_suffix(".log.1"))

    def _start_servers(self) -> None:
        for program in (kafka_program(self.plan), elasticsearch_program(self.plan)):
            self.children[program.name] = Supervised(program, self.directory)
            self.children[program.name].start()

        self._write_state()

    def _wait_for_servers(self) -> None:
        deadline = time.monotonic() + self.plan.timeout
        while not self.asked.wait(TICK):
            for child in self.children.values():
                child.tick()
                if child.status == "waiting":
                    name = child.program.name
                    raise StackError(checks.explain(name, self.directory.log(name)))
            self._write_state()
            late = [c.program.name for c in self.children.values() if c.status != "running"]
            if not late:
                return
            if time.monotonic() >= deadline:
                raise StackError(
                    f"{' and '.join(late)} not ready within {self.plan.timeout:g} s: "
                    f"give a longer --timeout, or see {self.directory.logs}"
                )

    def _become_ready(self) -> None:
        if self.asked.is_set():
            return
        self.directory.write_addresses(self.plan.addresses)
        self._run_commands(self.plan.cwd, self.plan.commands)
        self.phase = "ready"
        self._write_state()
        self.on_ready()

    def _tick(self) -> None:
        for file in sorted(self.directory.requests.glob("[0-9]*.json")):
            self._grant(read_json(file))
            self._write_state()
            file.unlink()  # tells the one who wished
        for child in self.children.values():
            child.tick()
        self._write_state()

    def _grant(self, wish: dict[str, Any]) -> None:
        if wish["action"] == "run":
            self._run_commands(wish["cwd"], wish["commands"])
            return
        child = self.children.get(wish["name"])
        if child is None:
            logger.warning("%s is not known here", wish["name"])
        elif wish["action"] == "start":
            if child.child is None:
                child.start()
        elif wish["action"] == "stop":
            child.ask_to_end()
            child.finish_stop()
        elif wish["action"] == "kill":
            child.kill()

    def _run_commands(self, cwd: str, commands: dict[str, str]) -> None:
        """Start each command whose name does not run already."""
        for program in command_programs(self.plan, cwd, commands):
            known = self.children.get(program.name)
            if known is None or known.child is None:
                self.children[program.name] = Supervised(program, self.directory)
                self.children[program.name].start()

    def _stop_all(self) -> None:
        """End the stations together, then Elasticsearch, then Kafka."""
        self.phase = "stopping"
        with contextlib.suppress(OSError):  # on a full disk everything must end all the same
            self._write_state()
        stations = [c for c in self.children.values() if not c.program.is_server]
        for child in stations:
            child.ask_to_end()
        for child in stations:
            child.finish_stop()
        for name in ("elasticsearch", "kafka"):
            if name in self.children:
                self.children[name].ask_to_end()
                self.children[name].finish_stop()
        self.directory.addresses.unlink(missing_ok=True)
        self.phase = "failed" if self.error else "stopped"
        with contextlib.suppress(OSError):
            self._write_state()

    def _write_state(self) -> None:
        state = StackState(
            phase=self.phase,
            supervisor=os.getpid(),
            kafka=self.plan.kafka,
            elasticsearch=self.plan.elasticsearch,
            processes=tuple(child.describe() for child in self.children.values()),
            error=self.error,
        )
        if state != self._written:
            self.directory.write_state(state)
            self._written = state


def main(arguments: list[str]) -> int:
    """Run the plan given as JSON; the log goes to stderr."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        Supervisor(Plan.from_json(arguments[0])).run()
    except StackError as cause:
        logger.critical("%s", cause)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
