from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stack.process import WATCH
from tests.stack.command_line import lives, wait_until

# A shell whose child and grandchild note their process ids and then sleep.
FAMILY = "sh -c 'sleep 1000 & echo $! > grandchild; wait' & echo $! > child; wait"


def watch(folder: Path, command: str, grace: str = "5") -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", str(WATCH), "pid", grace, "/bin/sh", "-c", command],
        cwd=folder,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def noted(folder: Path, *names: str) -> set[int]:
    wait_until(
        lambda: all((folder / name).exists() and (folder / name).read_text() for name in names),
        f"{names} noted",
    )
    return {int((folder / name).read_text()) for name in names}


@pytest.mark.parametrize(("command", "code"), [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", 137)])
def test_the_commands_exit_code_is_passed_on(tmp_path: Path, command: str, code: int) -> None:
    watcher = watch(tmp_path, command)
    assert watcher.wait(30) == code


def test_a_command_that_cannot_be_run_is_named(tmp_path: Path) -> None:
    watcher = subprocess.Popen(
        [sys.executable, "-I", str(WATCH), "pid", "5", "/no/such/program"],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    _, errors = watcher.communicate(timeout=30)
    assert watcher.returncode == 127
    assert errors == b"/no/such/program cannot be run: No such file or directory\n"


def test_the_whole_family_ends_when_the_pipe_closes(tmp_path: Path) -> None:
    watcher = watch(tmp_path, FAMILY)
    family = noted(tmp_path, "pid", "child", "grandchild")
    assert watcher.stdin is not None
    watcher.stdin.close()
    watcher.wait(30)
    wait_until(lambda: not any(map(lives, family)), "the family ended")


def test_a_command_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    watcher = watch(tmp_path, "trap '' TERM; echo $$ > child; while :; do sleep 1; done", "0.3")
    family = noted(tmp_path, "child")
    assert watcher.stdin is not None
    watcher.stdin.close()
    watcher.wait(30)
    wait_until(lambda: not any(map(lives, family)), "the command ended")


def test_a_command_has_time_to_end_in_good_order(tmp_path: Path) -> None:
    watcher = watch(
        tmp_path, "trap 'echo saved > result; exit' TERM; echo > up; while :; do :; done"
    )
    wait_until((tmp_path / "up").exists, "the command runs")
    assert watcher.stdin is not None
    watcher.stdin.close()
    watcher.wait(30)
    assert (tmp_path / "result").read_text() == "saved\n"


def test_the_command_ends_when_its_watcher_is_killed(tmp_path: Path) -> None:
    watcher = watch(tmp_path, "exec sleep 1000")
    command = noted(tmp_path, "pid")
    os.kill(watcher.pid, signal.SIGKILL)
    watcher.wait(30)
    wait_until(lambda: not any(map(lives, command)), "the command ended")
