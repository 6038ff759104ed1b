"""A station that works is told from one that hangs."""

import os
import subprocess
import sys
import time
from pathlib import Path
from threading import Event

import pytest
from kafka import KafkaConsumer

from stream import worker
from stream.codec import decode_collected
from stream.errors import Backpressure, UserError
from stream.health import STALE_SECONDS, Heartbeat, verdict
from stream.metrics import Counters
from stream.testing import MemoryDeadLetters, MemorySink, MemorySource

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "alive"


def check(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stream", "health"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_station_is_alive_from_its_first_turn_until_long_after_its_last(folder: Path) -> None:
    assert verdict(folder) == (False, f"nothing in {folder}: no loop of a station has turned yet")
    source = MemorySource([b"not a record"], Event())
    worker.run(
        "test",
        source,
        decode_collected,
        lambda items: items,
        MemorySink(),
        MemoryDeadLetters(),
        source.stop,
        health_dir=folder,
    )
    assert verdict(folder)[0]
    long_ago = time.time() - STALE_SECONDS - 5
    os.utime(folder / "test", (long_ago, long_ago))
    Heartbeat(folder, "another loop").beat()
    assert verdict(folder) == (False, "test last turned 305 s ago, more than 300 s")


def test_a_loop_is_stale_only_when_kafka_too_has_given_it_up() -> None:
    assert KafkaConsumer.DEFAULT_CONFIG["max_poll_interval_ms"] <= 1000 * STALE_SECONDS


def test_a_station_that_waits_for_its_destination_is_alive(folder: Path) -> None:
    def refuse(nth: int) -> None:
        if nth == 1:
            (folder / "test").unlink()  # only a turn after the refusal can bring it back
            raise Backpressure("full", retry_after=0.0)

    source = MemorySource([b"a"], Event())
    worker.run(
        "test",
        source,
        lambda _value: "a",
        lambda items: items,
        MemorySink(before=refuse),
        MemoryDeadLetters(),
        source.stop,
        health_dir=folder,
    )
    assert verdict(folder)[0]


def test_a_batch_that_takes_long_and_gets_on_is_alive(folder: Path) -> None:
    counters, told = Counters("test"), []

    def slowly(_nth: int) -> None:
        for file in folder.iterdir():
            os.utime(file, (time.time() - 2 * STALE_SECONDS,) * 2)
        told.append(verdict(folder)[0])
        counters.turn()  # as a sink does whenever a part of the batch is taken
        told.append(verdict(folder)[0])

    source = MemorySource([b"a"], Event())
    worker.run(
        "test",
        source,
        lambda _value: "a",
        lambda items: items,
        MemorySink(before=slowly),
        MemoryDeadLetters(),
        source.stop,
        counters,
        folder,
    )
    assert told == [False, True]


def test_without_a_folder_nothing_is_touched(tmp_path: Path) -> None:
    Heartbeat(None, "test").beat()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=f"EMOSTREAM_HEALTH_DIR={tmp_path}/file: File exists"):
        Heartbeat(tmp_path / "file", "test")


def test_the_command_says_what_is_the_matter_with_its_exit_code(tmp_path: Path) -> None:
    without = {name: value for name, value in os.environ.items() if "EMOSTREAM_" not in name}
    refused = check(without)
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: EMOSTREAM_HEALTH_DIR is not set")
    folder = tmp_path / "alive"
    assert check(without | {"EMOSTREAM_HEALTH_DIR": str(folder)}).returncode == 1
    Heartbeat(folder, "test").beat()
    well = check(without | {"EMOSTREAM_HEALTH_DIR": str(folder)})
    assert (well.returncode, well.stdout[:6]) == (0, "alive:")
