"""What a crawl must still know survives everything, and only one crawl has it at a time."""

import json
import os
import signal
from pathlib import Path

import pytest

from ingest.state import State
from stream import crash
from stream.errors import UserError


def test_a_cursor_is_there_again(tmp_path: Path) -> None:
    with State.open(tmp_path / "new", "x", "x") as state:
        assert state.cursor is None
        state.save({"after": "17"})
        state.save({"after": "18"})
    with State.open(tmp_path / "new", "x", "x") as state:
        assert state.cursor == {"after": "18"}


def test_a_second_crawl_of_the_same_name_is_refused_in_one_line(tmp_path: Path) -> None:
    with State.open(tmp_path, "x"), pytest.raises(UserError, match="named x is running already"):
        State.open(tmp_path, "x")
    with State.open(tmp_path, "x"), State.open(tmp_path, "y"):
        pass


def test_a_shared_state_in_use_is_a_copy_whose_changes_are_not_kept(tmp_path: Path) -> None:
    with State.open(tmp_path, "x") as state:
        state.save({"after": 3})
        with State.open(tmp_path, "x", share=True) as copy:
            assert copy.cursor == {"after": 3}
            copy.save({"after": 4})
            assert copy.cursor == {"after": 4}
    with State.open(tmp_path, "x", share=True) as state:
        assert state.cursor == {"after": 3}
        state.save({"after": 5})
    with State.open(tmp_path, "x") as state:
        assert state.cursor == {"after": 5}


@pytest.mark.case(35)
def test_a_killed_process_leaves_no_lock_and_no_half_written_state(tmp_path: Path) -> None:
    pid = os.fork()
    if not pid:
        with State.open(tmp_path, "x") as state:
            number = 0
            while True:
                number += 1
                state.save({"after": number, "filling": "x" * 100_000})
    while not (tmp_path / "x.json").exists():
        pass
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with State.open(tmp_path, "x") as state:
        assert state.cursor
        assert len(state.cursor["filling"]) == 100_000


@pytest.mark.case(35)
def test_a_process_killed_before_the_new_state_is_in_its_place_leaves_the_old_one(
    tmp_path: Path,
) -> None:
    pid = os.fork()
    if not pid:
        crash.arm("ingest.saving:2")
        with State.open(tmp_path, "x") as state:
            state.save({"after": 1})
            state.save({"after": 2})
        os._exit(1)
    assert os.waitpid(pid, 0)[1] == signal.SIGKILL
    with State.open(tmp_path, "x") as state:
        assert state.cursor == {"after": 1}


def test_a_state_of_another_source_is_refused(tmp_path: Path) -> None:
    with State.open(tmp_path, "mine", "bluesky") as state:
        state.save({"time": 1})
    with pytest.raises(UserError, match=r"mine\.json: belongs to a crawl of bluesky"):
        State.open(tmp_path, "mine", "x")
    with State.open(tmp_path, "mine", "bluesky") as state:
        assert state.cursor == {"time": 1}


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "-x", "x" * 65])
def test_a_name_that_is_no_file_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="no name of a crawl"):
        State.open(tmp_path, name)


@pytest.mark.parametrize("content", ["", "[]", "{", "\udcff"])
@pytest.mark.case(35)
def test_a_damaged_file_is_named_and_left_alone(tmp_path: Path, content: str) -> None:
    file = tmp_path / "x.json"
    file.write_text(content, errors="surrogateescape")
    with pytest.raises(UserError, match=r"x\.json: is no state of a crawl"):
        State.open(tmp_path, "x")
    assert file.read_text(errors="surrogateescape") == content


def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot be kept: .*EMOSTREAM_STATE_DIR"):
        State.open(tmp_path / "file", "x")


def test_the_file_is_json_that_a_person_can_read(tmp_path: Path) -> None:
    with State.open(tmp_path, "x", "x") as state:
        state.save({"after": "é"})
    assert json.loads((tmp_path / "x.json").read_text()) == {
        "source": "x",
        "cursor": {"after": "é"},
    }
