from __future__ import annotations

import json
from pathlib import Path

import pytest

from stack.errors import StackError
from stack.state import DataDirectory, ProcessState, StackState

VERSIONS = {"kafka": "4.1.1", "elasticsearch": "9.1.0"}


@pytest.fixture
def directory(tmp_path: Path) -> DataDirectory:
    made = DataDirectory(tmp_path / "data")
    made.prepare(VERSIONS)
    return made


def test_a_state_is_read_as_it_was_written(directory: DataDirectory) -> None:
    process = ProcessState("kafka", 17, "running", 1.5, "127.0.0.1:9092", restarts=2)
    state = StackState("ready", 16, "127.0.0.1:9092", "http://127.0.0.1:9200", (process,))
    directory.write_state(state)
    assert directory.read_state() == state
    assert state.process("kafka") == process
    assert state.process("classifier") is None


def test_there_is_no_state_before_the_first_start(directory: DataDirectory) -> None:
    assert directory.read_state() is None


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"phase": "ready", "processes": []}'])
def test_a_damaged_state_is_named_with_what_to_do(directory: DataDirectory, content: str) -> None:
    directory.state.write_text(content, encoding="utf-8")
    with pytest.raises(StackError, match=r"state\.json is damaged: run .*down --wipe"):
        directory.read_state()


def test_a_state_of_a_newer_version_is_refused(directory: DataDirectory) -> None:
    directory.state.write_text('{"layout": 99, "processes": []}', encoding="utf-8")
    with pytest.raises(StackError, match="newer version"):
        directory.read_state()


def test_a_directory_can_be_used_again_by_the_same_and_by_newer_versions(
    directory: DataDirectory,
) -> None:
    directory.prepare(VERSIONS)
    directory.prepare({"kafka": "4.10.0", "elasticsearch": "9.2.0"})
    assert json.loads(directory.stamp.read_text(encoding="utf-8"))["versions"]["kafka"] == "4.10.0"


def test_data_of_a_newer_server_is_refused(directory: DataDirectory) -> None:
    with pytest.raises(StackError, match=r"written by kafka 4\.1\.1, and 4\.1\.0 cannot read it"):
        directory.prepare({"kafka": "4.1.0", "elasticsearch": "9.1.0"})


def test_a_newer_layout_is_refused(directory: DataDirectory) -> None:
    directory.stamp.write_text('{"layout": 99, "versions": {}}', encoding="utf-8")
    with pytest.raises(StackError, match="newer version of the stack"):
        directory.prepare(VERSIONS)


def test_a_damaged_stamp_is_refused(directory: DataDirectory) -> None:
    directory.stamp.write_text("{", encoding="utf-8")
    with pytest.raises(StackError, match=r"stack\.json is damaged"):
        directory.prepare(VERSIONS)


def test_somebody_elses_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(StackError, match="not made by the stack"):
        DataDirectory(tmp_path).prepare(VERSIONS)


def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StackError, match="cannot be made"):
        DataDirectory(tmp_path / "file" / "data").prepare(VERSIONS)


def test_wiping_deletes_only_what_the_stack_made(directory: DataDirectory) -> None:
    (directory.kafka / "data").mkdir(parents=True)
    mine = directory.path / "notes.txt"
    mine.touch()
    directory.wipe()
    assert list(directory.path.iterdir()) == [mine]


def test_wiping_leaves_a_directory_alone_that_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "kafka").mkdir()
    DataDirectory(tmp_path).wipe()
    assert (tmp_path / "kafka").exists()


def test_addresses_are_written_as_variables(directory: DataDirectory) -> None:
    directory.write_addresses({"EMOSTREAM_KAFKA": "127.0.0.1:1", "B": "c"})
    text = directory.addresses.read_text(encoding="utf-8")
    assert text == "EMOSTREAM_KAFKA=127.0.0.1:1\nB=c\n"


def test_wishes_are_taken_in_the_order_they_came(directory: DataDirectory) -> None:
    for name in ("first", "second", "third"):
        directory.request({"action": "start", "name": name})
    wishes = [json.loads(file.read_text()) for file in sorted(directory.requests.glob("*.json"))]
    assert [wish["name"] for wish in wishes] == ["first", "second", "third"]
