"""Start, use and stop a stack from outside its supervisor: what the commands and the tests do."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from stack import locks, ports
from stack.errors import StackError
from stack.jars import JarCache, default_cache, default_repositories
from stack.plan import Plan, Wishes, install, make_plan
from stack.process import end_leftovers, server_environment
from stack.state import DataDirectory, StackState

STOPPED_WITHIN = 120.0  # seconds; then the supervisor is killed, and its children end with it
CHILDREN_END_WITHIN = 25.0
LOOK_EVERY = 0.05
STEADY_AFTER = 5.0  # seconds in which a station that cannot start has said so
# Only the first of Java's two compilers: a start costs a third less, long work is slower.
QUICK_START = ("-XX:TieredStopAtLevel=1",)


def default_jar_cache() -> JarCache:
    """The cache that the environment names, or the user's."""
    return JarCache(default_cache(), default_repositories())


def launch(plan: Plan) -> subprocess.Popen[bytes]:
    """Start a supervisor of its own session, whose log goes into the data directory."""
    with plan.directory.log("supervisor").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "stack.supervisor", plan.to_json()],
            env={**os.environ, "PYTHONPATH": server_environment()["PYTHONPATH"]},
            stdin=subprocess.PIPE if plan.tied else subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def wait_until_ready(directory: DataDirectory, supervisor: subprocess.Popen[bytes]) -> StackState:
    """Wait for the supervisor to say that both servers answer; the deadline is the supervisor's.

    Raises:
        StackError: with the supervisor's own words, when they do not.
    """
    try:
        return follow_start(directory, supervisor)
    except BaseException:
        supervisor.terminate()
        supervisor.wait()
        raise


def follow_start(directory: DataDirectory, supervisor: subprocess.Popen[bytes]) -> StackState:
    """Read what the supervisor says until it says that all is ready, or ends."""
    while True:
        ended = supervisor.poll() is not None
        state = directory.read_state()
        if state is not None and state.supervisor == supervisor.pid:
            if state.phase == "ready":
                return state
            if ended and state.error is not None:
                raise StackError(state.error)
        if ended:
            log = directory.log("supervisor")
            raise StackError(f"the supervisor ended by itself: see the last lines of {log}")
        time.sleep(LOOK_EVERY)


def down(directory: DataDirectory) -> bool:
    """Stop the stack of this directory and wait until all is gone; tell whether there was one."""
    supervisor = locks.owner(directory.supervisor_lock)
    if supervisor is None:
        return bool(end_leftovers(directory, CHILDREN_END_WITHIN))
    with contextlib.suppress(ProcessLookupError):
        os.kill(supervisor, signal.SIGTERM)
    if not locks.wait_until_free(directory.supervisor_lock, STOPPED_WITHIN):
        with contextlib.suppress(ProcessLookupError):
            os.kill(supervisor, signal.SIGKILL)
    end_leftovers(directory, CHILDREN_END_WITHIN)
    return True


@dataclass(frozen=True)
class Stack:
    """A stack that runs, seen from outside.

    A server that is killed stays down until it is started again, on the same port and data.
    """

    directory: DataDirectory
    kafka: str  # host:port
    elasticsearch: str  # URL

    def pid(self, name: str) -> int:
        """The process of that name: the server, or the command of a Procfile."""
        process = self._state().process(name)
        if process is None or process.pid is None:
            raise StackError(f"{name} does not run in {self.directory.path}")
        with contextlib.suppress(FileNotFoundError):
            return int(self.directory.pid_file(name).read_text(encoding="ascii"))
        return process.pid

    def kill(self, name: str, timeout: float = 30.0) -> None:
        """End a process with kill -9 and leave it down."""
        self._ask(action="kill", name=name)
        self._wait_for(lambda state: self._status(state, name) == "stopped", name, timeout)

    def stop(self, name: str, timeout: float = 60.0) -> None:
        """Let a process end by itself and leave it down."""
        self._ask(action="stop", name=name)
        self._wait_for(lambda state: self._status(state, name) == "stopped", name, timeout)

    def start(self, name: str, timeout: float = 60.0) -> None:
        """Start a process that is down, and wait until it is ready."""
        self._ask(action="start", name=name)
        self.wait_until_running(name, timeout)

    def wait_until_running(self, name: str, timeout: float = 60.0) -> None:
        """Wait until a server is ready, or a command runs."""
        self._wait_for(lambda state: self._status(state, name) == "running", name, timeout)

    def run(self, commands: Mapping[str, str], cwd: Path) -> None:
        """Run commands beside the servers, as `up --procfile` does."""
        self._ask(action="run", cwd=str(cwd), commands=dict(commands))

    def _ask(self, **wish: object) -> None:
        """Leave a wish and wait until the supervisor has granted it."""
        self.directory.request(wish)
        deadline = time.monotonic() + STOPPED_WITHIN
        while any(self.directory.requests.glob("[0-9]*.json")):
            self._check_up()
            if time.monotonic() > deadline:
                raise StackError(f"the supervisor of {self.directory.path} does not answer")
            time.sleep(LOOK_EVERY)

    def _wait_for(self, reached: Callable[[StackState], bool], name: str, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while not reached(self._state()):
            self._check_up()
            if time.monotonic() > deadline:
                raise StackError(f"{name} did not get there within {timeout:g} s")
            time.sleep(LOOK_EVERY)

    def _check_up(self) -> None:
        if not self.directory.is_up():
            raise StackError(f"the stack in {self.directory.path} is down: `python -m stack up`")

    def _state(self) -> StackState:
        state = self.directory.read_state()
        if state is None:
            raise StackError(f"nothing runs in {self.directory.path}: `python -m stack up`")
        return state

    @staticmethod
    def _status(state: StackState, name: str) -> str | None:
        process = state.process(name)
        return process.status if process else None


def fallen(directory: DataDirectory, names: tuple[str, ...]) -> dict[str, int | None]:
    """Watch commands that were just started; give those that could not go on, with exit codes."""
    deadline = time.monotonic() + (STEADY_AFTER if names else 0.0)
    found: dict[str, int | None] = {}
    while time.monotonic() < deadline and len(found) < len(names):
        state = directory.read_state()
        for process in state.processes if state else ():
            if process.name in names and process.status == "waiting":
                found[process.name] = process.exit_code
        time.sleep(LOOK_EVERY)
    return found


def attach(directory: DataDirectory) -> Stack | None:
    """The stack that runs in this directory and is ready, if there is one."""
    if not directory.is_up():
        return None
    state = directory.read_state()
    if state is None or state.phase != "ready":
        return None
    return Stack(directory, state.kafka, state.elasticsearch)


def wait_for_other(directory: DataDirectory, timeout: float) -> Stack:
    """The stack that somebody else started in this directory, once it is ready.

    Raises:
        StackError: when it does not become ready.
    """
    deadline = time.monotonic() + timeout
    while directory.is_up():
        stack = attach(directory)
        if stack is not None:
            return stack
        if time.monotonic() > deadline:
            break
        time.sleep(LOOK_EVERY)
    raise StackError(
        f"the stack in {directory.path} was starting or stopping and is not ready: "
        "see `python -m stack status`, then try again"
    )


@contextlib.contextmanager
def running(
    data: Path, *, timeout: float = 120.0, java_options: tuple[str, ...] = QUICK_START
) -> Iterator[Stack]:
    """Run a stack on free ports while the block runs, and not longer than this process lives.

    Args:
        data: the data directory; what it holds stays.
        timeout: seconds until both servers must answer.
        java_options: of both servers; give none to measure how fast they can be.

    Raises:
        StackError: when the stack cannot be started.
    """
    wishes = Wishes(data, ports.any_free(), ports.any_free(), timeout, java_options)
    cache = default_jar_cache()
    install(cache)
    plan = replace(make_plan(wishes, cache), tied=True)
    supervisor = launch(plan)
    try:
        wait_until_ready(plan.directory, supervisor)
        yield Stack(plan.directory, plan.kafka, plan.elasticsearch)
    finally:
        if supervisor.stdin is not None:
            supervisor.stdin.close()  # the supervisor is tied to it
        try:
            supervisor.wait(STOPPED_WITHIN)
        except subprocess.TimeoutExpired:
            supervisor.kill()
            supervisor.wait()
