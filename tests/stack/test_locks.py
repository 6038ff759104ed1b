from __future__ import annotations

import os
import subprocess
import sys
import threading
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


def test_looking_at_a_lock_never_keeps_anybody_from_taking_it(tmp_path: Path) -> None:
    path, done = tmp_path / "lock", threading.Event()

    def look() -> None:
        while not done.is_set():
            locks.is_held(path)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        for _ in range(500):
            descriptor = locks.take(path)
            assert descriptor is not None
            os.close(descriptor)
    finally:
        done.set()
        watcher.join()
