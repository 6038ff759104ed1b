from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack import supervised
from stack.errors import StackError
from stack.process import Child, Program, watched
from stack.state import DataDirectory
from stack.supervised import RestartDelay, Supervised
from tests.stack.command_line import lives, wait_until


@pytest.fixture
def directory(tmp_path: Path) -> DataDirectory:
    made = DataDirectory(tmp_path / "data")
    made.prepare({})
    return made


@pytest.fixture
def children() -> Iterator[list[Supervised]]:
    started: list[Supervised] = []
    yield started
    for child in started:
        child.kill()


def program(directory: DataDirectory, command: str) -> Program:
    return Program("worker", watched("worker", command, directory), directory.path, os.environ)


def start(directory: DataDirectory, command: str, children: list[Supervised]) -> Supervised:
    child = Supervised(program(directory, command), directory)
    children.append(child)
    child.start()
    return child


def tick_until(child: Supervised, status: str) -> None:
    def reached() -> bool:
        child.tick()
        return child.status == status

    wait_until(reached, status)


def test_the_delay_doubles_up_to_half_a_minute_and_health_resets_it() -> None:
    delay = RestartDelay()
    assert [delay.after(0.1) for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    assert delay.after(supervised.HEALTHY_AFTER) == 1
    assert delay.after(0.1) == 2


def test_a_command_that_ends_well_is_left_finished(
    directory: DataDirectory, children: list[Supervised]
) -> None:
    child = start(directory, "echo done", children)
    tick_until(child, "finished")
    assert directory.log("worker").read_text(encoding="utf-8") == "done\n"
    assert child.describe().exit_code == 0


def test_a_command_that_fails_is_started_again(
    directory: DataDirectory, children: list[Supervised]
) -> None:
    child = start(directory, "test -e again && exec sleep 1000; touch again; exit 3", children)
    tick_until(child, "waiting")
    assert child.describe().exit_code == 3
    tick_until(child, "running")
    assert child.describe().restarts == 1


def test_a_command_killed_from_outside_is_started_again(
    directory: DataDirectory, children: list[Supervised]
) -> None:
    child = start(directory, "exec sleep 1000", children)
    wait_until(directory.pid_file("worker").exists, "the command runs")
    wait_until(lambda: directory.pid_file("worker").read_text() != "", "its process id is noted")
    os.kill(int(directory.pid_file("worker").read_text()), signal.SIGKILL)
    tick_until(child, "waiting")
    assert child.describe().exit_code == 128 + signal.SIGKILL


def test_what_a_command_leaves_in_its_group_ends_with_it(
    directory: DataDirectory, children: list[Supervised]
) -> None:
    child = start(directory, "sleep 1000 & echo $! > left; exit 0", children)
    tick_until(child, "finished")
    left = int((directory.path / "left").read_text())
    wait_until(lambda: not lives(left), "what was left ended")


def test_a_command_asked_to_end_is_stopped_and_stays_so(
    directory: DataDirectory, children: list[Supervised]
) -> None:
    child = start(directory, "sleep 1000", children)
    child.ask_to_end()
    child.finish_stop()
    child.tick()
    assert child.describe().status == "stopped"
    assert child.describe().pid is None


def test_a_name_that_still_runs_is_not_started_twice(
    directory: DataDirectory, children: list[Supervised]
) -> None:
    start(directory, "sleep 1000", children)
    with pytest.raises(StackError, match="worker still runs"):
        Child(program(directory, "sleep 1000"), directory)
