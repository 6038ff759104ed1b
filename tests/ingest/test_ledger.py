"""What is used up of a token: one file for all crawls with it, whole after every crash."""

import multiprocessing
from pathlib import Path

import pytest

from ingest.ledger import Kept, Ledger
from ingest.state import State
from stream.errors import UserError

TOKEN = "a-token-of-the-test"


def one_more(kept: Kept) -> Kept:
    return {"used": kept.get("used", 0) + 1}


def both(kept: Kept, own: Kept) -> Kept:
    return {"used": kept.get("used", 0) + own["used"]}


def _count(file: Path, times: int) -> None:
    for _ in range(times):
        Ledger(file).change(one_more)


def test_what_several_processes_count_at_once_is_all_counted(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    file = tmp_path / "a" / "x.json"
    counting = [fork.Process(target=_count, args=(file, 25)) for _ in range(4)]
    for process in counting:
        process.start()
    for process in counting:
        process.join()
    assert Ledger(file).read() == {"used": 100}


def test_crawls_with_one_token_share_a_ledger_and_those_with_another_do_not(tmp_path: Path) -> None:
    with State.open(tmp_path, "a") as a, State.open(tmp_path, "b") as b:
        Ledger.of(a, "x", TOKEN).change(one_more)
        assert Ledger.of(b, "x", TOKEN).read() == {"used": 1}
        assert Ledger.of(b, "x", "another").read() == {}
        assert Ledger.of(b, "youtube", TOKEN).read() == {}


def test_the_token_is_in_no_file_and_no_file_name(tmp_path: Path) -> None:
    with State.open(tmp_path, "a") as state:
        Ledger.of(state, "x", TOKEN).change(one_more)
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(files) >= 3
    assert all(TOKEN not in str(file) and TOKEN not in file.read_text() for file in files)


def test_what_the_state_of_a_crawl_held_goes_over_once(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(
        '{"source": "x", "cursor": {"after": 1}, "ledgers": {"budget": {"used": 7}}}'
    )
    for _start in range(2):
        with State.open(tmp_path, "a", "x") as state:
            ledger = Ledger.of(state, "x", TOKEN, "budget", both)
            assert ledger.read() == {"used": 7}
            assert state.cursor == {"after": 1}
    assert "budget" not in (tmp_path / "a.json").read_text()


def test_a_copy_of_a_state_in_use_gives_nothing_away(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"source": "x", "ledgers": {"budget": {"used": 7}}}')
    with State.open(tmp_path, "a", "x"), State.open(tmp_path, "a", "x", share=True) as copy:
        assert Ledger.of(copy, "x", TOKEN, "budget", both).read() == {}


def test_a_change_that_is_refused_changes_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "x.json")
    ledger.change(one_more)

    def refused(_kept: Kept) -> Kept:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        ledger.change(refused)
    ledger.change(one_more)
    assert ledger.read() == {"used": 2}


@pytest.mark.parametrize("content", ["", "[]", "{"])
def test_a_damaged_ledger_is_named_and_left_alone(tmp_path: Path, content: str) -> None:
    file = tmp_path / "x.json"
    file.write_text(content)
    with pytest.raises(UserError, match=r"x\.json: is no ledger of a crawl"):
        Ledger(file).change(one_more)
    assert file.read_text() == content


def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot be kept: .*EMOSTREAM_STATE_DIR"):
        Ledger(tmp_path / "file" / "x.json").change(one_more)
