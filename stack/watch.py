"""Run a command and end it, with all its descendants, when this program's stdin closes.

The supervisor holds the other end of stdin, so closing it is how the supervisor asks for the end,
and the kernel closes it when the supervisor dies, however it dies.

Runs by path, isolated (`python -I watch.py PID_FILE GRACE COMMAND...`), and so imports nothing of
the stack. It must be the leader of its own process group: the group is what it ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
CANNOT_RUN = 127


def die_with_parent() -> None:
    """Ask the kernel, where it can, to kill this process when its parent dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def end_group(command: subprocess.Popen[bytes], grace: float) -> None:
    """Ask the whole group to end, then kill what is left of it, this process included."""
    os.killpg(0, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while time.monotonic() < deadline and (command.poll() is None or others_live()):
        time.sleep(0.05)
    os.killpg(0, signal.SIGKILL)


def others_live() -> bool:
    """Whether the group has members beside this process; where /proc is missing, it has none."""
    group, me = os.getpgid(0), os.getpid()
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            pid = int(entry.parent.name)
            state, _, member_of = entry.read_text().rpartition(")")[2].split()[:3]
            if int(member_of) == group and pid != me and state != "Z":
                return True
    return False


def wait_for_end_of_stdin() -> None:
    """Block until the other end of stdin is closed."""
    while os.read(0, 1024):
        pass


def main(arguments: list[str]) -> int:
    """Run the command; give its exit code, or 128 and the signal that ended it."""
    pid_file, grace, *argv = arguments
    # A handler, not SIG_IGN: an ignored signal would stay ignored in the command.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    try:
        command = subprocess.Popen(argv, stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)
    except OSError as cause:
        sys.stderr.write(f"{argv[0]} cannot be run: {cause.strerror}\n")
        return CANNOT_RUN
    Path(pid_file).write_text(str(command.pid), encoding="ascii")

    ending = threading.Event()

    def watch() -> None:
        wait_for_end_of_stdin()
        ending.set()
        end_group(command, float(grace))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    code = command.wait()
    if ending.is_set():
        watcher.join()  # the command is gone, its descendants may not be
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
