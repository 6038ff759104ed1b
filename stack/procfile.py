"""The Procfile idiom: one `name: command` a line, and what runs beside the servers."""

from __future__ import annotations

import re
from pathlib import Path

from stack.errors import StackError

LINE = re.compile(r"^(?P<name>[A-Za-z0-9_-]+)\s*:\s*(?P<command>\S.*)$")
TAKEN = frozenset({"kafka", "elasticsearch", "supervisor"})


def parse(text: str, source: str) -> dict[str, str]:
    """Read the commands by name, in the order of the file.

    Raises:
        StackError: naming the line that is no command.
    """
    commands: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = LINE.match(stripped)
        if match is None:
            raise StackError(f"{source}, line {number}: write `name: command`")
        name = match["name"]
        if name in TAKEN or name in commands:
            raise StackError(f"{source}, line {number}: the name {name!r} is taken, use another")
        commands[name] = match["command"].strip()
    if not commands:
        raise StackError(f"{source} names no command: write `name: command`, one a line")
    return commands


def read(path: Path) -> dict[str, str]:
    """Read the commands of a file.

    Raises:
        StackError: when there is no such file, or it is no Procfile.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as cause:
        raise StackError(f"{path} cannot be read: give --procfile a text file") from cause
    return parse(text, str(path))
