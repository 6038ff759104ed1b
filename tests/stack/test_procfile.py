from __future__ import annotations

from pathlib import Path

import pytest

from stack import procfile
from stack.errors import StackError


def test_commands_are_read_in_their_order_without_comments_and_blank_lines() -> None:
    text = "# stations\n\nclassifier: python -m classifier run\ningest : a: b | c\n"
    assert list(procfile.parse(text, "Procfile").items()) == [
        ("classifier", "python -m classifier run"),
        ("ingest", "a: b | c"),
    ]


@pytest.mark.parametrize("line", ["no colon", "two words: x", "empty:", ": nameless", "a/b: x"])
def test_a_line_that_is_no_command_is_named(line: str) -> None:
    with pytest.raises(StackError, match="Procfile, line 2: write `name: command`"):
        procfile.parse(f"good: x\n{line}\n", "Procfile")


@pytest.mark.parametrize("name", ["kafka", "elasticsearch", "supervisor", "good"])
def test_a_name_that_is_taken_is_refused(name: str) -> None:
    with pytest.raises(StackError, match=f"line 2: the name '{name}' is taken"):
        procfile.parse(f"good: x\n{name}: y\n", "Procfile")


def test_a_file_without_a_command_is_refused() -> None:
    with pytest.raises(StackError, match="names no command"):
        procfile.parse("# nothing\n", "Procfile")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"Procfile cannot be read"):
        procfile.read(tmp_path / "Procfile")
