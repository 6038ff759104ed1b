from __future__ import annotations

from pathlib import Path

import pytest

from stack import checks
from stack.checks import Limits
from stack.errors import StackError

USUAL = Limits(kafka_heap="512m", elasticsearch_heap="1g", free_disk="1g")
GIGABYTE = 1024**3


def test_heaps_have_usual_sizes_and_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KAFKA_HEAP", "ELASTICSEARCH_HEAP", "STACK_FREE_DISK"):
        monkeypatch.delenv(f"EMOSTREAM_{name}", raising=False)
    assert Limits.from_environment() == USUAL
    monkeypatch.setenv("EMOSTREAM_KAFKA_HEAP", "256M")
    assert Limits.from_environment().kafka_heap == "256m"


@pytest.mark.parametrize("value", ["much", "512", "0m", "-1g", "1.5g", "512mb"])
def test_a_setting_that_is_no_size_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("EMOSTREAM_KAFKA_HEAP", value)
    with pytest.raises(StackError, match=f"EMOSTREAM_KAFKA_HEAP={value} is no size"):
        Limits.from_environment()


def test_too_little_memory_is_refused_with_both_numbers_and_both_settings() -> None:
    with pytest.raises(StackError, match=r"too little memory: .* 2236 MB .* 1024 MB") as refusal:
        checks.check_memory(USUAL, available=GIGABYTE)
    assert "EMOSTREAM_KAFKA_HEAP and EMOSTREAM_ELASTICSEARCH_HEAP" in str(refusal.value)


def test_enough_or_unknown_memory_is_accepted() -> None:
    checks.check_memory(USUAL, available=4 * GIGABYTE)
    checks.check_memory(USUAL, available=None)


def test_too_little_disk_space_is_refused(tmp_path: Path) -> None:
    greedy = Limits("512m", "1g", free_disk="999999t")
    with pytest.raises(StackError, match=r"too little disk space for .*missing"):
        checks.check_disk(tmp_path / "missing" / "too", greedy)
    checks.check_disk(tmp_path, Limits("512m", "1g", free_disk="1k"))


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("java.io.IOException: No space left on device", "the disk is full: free some space"),
        ("java.net.BindException: Address already in use", "its port was taken meanwhile"),
        ("java.lang.OutOfMemoryError: Java heap space", "set EMOSTREAM_KAFKA_HEAP higher"),
        ("Invalid meta.properties", "its data is damaged"),
        ("something never seen before", "see the last lines of"),
    ],
)
def test_the_end_of_a_server_is_explained_from_its_log(
    tmp_path: Path, line: str, meaning: str
) -> None:
    log = tmp_path / "kafka.log"
    log.write_text(f"starting\n{line}\nending\n", encoding="utf-8")
    explanation = checks.explain("kafka", log)
    assert meaning in explanation
    assert str(log) in explanation
    assert "\n" not in explanation


def test_the_tail_of_a_log_is_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    lines = [f"line {number} " + "x" * 90 for number in range(5_000)]
    log.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert checks.tail(log, 1_000) == lines[-1_000:]
    assert checks.tail(log, 9_000) == lines
    assert checks.tail(log, 0) == []
    assert checks.tail(tmp_path / "missing", 3) == []
