"""A process can be told to die at any of the named moments, and at no other."""

import os
import re
import signal
from functools import partial
from pathlib import Path

import pytest

from stream import crash
from stream.errors import UserError
from stream.settings import load_settings

ROOT = Path(__file__).parents[2]
PACKAGES = ("stream", "ingest", "classifier", "indexer")


def status_after(crash_at: str | None, *passed: str) -> int:
    """How a process ends that passes these points; 0 if it gets to its end."""
    child = os.fork()
    if child == 0:
        crash.arm(crash_at)
        for point in passed:
            crash.reached(point)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_process_dies_at_its_point_and_nowhere_else() -> None:
    assert status_after("indexer.written", "indexer.polled", "indexer.written") == -signal.SIGKILL
    assert status_after("indexer.written", "indexer.polled", "classifier.written") == 0
    assert status_after(None, *crash.POINTS) == 0


def test_a_process_dies_when_it_passes_its_point_for_the_nth_time() -> None:
    assert status_after("bulk.part:3", *["bulk.part"] * 2) == 0
    assert status_after("bulk.part:3", *["bulk.part"] * 3) == -signal.SIGKILL


def test_what_is_to_be_done_first_is_done_only_by_a_process_that_dies() -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        crash.arm("kafka.half:2")
        for note in (b"1", b"2", b"3"):
            crash.reached("kafka.half", partial(os.write, write, note))
        os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    assert os.read(read, 10) == b"2"


@pytest.mark.parametrize("wrong", ["nowhere", "indexer", "indexer.written:0", "indexer.written:x"])
def test_a_point_that_there_is_not_is_one_line_at_the_start(
    monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.setenv("EMOSTREAM_CRASH_AT", wrong)
    load_settings.cache_clear()
    with pytest.raises(UserError, match="crash_at: ") as error:
        load_settings()
    load_settings.cache_clear()
    if ":" not in wrong:
        assert all(point in str(error.value) for point in crash.POINTS)


def test_the_points_are_those_that_the_stations_pass() -> None:
    passed: set[str] = set()
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            if file.name != "crash.py":
                text = file.read_text(encoding="utf-8")
                passed |= set(re.findall(r'reached\(\s*f?"([^"]+)"', text))
    steps = {one.partition(".")[2] for one in passed if one.startswith("{station}")}
    passed = {one for one in passed if not one.startswith("{station}")}
    assert passed | {f"{loop}.{step}" for loop in crash.LOOPS for step in steps} == set(
        crash.POINTS
    )


def test_every_point_is_documented() -> None:
    text = (ROOT / "docs" / "chaos.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([a-z.-]+)` \| (.+) \|$", text, re.MULTILINE))
    assert rows == crash.POINTS
