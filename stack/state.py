"""The data directory: what lies where, what is running, and which version wrote it."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from stack import locks
from stack.errors import StackError

LAYOUT = 1  # of the data directory; raise it when an older program could not read a newer one
MEND = "run `python -m stack down --wipe` to begin with an empty one, or give another --data"

Phase = Literal["starting", "ready", "stopping", "stopped", "failed"]
Status = Literal["starting", "running", "waiting", "finished", "stopped"]


@dataclass(frozen=True)
class ProcessState:
    """One child of the supervisor, as it was when it last changed."""

    name: str
    pid: int | None
    status: Status
    since: float  # seconds since the epoch
    address: str | None = None
    restarts: int = 0
    exit_code: int | None = None


@dataclass(frozen=True)
class StackState:
    """What the supervisor last said of itself and its children."""

    phase: Phase
    supervisor: int
    kafka: str
    elasticsearch: str
    processes: tuple[ProcessState, ...] = ()
    error: str | None = None
    layout: int = LAYOUT

    def process(self, name: str) -> ProcessState | None:
        """The child of that name, if there is one."""
        return next((process for process in self.processes if process.name == name), None)


@dataclass(frozen=True)
class DataDirectory:
    """Where one stack keeps everything: logs, locks, state and the two servers' data."""

    path: Path
    kafka: Path = field(init=False)
    elasticsearch: Path = field(init=False)
    logs: Path = field(init=False)

    def __post_init__(self) -> None:
        for name in ("kafka", "elasticsearch", "logs"):
            object.__setattr__(self, name, self.path / name)

    @property
    def stamp(self) -> Path:
        """Says that this directory is ours, and which versions wrote it."""
        return self.path / "stack.json"

    @property
    def state(self) -> Path:
        """What the supervisor last said."""
        return self.path / "state.json"

    @property
    def addresses(self) -> Path:
        """The servers' addresses for the stations, while they run."""
        return self.path / "stack.env"

    @property
    def requests(self) -> Path:
        """Wishes that the supervisor has not taken yet."""
        return self.path / "requests"

    @property
    def supervisor_lock(self) -> Path:
        """Held while a supervisor works here."""
        return self.lock("supervisor")

    def lock(self, name: str) -> Path:
        """The lock that is held while the process of that name lives."""
        return self.path / "run" / f"{name}.lock"

    def pid_file(self, name: str) -> Path:
        """Where the watcher of a plain command writes that command's process id."""
        return self.path / "run" / f"{name}.pid"

    def log(self, name: str) -> Path:
        """The log of the process of that name."""
        return self.logs / f"{name}.log"

    def is_up(self) -> bool:
        """Whether a supervisor works on this directory."""
        return locks.is_held(self.supervisor_lock)

    def prepare(self, versions: dict[str, str]) -> None:
        """Make the directory, or check that it is one of ours that these versions can read.

        Raises:
            StackError: when it is somebody else's, damaged, or written by a newer version.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as cause:
            raise StackError(
                f"the data directory {self.path} cannot be made ({cause.strerror}): "
                "give another with --data"
            ) from cause
        if self.stamp.exists():
            self._check_stamp(versions)
        elif any(self.path.iterdir()):
            raise StackError(
                f"{self.path} is not empty and was not made by the stack: "
                "give an empty or a new directory with --data"
            )
        self.read_state()
        self.logs.mkdir(exist_ok=True)
        self.requests.mkdir(exist_ok=True)
        write_atomically(self.stamp, {"layout": LAYOUT, "versions": versions})

    def _check_stamp(self, versions: dict[str, str]) -> None:
        stamp = read_json(self.stamp)
        layout, written_by = stamp.get("layout"), stamp.get("versions")
        if not isinstance(layout, int) or not isinstance(written_by, dict):
            raise StackError(f"{self.stamp} is damaged: {MEND}")
        if layout > LAYOUT:
            raise StackError(f"{self.path} was written by a newer version of the stack: {MEND}")
        for server, version in versions.items():
            written = str(written_by.get(server, version))
            if version_key(written) > version_key(version):
                raise StackError(
                    f"{self.path} was written by {server} {written}, "
                    f"and {version} cannot read it: {MEND}"
                )

    def read_state(self) -> StackState | None:
        """Read what the supervisor last wrote, or None if there is nothing.

        Raises:
            StackError: when the file is damaged.
        """
        if not self.state.exists():
            return None
        raw = read_json(self.state)
        if isinstance(raw.get("layout"), int) and raw["layout"] > LAYOUT:
            raise StackError(f"{self.state} was written by a newer version of the stack: {MEND}")
        try:
            processes = tuple(ProcessState(**process) for process in raw.pop("processes"))
            return StackState(**raw, processes=processes)
        except (KeyError, TypeError) as cause:
            raise StackError(f"{self.state} is damaged: {MEND}") from cause

    def write_state(self, state: StackState) -> None:
        """Replace the state as a whole, so that a reader never sees half of it."""
        write_atomically(self.state, asdict(state))

    def write_addresses(self, environment: dict[str, str]) -> None:
        """Write `stack.env`, where the stations look when a variable is unset."""
        text = "".join(f"{name}={value}\n" for name, value in environment.items())
        replace_text(self.addresses, text)

    def request(self, wish: Mapping[str, object]) -> None:
        """Leave a wish for the supervisor, which takes them in the order they came."""
        self.requests.mkdir(parents=True, exist_ok=True)
        write_atomically(self.requests / f"{time.time_ns():020d}-{os.getpid()}.json", wish)

    def wipe(self) -> bool:
        """Delete what the stack made here, and nothing else; tell whether there was anything."""
        if not self.stamp.exists():
            return False
        for folder in (self.kafka, self.elasticsearch, self.logs, self.requests):
            shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(self.path / "run", ignore_errors=True)
        for file in (self.state, self.addresses, self.stamp):
            file.unlink(missing_ok=True)
        return True


def version_key(version: str) -> tuple[int, ...]:
    """Order versions such as 4.1.1 and 4.10.0 as numbers; words in them do not count."""
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def read_json(path: Path) -> dict[str, Any]:
    """Read one JSON object.

    Raises:
        StackError: when the file holds none.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as cause:
        raise StackError(f"{path} is damaged: {MEND}") from cause
    if not isinstance(content, dict):
        raise StackError(f"{path} is damaged: {MEND}")
    return content


def write_atomically(path: Path, content: Mapping[str, object]) -> None:
    """Write one JSON object so that a reader sees the old one or the new one."""
    replace_text(path, json.dumps(dict(content), indent=1) + "\n")


def replace_text(path: Path, text: str) -> None:
    """Write a text file so that a reader sees the old one or the new one."""
    # Not a suffix that a reader of the folder looks for.
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.write_text(text, encoding="utf-8")
    scratch.replace(path)
