"""`python -m stream doctor` on a terminal."""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from stream import logs
from stream.doctor import findings as doctor
from stream.doctor.findings import Finding
from stream.settings import load_settings

MOST_SECONDS = 600


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command `doctor`."""
    command = commands.add_parser(
        "doctor",
        help="say what is wrong with the system and how to mend it; exit code 1 if something is",
        description="Looks at the settings, the servers and the stations and names what is wrong, "
        "each with its mend; changes nothing. Exit code 0: well, or warnings alone; 1: a problem; "
        "2: the settings cannot be read. docs/doctor.md lists what it knows.",
    )
    command.add_argument("--json", action="store_true", help="for programs")
    command.add_argument(
        "--watch",
        metavar="SECONDS",
        type=_seconds,
        default=doctor.WATCH_SECONDS,
        help="how long to look at what moves: lag, dead letters (default %(default)g)",
    )
    command.set_defaults(run=_run)


def told(findings: Sequence[Finding], missing: Iterable[str]) -> list[str]:
    """Writes the findings for people, problems first."""
    lines = []
    for one in sorted(findings, key=lambda one: one.severity != "problem"):
        lines += [f"{one.severity:8} {one.code}: {one.sentence}", f"{'':8} → {one.mend}"]
    lines += [f"skipped  {name}: not installed here" for name in missing]
    problems = sum(one.severity == "problem" for one in findings)
    warnings = len(findings) - problems
    lines.append(f"{_counted(problems, 'problem')}, {_counted(warnings, 'warning')}")
    return lines


def as_json(findings: Iterable[Finding], missing: Iterable[str]) -> str:
    """Writes them for programs."""
    content = {"findings": [asdict(one) for one in findings], "skipped": list(missing)}
    return json.dumps(content, indent=2, ensure_ascii=False)


def exit_code(findings: Iterable[Finding]) -> int:
    """Gives 1 if there is a problem; warnings alone are no failure."""
    return int(any(one.severity == "problem" for one in findings))


def _run(arguments: argparse.Namespace) -> int:
    settings = load_settings()
    logs.set_up("ERROR")  # that a server does not answer is a finding
    checks, missing = doctor.parts()
    findings = doctor.examine(settings, checks, arguments.watch)
    lines = [as_json(findings, missing)] if arguments.json else told(findings, missing)
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return exit_code(findings)


def _counted(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= MOST_SECONDS:
        raise argparse.ArgumentTypeError(
            f"{text}: must be a number of seconds, 0 to {MOST_SECONDS}"
        )
    return seconds
