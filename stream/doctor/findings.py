"""What is wrong with the system, in plain words, and how to mend it.

Each station has its checks in a module `checks` of its own, found by name; those of Kafka and of
the settings are in `stream/checks.py`. They ask and change nothing. docs/doctor.md lists the codes.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from threading import Thread
from time import monotonic
from traceback import extract_tb
from typing import Literal

from stream import logs
from stream.settings import Settings

STATIONS = ("ingest", "classifier", "indexer")
LIMIT_SECONDS = 20.0
"""Beside the time of watching; then the checks of a part are left, however they hang."""
WATCH_SECONDS = 4.0

Severity = Literal["problem", "warning"]


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be.

    Attributes:
        code: its stable name.
        severity: a problem loses or holds up records, or will; a warning may.
        sentence: what was found, for people.
        mend: what to do, as a command where there is one.
    """

    code: str
    severity: Severity
    sentence: str
    mend: str


Checks = Callable[[Settings, float], Iterator[Finding]]
"""What a module `checks` has under that name: (settings, seconds to watch what moves)."""


def problem(code: str, sentence: str, mend: str) -> Finding:
    """Something that loses or holds up records, or will."""
    return Finding(code, "problem", sentence, mend)


def warning(code: str, sentence: str, mend: str) -> Finding:
    """Something that may."""
    return Finding(code, "warning", sentence, mend)


def parts() -> tuple[dict[str, Checks], list[str]]:
    """Gives the checks of each part that is installed, and names the stations that are not."""
    found, missing = {}, []
    for name in ("stream", *STATIONS):
        try:
            found[name] = import_module(f"{name}.checks").checks
        except ModuleNotFoundError as error:
            if error.name and error.name.partition(".")[0] in ("stream", name):
                raise
            missing.append(name)
    return found, missing


def examine(
    settings: Settings,
    checks: Mapping[str, Checks],
    watch: float = WATCH_SECONDS,
    limit: float = LIMIT_SECONDS,
) -> list[Finding]:
    """Runs the checks of all parts side by side; what two of them find is there once.

    A part whose check stops with a fault of ours, or does not end, keeps what it had found.
    """
    found: dict[str, list[Finding]] = {name: [] for name in checks}

    def run(name: str) -> None:
        try:
            found[name].extend(checks[name](settings, watch))
        except Exception as fault:  # noqa: BLE001 - told as a finding, beside the others
            found[name].append(_failed(name, fault))

    # Daemons, so that one that hangs cannot hold the program up.
    threads = {name: Thread(target=run, args=(name,), daemon=True) for name in checks}
    for thread in threads.values():
        thread.start()
    deadline = monotonic() + watch + limit
    for name, thread in threads.items():
        thread.join(max(0.0, deadline - monotonic()))
        if thread.is_alive():
            found[name] = [*found[name], _unfinished(name, watch + limit)]
    return list(dict.fromkeys(one for findings in found.values() for one in findings))


def _failed(name: str, fault: Exception) -> Finding:
    place = extract_tb(fault.__traceback__)[-1]
    file = Path(place.filename)
    return problem(
        "check-failed",
        f"the checks of {name} stopped at {file.parent.name}/{file.name}:{place.lineno} with "
        f"{type(fault).__name__}: {logs.said(fault)}; what they would have looked at after that "
        "is not told",
        "this is a fault of emostream's own: report it with that line",
    )


def _unfinished(name: str, seconds: float) -> Finding:
    return warning(
        "check-unfinished",
        f"the checks of {name} did not end within {seconds:g} s: a server takes connections and "
        "does not answer",
        "look at the servers' logs (`python -m stack logs`), and run this again",
    )
