from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from stack import locks


def test_a_lock_is_held_until_its_descriptor_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "run" / "kafka.lock"
    descriptor = locks.take(path)
    assert descriptor is not None
    assert locks.take(path) is None
    os.close(descriptor)
    assert not locks.is_held(path)


def test_a_lock_is_held_while_a_child_that_inherited_it_lives(tmp_path: Path) -> None:
    path = tmp_path / "kafka.lock"
    descriptor = locks.take(path)
    assert descriptor is not None
    child = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(descriptor,)
    )
    os.close(descriptor)
    assert locks.is_held(path)
    child.kill()
    child.communicate()
    assert locks.wait_until_free(path, 10)


def test_the_owner_is_known_only_while_the_lock_is_held(tmp_path: Path) -> None:
    path = tmp_path / "kafka.lock"
    descriptor = locks.take(path)
    assert descriptor is not None
    locks.write_owner(descriptor, 4711)
    assert locks.owner(path) == 4711
    os.close(descriptor)
    assert locks.owner(path) is None


def test_a_lock_nobody_ever_took_is_not_held(tmp_path: Path) -> None:
    assert not locks.is_held(tmp_path / "kafka.lock")
