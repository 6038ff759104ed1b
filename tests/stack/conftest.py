"""The stack's command line in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.session import down
from tests.stack.command_line import CommandLine


@pytest.fixture
def command_line(tmp_path: Path) -> Iterator[CommandLine]:
    """The command line in an empty folder; what it started is stopped after the test."""
    line = CommandLine(tmp_path)
    yield line
    down(line.directory)
