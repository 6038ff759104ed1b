"""What is asked of the machine before a start, and what a server's log says after a failed one."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

from stack.errors import StackError

UNITS = {"k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
SIZE = re.compile(r"^([1-9][0-9]*)([kmgt])$", re.IGNORECASE)
BESIDE_THE_HEAP = 350 * UNITS["m"]  # what a server needs for classes, threads and buffers
MEGABYTE = UNITS["m"]


@dataclass(frozen=True)
class Limits:
    """The sizes a user can set: bytes as `512m` or `1g`, by environment variable."""

    kafka_heap: str
    elasticsearch_heap: str
    free_disk: str

    @classmethod
    def from_environment(cls) -> Limits:
        """Read the settings.

        Raises:
            StackError: when one is no size.
        """
        return cls(
            kafka_heap=size_setting("EMOSTREAM_KAFKA_HEAP", "512m"),
            elasticsearch_heap=size_setting("EMOSTREAM_ELASTICSEARCH_HEAP", "1g"),
            free_disk=size_setting("EMOSTREAM_STACK_FREE_DISK", "1g"),
        )


def size_setting(name: str, usual: str) -> str:
    """Read one size from the environment, as it was written."""
    value = os.environ.get(name) or usual
    if not SIZE.match(value):
        raise StackError(
            f"{name}={value} is no size: write a number and k, m, g or t, like {usual}"
        )
    return value.lower()


def java_options() -> list[str]:
    """Further options for both servers' Java, from EMOSTREAM_JAVA_OPTIONS."""
    return shlex.split(os.environ.get("EMOSTREAM_JAVA_OPTIONS", ""))


def in_bytes(size: str) -> int:
    """Turn `512m` into a number of bytes."""
    return int(size[:-1]) * UNITS[size[-1].lower()]


def available_memory() -> int | None:
    """Bytes that new processes can use: the machine's, or its control group's if less.

    None where the system does not say (there is no /proc).
    """
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    available = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvail"))
    group = Path("/sys/fs/cgroup")
    try:
        allowed = int((group / "memory.max").read_text())
        used = int((group / "memory.current").read_text())
    except (OSError, ValueError):  # no such file, or the word "max"
        return available
    return min(available, max(allowed - used, 0))


def check_memory(limits: Limits, available: int | None) -> None:
    """Refuse to start two servers that would not fit.

    Raises:
        StackError: naming what is needed and what there is.
    """
    if available is None:
        return
    needed = 2 * BESIDE_THE_HEAP
    needed += in_bytes(limits.kafka_heap) + in_bytes(limits.elasticsearch_heap)
    if needed > available:
        raise StackError(
            f"too little memory: the servers need {needed // MEGABYTE} MB and "
            f"{available // MEGABYTE} MB are available; close other programs, or set "
            "EMOSTREAM_KAFKA_HEAP and EMOSTREAM_ELASTICSEARCH_HEAP lower "
            f"(now {limits.kafka_heap} and {limits.elasticsearch_heap})"
        )


def check_disk(folder: Path, limits: Limits) -> None:
    """Refuse to start on a disk that is nearly full.

    Raises:
        StackError: naming what is needed and what there is.
    """
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    if free < in_bytes(limits.free_disk):
        raise StackError(
            f"too little disk space for {folder}: {free // MEGABYTE} MB are free and "
            f"{in_bytes(limits.free_disk) // MEGABYTE} MB are wanted; free some, give another "
            "--data, or set EMOSTREAM_STACK_FREE_DISK lower"
        )


SIGNS = (
    ("No space left on device", "the disk is full: free some space and start again"),
    ("Address already in use", "its port was taken meanwhile: start again, or give another port"),
    ("OutOfMemoryError", "its heap is too small: set {setting} higher"),
    ("Too small maximum heap", "its heap is too small: set {setting} higher"),
    ("Could not reserve enough space", "its heap does not fit: set {setting} lower"),
    ("Cannot allocate memory", "the machine has too little memory: set {setting} lower"),
    (
        "meta.properties",
        "its data is damaged: `python -m stack up --wipe` begins with empty data",
    ),
)


def explain(server: str, log: Path) -> str:
    """Say in one line why a server ended by itself, as far as its log shows."""
    setting = f"EMOSTREAM_{server.upper()}_HEAP"
    text = tail(log, 200)
    for sign, meaning in SIGNS:
        if any(sign in line for line in text):
            return f"{server} ended: {meaning.format(setting=setting)} (log: {log})"
    return f"{server} ended by itself: see the last lines of {log}"


def tail(file: Path, lines: int) -> list[str]:
    """The last lines of a log, read from its end; none if there is no log."""
    block = 64 * 1024
    try:
        with file.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            start, data = size, b""
            while start > 0 and data.count(b"\n") <= lines:
                start = max(0, start - block)
                log.seek(start)
                data = log.read(size - start)
    except OSError:
        return []
    return data.decode("utf-8", errors="replace").splitlines()[-lines:] if lines else []


def resident_memory(leader: int) -> int | None:
    """Bytes of memory a process group holds; None where /proc is missing or the group is gone."""
    pages = 0
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError, ValueError):
            # After the name, which may hold anything: state, parent, group.
            stat = (process / "stat").read_text(encoding="utf-8", errors="replace")
            if int(stat.rpartition(")")[2].split()[2]) == leader:
                pages += int((process / "statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") or None
