"""Locks that tell whether a process still lives.

A lock (`flock`) belongs to an open file, and a child inherits it with the descriptor. It is free
again only when the last holder is gone, however it went: unlike a process id it cannot be reused
and needs no cleaning up after kill -9.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

A_LOOK_TAKES_AT_MOST = 0.5  # seconds; whoever asks whether a lock is held holds it for a moment


def take(path: Path) -> int | None:
    """Take the lock and give its file descriptor, or None if somebody holds it."""
    deadline = time.monotonic() + A_LOOK_TAKES_AT_MOST
    while (descriptor := _take_now(path)) is None and time.monotonic() < deadline:
        time.sleep(0.005)
    return descriptor


def _take_now(path: Path) -> int | None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def wait_and_take(path: Path) -> int:
    """Take the lock as soon as nobody else holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock now."""
    if not path.exists():
        return False
    descriptor = _take_now(path)
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


def wait_until_free(path: Path, seconds: float) -> bool:
    """Wait at most so many seconds for the lock to be free; tell whether it is."""
    deadline = time.monotonic() + seconds
    while is_held(path):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.05)
    return True


def write_owner(descriptor: int, pid: int) -> None:
    """Note in the lock's file which process it stands for."""
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(pid).encode(), 0)


def owner(path: Path) -> int | None:
    """The process noted in a lock that is held, or None."""
    if not is_held(path):
        return None
    text = path.read_text(encoding="ascii", errors="replace").strip()
    return int(text) if text.isdigit() else None
