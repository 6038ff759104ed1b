"""What Kafka, its records and its groups can do to a station: on a real broker."""

import os
import signal
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from threading import Event
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from kafka import KafkaAdminClient

from stack import Stack
from stream.broker import KafkaSource, KafkaWriter, connection, create_topics
from stream.codec import encode
from stream.errors import Backpressure
from stream.records import Outgoing, Received
from stream.settings import Settings
from stream.topics import Topic
from tests.faults.station import Line, wait_until
from tests.indexer.records import classified, deletion, origin

pytestmark = pytest.mark.stack

EVICTED = ("poll timeout has expired", "maximum poll interval")
"""What the clients say of it."""


CLIENTS = ("confluent-kafka", "kafka-python")
EACH = pytest.mark.parametrize("client", CLIENTS)


@pytest.fixture
def client() -> str:
    return "auto"


@pytest.fixture
def settings(settings: Settings, client: str) -> Settings:
    return settings.model_copy(update={"kafka_client": client})


def again(line: Line) -> Line:
    """The same station after a restart: nothing is left of it but its group and its records."""
    after = Line(line.settings, line.topic, line.node, Event(), line.group, line.crawl)
    after.sent, after.total = line.sent, line.total
    return after


@pytest.fixture
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kafka gives up on a consumer that does not poll for two seconds."""
    monkeypatch.setattr("stream.broker.times.MAX_POLL_MS", 2000)


@pytest.fixture
def short_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that does not answer is given up soon."""
    short = {"REQUEST_MS": 1000, "DELIVERY_MS": 2000, "COMMIT_MS": 1000}
    for name, milliseconds in short.items():
        monkeypatch.setattr(f"stream.broker.times.{name}", milliseconds)


@pytest.mark.case(23)
@pytest.mark.parametrize(
    ("client", "trouble"), list(zip(CLIENTS, ["a slow write", "a long wait"], strict=True))
)
def test_a_station_that_is_held_up_longer_than_kafka_waits_keeps_its_partitions(
    line: Line, short_patience: None, caplog: pytest.LogCaptureFixture, trouble: str
) -> None:
    line.send(line.posts(range(100)))
    held_up: list[str] = []

    def hold_up() -> None:
        if held_up:
            return
        held_up.append(trouble)
        if trouble == "a long wait":
            raise Backpressure(trouble, retry_after=4.0)
        time.sleep(4.0)

    line.slow = hold_up
    line.start()
    wait_until(lambda: bool(held_up), "the first batch")
    line.send(line.posts(range(100, 200)))  # what arrives meanwhile must not be taken and lost
    counters = line.drain()
    assert not any(words in caplog.text for words in EVICTED)
    assert counters.received == 200, "a batch was read twice: its partitions had been lost"
    line.assert_law()


@pytest.mark.case(23)
@EACH
def test_the_commit_of_a_worker_that_was_evicted_is_survived_and_moves_nothing(
    line: Line,
    settings: Settings,
    topic: Topic,
    short_patience: None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    line.send(line.posts(range(30)))
    with KafkaSource(settings, topic, line.group) as zombie:
        batch: Sequence[Received] = []
        while not batch:
            batch = zombie.poll()
        with KafkaSource(settings, topic, line.group) as successor:
            taken: list[Received] = []
            while len(taken) < 30:
                taken += successor.poll()
            successor.commit(taken)
            zombie.commit(batch[:1])
            assert "partitions moved before the commit" in caplog.text
            assert line.committed() == 30
        line.send(line.posts(range(30, 40)))
        late: list[Received] = []
        while len(late) < 10:  # it takes part again, from where its successor was
            late += zombie.poll()
    assert {record.key for record in late} == {f"x:{n}".encode() for n in range(30, 40)}


@pytest.mark.case(24)
def test_a_broker_that_is_killed_under_a_station_and_returns_costs_no_record(
    line: Line, weak: Stack, short_requests: None
) -> None:
    line.send(line.posts(range(500)))
    killed: list[int] = []

    def kill_once() -> None:
        if not killed and line.counters.received >= 200:
            killed.append(line.counters.received)
            weak.kill("kafka")

    line.slow = kill_once
    line.start(line.settings.model_copy(update={"batch_records": 50}))
    wait_until(lambda: bool(killed) or line.ended(), "the kill")
    wait_until(lambda: line.counters.pressed >= 1 or line.ended(), "the station to notice")
    weak.start("kafka")
    line.drain()
    assert killed
    line.assert_law()


@pytest.mark.case(24)
@EACH
def test_a_broker_that_freezes_under_a_station_costs_no_record(
    line: Line, weak: Stack, short_requests: None
) -> None:
    line.send(line.posts(range(300)))
    frozen: list[bool] = []

    def freeze_once() -> None:
        if not frozen:
            frozen.append(True)
            os.kill(weak.pid("kafka"), signal.SIGSTOP)

    line.slow = freeze_once
    line.start(line.settings.model_copy(update={"batch_records": 50}))
    try:
        wait_until(lambda: line.counters.pressed >= 1, "a commit given up")
    finally:
        os.kill(weak.pid("kafka"), signal.SIGCONT)
    line.drain()
    line.assert_law()


@pytest.mark.case(24)
@EACH
def test_a_topic_that_is_deleted_and_made_again_is_read_from_its_beginning(
    line: Line, settings: Settings, topic: Topic
) -> None:
    line.send(line.posts(range(50)))
    line.start()
    wait_until(line.is_drained, "the first records")
    admin = KafkaAdminClient(**connection(settings))
    try:
        admin.delete_topics([topic.name])
        wait_until(lambda: topic.name not in admin.list_topics(), "the deletion")
    finally:
        admin.close()
    made = datetime.now(UTC)
    create_topics(settings, [topic])
    line.send(line.posts(range(50, 80)))
    wait_until(lambda: len(line.documents()) == 80 or line.ended(), "the records of the new topic")
    line.leave()
    line.assert_law(since=made)


@pytest.mark.case(25)
def test_nothing_is_committed_before_it_is_written(line: Line) -> None:
    """The client's own commits are off: what a station has only read is read again by the next."""
    line.send(line.posts(range(300)))

    def fail() -> None:
        if line.counters.received >= 100:
            raise ZeroDivisionError

    line.slow = fail
    line.start(line.settings.model_copy(update={"batch_records": 50}))
    with pytest.raises(ZeroDivisionError):
        line.drain()
    assert line.committed() == line.counters.received < 300
    assert len(line.documents()) == line.counters.received
    after = again(line)
    after.start()
    wait_until(lambda: after.committed() == 300, "the rest")
    after.leave()
    after.assert_law()


GOOD = encode(classified("good"))

POISON: dict[str, bytes | None] = {
    "nothing": None,
    "empty": b"",
    "not JSON": b"such joy",
    "not UTF-8": b'{"kind": "\xff\xfe"}',
    "cut off": GOOD[: len(GOOD) // 2],
    "another schema": b'{"kind": "post", "schema_version": 99}',
    "unknown field": GOOD.replace(b'{"kind"', b'{"surprise": 1, "kind"', 1),
    "array": b"[1, 2, 3]",
    "number without end": b"1" * 100_000,
    "nested": b"[" * 100_000,
    "nested object": b'{"a":' * 100_000,
    "long string": b'"' + b"x" * 900_000 + b'"',
    "lone surrogate": GOOD.replace(b"such joy today", rb"such \ud83d today"),
    "no number": GOOD.replace(b'"score":0.5', b'"score":NaN'),
    "no end": GOOD.replace(b'"score":0.5', b'"score":Infinity'),
}


@pytest.mark.case(16)
@pytest.mark.case(17)
@pytest.mark.case(19)
@pytest.mark.case(21)
def test_poison_goes_to_the_dead_letters_whole_and_what_is_around_it_is_indexed(line: Line) -> None:
    assert len({value for value in POISON.values() if value != GOOD}) == len(POISON)
    sound = line.posts(range(len(POISON)))
    records: list[Any] = []
    for (name, value), post in zip(POISON.items(), sound, strict=True):
        records += [post, Outgoing(f"poison {name}", value, line.crawl)]
    line.send(records)
    line.drain()
    line.assert_law(dead={f"poison {name}" for name in POISON})
    letters = {letter.original_key: letter for letter in line.letters()}
    for name, value in POISON.items():
        letter = letters[f"poison {name}"]
        assert letter.original == (None if value is None else value[:500_000]), name
        size = len(value or b"")
        assert (letter.original_size, letter.stage) == (size, "receiving"), name
        assert letter.headers == {"crawl": line.crawl}
        assert (letter.source.topic, letter.crawl) == (line.topic.name, line.crawl)


@pytest.mark.case(34)
def test_deletions_and_posts_in_any_order_leave_no_deleted_post(
    line: Line, node: Elasticsearch
) -> None:
    """Before its post, behind it, twice, and with the post replayed behind all of that."""
    posts = line.posts(range(40))
    gone = [
        Outgoing(one.key, encode(one), line.crawl)
        for one in (deletion(str(n), origin=origin(line.crawl)) for n in range(0, 40, 2))
    ]
    line.send([*gone[:10], *posts, *gone, *posts])
    line.drain()
    line.assert_law(deleted={str(one.key) for one in gone})


@pytest.mark.case(6)
@EACH
def test_a_record_over_the_topics_limit_is_named_and_the_others_are_written(
    settings: Settings, line: Line
) -> None:
    narrow = Topic(f"{line.topic.name}.narrow", "posts", 1, {"max.message.bytes": "20000"})
    create_topics(settings, [narrow])
    huge = Outgoing("x:huge", os.urandom(50_000), line.crawl)
    with KafkaWriter(settings) as writer:
        refused = writer.write(narrow, [*line.posts(range(5)), huge, *line.posts(range(5, 9))])
    assert [position for position, _reason in refused] == [5]
    assert "more than Kafka takes" in refused[0][1]
