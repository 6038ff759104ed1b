"""How far behind a consumer is, and whether its broker answers, with the real one."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from uuid import uuid4

import pytest

from stack import Stack
from stream import status
from stream.broker import KafkaSource, KafkaWriter, create_topics
from stream.metrics import Counters
from stream.records import Outgoing
from stream.settings import Settings
from stream.status import Status, serving
from stream.topics import Topic

pytestmark = pytest.mark.stack


@pytest.fixture
def settings(stack: Stack) -> Settings:
    return Settings(kafka=stack.kafka, metrics="0", batch_records=6)


def test_lag_and_age_follow_a_consumer_through_its_topic(settings: Settings) -> None:
    topic = Topic(f"test.{uuid4().hex}", holds="numbers", partitions=1)
    create_topics(settings, [topic])
    with KafkaWriter(settings) as writer:
        began = time.time()
        writer.write(topic, [Outgoing("a", b"record")] * 10)
    with KafkaSource(settings, topic, f"group.{uuid4().hex}") as source:
        progress = source.progress
        while not (batch := source.poll()):
            assert progress.lag == {}
            assert progress.oldest is None
        assert progress.lag == {0: 10}
        assert progress.oldest and began - 1 <= progress.oldest <= time.time() + 1
        source.rewind(batch)
        while not (batch := source.poll()):
            pass
        assert progress.lag == {0: 10}
        source.commit(batch)
        assert progress.lag == {0: 10 - len(batch)}
        while (left := 10 - batch[-1].offset - 1) and (batch := source.poll()):
            source.commit(batch)
        assert left == 0
        assert not source.poll()
        assert progress.lag == {0: 0}
        assert progress.oldest is None


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def broker_of(told: Status) -> str | None:
    """Why the broker is not well, if it is not."""
    _ready, said = told.ready()
    reason: str | None = said["checks"]["broker"].get("reason")
    return reason


def until(told: Status, well: bool) -> str | None:
    deadline = time.monotonic() + 60
    while (broker_of(told) is None) != well:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return broker_of(told)


def test_a_station_is_not_ready_while_its_broker_is_frozen_and_leaves_nothing_open(
    stack: Stack, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream.broker.times.CHECK_MS", 300)
    monkeypatch.setattr(status, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(status, "KEPT_SECONDS", 0.0)
    with serving(settings, [Counters("test")]) as told:
        told.started({}, broker=settings)
        until(told, well=True)
        files = open_files()
        os.kill(stack.pid("kafka"), signal.SIGSTOP)
        try:
            reason = until(told, well=False)
            for _ in range(5):
                assert broker_of(told)
        finally:
            os.kill(stack.pid("kafka"), signal.SIGCONT)
        assert reason and ("no Kafka broker answers" in reason or "no answer within" in reason)
        until(told, well=True)
        assert open_files() <= files + 2
