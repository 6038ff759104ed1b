from __future__ import annotations

from pathlib import Path

import pytest

from stack import logs
from stack.errors import StackError
from stack.state import DataDirectory


@pytest.fixture
def directory(tmp_path: Path) -> DataDirectory:
    made = DataDirectory(tmp_path)
    made.prepare({})
    made.log("kafka").write_text("one\ntwo\nthree\n", encoding="utf-8")
    made.log("classifier").write_text("ready\n", encoding="utf-8")
    return made


def test_several_logs_are_shown_under_their_names(directory: DataDirectory) -> None:
    shown = list(logs.last_lines(logs.find(directory, None), 2))
    assert shown == ["==> classifier <==", "ready", "==> kafka <==", "two", "three"]


def test_one_log_is_shown_bare(directory: DataDirectory) -> None:
    assert list(logs.last_lines(logs.find(directory, "kafka"), 1)) == ["three"]


def test_an_unknown_name_is_refused_with_the_known_ones(directory: DataDirectory) -> None:
    with pytest.raises(StackError, match="no log named web: there are classifier, kafka"):
        logs.find(directory, "web")


def test_a_directory_without_logs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="no logs in"):
        logs.find(DataDirectory(tmp_path / "none"), None)


def test_following_gives_whole_new_lines_and_begins_anew_with_a_new_file(
    directory: DataDirectory,
) -> None:
    log = directory.log("kafka")
    followed = logs.follow([log])
    with log.open("a", encoding="utf-8") as file:
        file.write("four\nfi")
        file.flush()
        assert next(followed) == "four"
        file.write("ve\n")
    assert next(followed) == "five"
    log.replace(log.with_suffix(".log.1"))
    log.write_text("new\n", encoding="utf-8")
    assert next(followed) == "new"


def test_following_several_logs_says_whose_line_it_is(directory: DataDirectory) -> None:
    followed = logs.follow([directory.log("kafka"), directory.log("classifier")])
    with directory.log("classifier").open("a", encoding="utf-8") as file:
        file.write("loaded\n")
    assert next(followed) == "classifier | loaded"
