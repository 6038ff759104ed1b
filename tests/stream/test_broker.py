"""The real broker behind the loop, over each client."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from threading import Timer
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from kafka import KafkaConsumer, TopicPartition

from stack import Stack
from stream.broker import (
    SILENCE_SECONDS,
    KafkaSource,
    KafkaWriter,
    connection,
    create_topics,
    read_to_end,
)
from stream.broker.clients import PartitionsLost
from stream.broker.options import native_connection
from stream.codec import decode_collected, decode_dead_letter, encode
from stream.dead_letters import Source, dead_letter
from stream.errors import Backpressure, UserError
from stream.posts import Origin, Post
from stream.records import Item, Outgoing, Received
from stream.settings import Settings
from stream.sinks import Encoded, KafkaDeadLetters, KafkaSink
from stream.topics import COLLECTED, DEAD_LETTER, TOPICS, Topic

pytestmark = pytest.mark.stack


CLIENTS = ("confluent-kafka", "kafka-python")
EMPTY_POLLS = 20
"""Ten seconds of them: what was sought is fetched anew."""
ONCE = pytest.mark.parametrize("client", ["auto"])
"""For what the client has no part in."""


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def settings(stack: Stack, client: str) -> Settings:
    return Settings.model_validate({"kafka": stack.kafka, "kafka_client": client})


@pytest.fixture
def topic(settings: Settings) -> Topic:
    topic = Topic(f"test.{uuid4().hex}", holds="numbers", partitions=1)
    create_topics(settings, [topic])
    return topic


def post(number: int) -> Post:
    moment = datetime(2026, 11, 16, tzinfo=UTC)
    return Post(
        platform="text",
        native_id=str(number),
        text=f"text {number}",
        created_at=moment,
        observed_at=moment,
        origin=Origin(crawl="c1"),
    )


def put(settings: Settings, topic: Topic, numbers: range) -> None:
    with KafkaWriter(settings) as writer:
        records = [Outgoing(post(n).key, encode(post(n)), "c1") for n in numbers]
        assert writer.write(topic, records) == []


def taken(source: KafkaSource, at_least: int) -> Iterator[Received]:
    """Polls until `at_least` records have come; the test's own timeout is the deadline."""
    count = 0
    while count < at_least:
        batch = source.poll()
        count += len(batch)
        yield from batch


def until_taken(action: Callable[[], object]) -> None:
    """Repeats as the loop does; the test's own timeout is the deadline."""
    while True:
        with suppress(Backpressure):
            action()
            return


def numbers(records: Iterator[Received]) -> list[int]:
    found = []
    for record in records:
        decoded = decode_collected(record.value)
        found.append(int(decoded.key.partition(":")[2]))
    return found


@ONCE
def test_topics_are_created_once_with_their_declared_partitions(settings: Settings) -> None:
    create_topics(settings)
    assert create_topics(settings) == []
    consumer = KafkaConsumer(**connection(settings))
    with closing(consumer):
        for topic in TOPICS:
            assert len(consumer.partitions_for_topic(topic.name)) == topic.wanted(6)


@ONCE
def test_a_topic_between_stations_gets_as_many_partitions_as_the_setting_says(
    settings: Settings,
) -> None:
    new = replace(COLLECTED, name=f"collected-{uuid4().hex}")
    create_topics(settings.model_copy(update={"partitions": 9}), [new])
    consumer = KafkaConsumer(**connection(settings))
    with closing(consumer):
        assert len(consumer.partitions_for_topic(new.name)) == 9


def test_records_come_back_in_order_with_key_value_and_crawl(
    settings: Settings, topic: Topic
) -> None:
    put(settings, topic, range(5))
    with KafkaSource(settings, topic, uuid4().hex) as source:
        records = list(taken(source, 5))
    assert numbers(iter(records)) == [0, 1, 2, 3, 4]
    assert {record.crawl for record in records} == {"c1"}
    assert records[3].key == b"text:3"


@pytest.mark.case(25)
def test_a_new_worker_begins_at_the_committed_offset_and_a_rewind_repeats_the_batch(
    settings: Settings, topic: Topic
) -> None:
    put(settings, topic, range(10))
    small = settings.model_copy(update={"batch_records": 4})
    group = uuid4().hex
    with KafkaSource(small, topic, group) as source:
        first = list(taken(source, 4))
        source.commit(first)
        for _ in range(3):
            source.keep()  # what comes meanwhile is not lost
        second = list(taken(source, 4))
        source.rewind(second)
        assert numbers(taken(source, 4)) == numbers(iter(second)) == [4, 5, 6, 7]
    with KafkaSource(small, topic, group) as source:
        assert numbers(taken(source, 6)) == [4, 5, 6, 7, 8, 9]


@pytest.mark.case(25)
def test_what_is_only_read_is_not_committed_by_the_client(
    settings: Settings, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client's own commits come every five seconds: here, were they on, at every poll."""
    eager = partial(KafkaConsumer, auto_commit_interval_ms=1)
    monkeypatch.setattr("stream.broker.python.KafkaConsumer", eager)

    def options(settings: Settings) -> dict[str, Any]:
        return native_connection(settings) | {"auto.commit.interval.ms": 1}

    monkeypatch.setattr("stream.broker.native.native_connection", options)
    put(settings, topic, range(5))
    group = uuid4().hex
    with KafkaSource(settings, topic, group) as source:
        list(taken(source, 5))
        for _ in range(10):
            source.keep()
    with KafkaSource(settings, topic, group) as source:
        assert numbers(taken(source, 5)) == [0, 1, 2, 3, 4]


@pytest.mark.case(23)
def test_what_another_worker_has_committed_meanwhile_is_not_taken_back(settings: Settings) -> None:
    topic = Topic(f"test.{uuid4().hex}", holds="numbers", partitions=2)
    create_topics(settings, [topic])
    put(settings, topic, range(40))
    settings = settings.model_copy(update={"session_seconds": 1.0})
    with KafkaSource(settings, topic, "group") as slow:
        batch = list(taken(slow, at_least=40))
        put(settings, topic, range(40, 80))
        with KafkaSource(settings, topic, "group") as quick:
            while not (read := quick.poll()):  # until it has been given one of the two partitions
                slow.keep()
            while len(partitions := {one.partition for one in read}) != 1 or len(read) < 10:
                read = [*read, *quick.poll()]
            quick.commit(read)
        done = max(one.offset for one in read) + 1
        with closing(KafkaConsumer(group_id="group", **connection(settings))) as onlooker:
            (partition,) = partitions
            assert onlooker.committed(TopicPartition(topic.name, partition)) == done
            while partition not in slow._consumer.ends():
                slow.keep()
            slow.commit(batch)
            assert onlooker.committed(TopicPartition(topic.name, partition)) == done


def test_a_batch_whose_commit_met_a_rebalance_is_read_again_by_the_worker_that_keeps_it(
    settings: Settings, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(settings, topic, range(10))
    with KafkaSource(settings, topic, "group") as source:
        batch = list(taken(source, at_least=10))
        with monkeypatch.context() as rebalance:
            rebalance.setattr(source._consumer, "commit", _refused)
            source.commit(batch)
        assert list(taken(source, at_least=10)) == batch
        source.commit(batch)
    with closing(KafkaConsumer(group_id="group", **connection(settings))) as onlooker:
        assert onlooker.committed(TopicPartition(topic.name, 0)) == 10


def _refused(*_: object, **__: object) -> None:
    raise PartitionsLost


def test_partitions_that_come_and_go_while_a_source_keeps_its_place_are_read_to_their_ends(
    settings: Settings,
) -> None:
    topic = Topic(f"test.{uuid4().hex}", holds="numbers", partitions=4)
    create_topics(settings, [topic])
    put(settings, topic, range(200))
    settings = settings.model_copy(update={"batch_records": 5, "session_seconds": 1.0})
    with KafkaSource(settings, topic, "group") as source:
        seen = {(one.partition, one.offset) for one in taken(source, at_least=5)}
        for _ in range(3):
            with KafkaSource(settings, topic, "group") as other:
                while not other.poll():
                    source.keep()
                source.keep()
                seen |= {(one.partition, one.offset) for one in source.poll()}
                source.keep()
            while len(source._consumer.ends()) < 4:
                source.keep()
        empty = 0
        while len(seen) < 200:
            batch = source.poll()
            empty = 0 if batch else empty + 1
            assert empty < EMPTY_POLLS, f"{len(seen)} of 200 records, and no more come"
            seen |= {(one.partition, one.offset) for one in batch}


@ONCE
def test_one_group_may_have_members_of_both_clients_and_whoever_leaves_loses_nothing(
    settings: Settings,
) -> None:
    topic = Topic(f"test.{uuid4().hex}", holds="numbers", partitions=4)
    create_topics(settings, [topic])
    put(settings, topic, range(100))
    impatient = settings.model_copy(update={"session_seconds": 1.0})
    both = [impatient.model_copy(update={"kafka_client": one}) for one in CLIENTS]
    for leaves, stays in (both, reversed(both)):
        group, seen = uuid4().hex, set[tuple[int, int]]()
        with KafkaSource(stays, topic, group) as staying:
            while len(staying._consumer.ends()) < 4:
                staying.keep()
            with KafkaSource(leaves, topic, group) as leaving:
                while not (batch := leaving.poll()):
                    staying.keep()
                while len(staying._consumer.ends()) > 2:
                    staying.keep()
                leaving.commit(batch)
                seen |= {(one.partition, one.offset) for one in batch}
                leaving.poll()  # what it has read and not committed is for the other
            while len(seen) < 100:
                rest = staying.poll()
                seen |= {(one.partition, one.offset) for one in rest}
                staying.commit(rest)


@ONCE
def test_a_key_has_its_partition_whichever_client_writes_it(settings: Settings) -> None:
    """The records of a post keep their order when the client is changed."""
    topic = Topic(f"test.{uuid4().hex}", holds="numbers", partitions=8)
    create_topics(settings, [topic])
    keys = [f"x:{number}".encode() for number in range(20)]
    for name in CLIENTS:
        with KafkaWriter(settings.model_copy(update={"kafka_client": name})) as writer:
            writer.write(topic, [Outgoing(key, name.encode()) for key in keys])
    records = list(read_to_end(settings, topic))
    assert len(records) == 2 * len(keys)
    assert len({(record.key, record.partition) for record in records}) == len(keys)


def test_a_lingering_source_waits_for_the_batch_to_fill(settings: Settings, topic: Topic) -> None:
    five = settings.model_copy(update={"batch_records": 5})
    put(settings, topic, range(3))
    with KafkaSource(five, topic, uuid4().hex, linger=20) as source:
        late = Timer(1.0, put, (settings, topic, range(3, 5)))
        late.start()
        batch: list[Received] = []
        while not batch:
            batch = list(source.poll())
        late.join()
    assert len(batch) == 5


@pytest.mark.case(6)
def test_an_oversized_record_is_refused_and_the_others_are_written(
    settings: Settings, topic: Topic
) -> None:
    huge = Outgoing("text:9", os.urandom(2_000_000))
    with KafkaWriter(settings) as writer:
        refused = writer.write(topic, [Outgoing("a", b"1"), huge, Outgoing("b", b"2")])
    assert [position for position, _ in refused] == [1]
    assert "2000000 bytes" in refused[0][1]
    assert [record.value for record in read_to_end(settings, topic)] == [b"1", b"2"]


@ONCE
def test_a_topic_can_be_read_from_a_moment_on(settings: Settings, topic: Topic) -> None:
    put(settings, topic, range(2))
    moment = datetime.now(UTC) + timedelta(milliseconds=1)
    assert list(read_to_end(settings, topic, since=moment)) == []
    while datetime.now(UTC) <= moment:
        pass
    put(settings, topic, range(2, 4))
    assert numbers(read_to_end(settings, topic, since=moment)) == [2, 3]


@ONCE
def test_the_time_of_who_takes_the_records_is_not_kafka_s_silence(
    settings: Settings, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    poll, ahead, polls = KafkaConsumer.poll, [0.0], count()

    def every_other(consumer: KafkaConsumer, timeout_ms: int) -> Any:
        """Gives one record, then nothing, as a connection that was idle for long does."""
        return {} if next(polls) % 2 else poll(consumer, timeout_ms, max_records=1)

    put(settings, topic, range(3))
    monkeypatch.setattr(KafkaConsumer, "poll", every_other)
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + ahead[0])
    monkeypatch.setattr("stream.broker.reading.time", clock)
    found = []
    for record in read_to_end(settings, topic):
        found.append(record)
        ahead[0] += 10 * SILENCE_SECONDS
    assert numbers(iter(found)) == [0, 1, 2]


@ONCE
def test_the_sink_writes_under_the_posts_key_and_keeps_the_crawl(
    settings: Settings, topic: Topic
) -> None:
    received = Received("in", 0, 0, b"k", b"v", (("crawl", b"c7"),))
    with KafkaWriter(settings) as writer:
        assert KafkaSink(writer, topic).write([Item(Encoded.of(post(1)), received)]) == []
    (record,) = read_to_end(settings, topic)
    assert (record.key, record.crawl, decode_collected(record.value)) == (b"text:1", "c7", post(1))


@ONCE
def test_dead_letters_reach_their_topic(settings: Settings) -> None:
    create_topics(settings)
    crawl = uuid4().hex
    letter = dead_letter(
        "test", "receiving", "why", Source(file="f", line=1), b"\xff\x00", crawl=crawl
    )
    with KafkaWriter(settings) as writer:
        KafkaDeadLetters(writer).write([letter])
    ours = [one for one in read_to_end(settings, DEAD_LETTER) if one.crawl == crawl]
    assert [decode_dead_letter(one.value).original for one in ours] == [b"\xff\x00"]


@pytest.mark.case(24)
def test_a_missing_broker_is_one_clear_line(
    client: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("stream.broker.times.BOOTSTRAP_MS", 1000)
    nowhere = Settings.model_validate({"kafka": "127.0.0.1:1", "kafka_client": client})
    begins = (partial(KafkaSource, topic=TOPICS[0], group="g"), KafkaWriter, create_topics)
    for begin in begins:
        with pytest.raises(UserError, match=r"no Kafka broker answers at 127\.0\.0\.1:1 \("):
            begin(nowhere)
    assert capfd.readouterr().err == "", "the client speaks for itself"


@pytest.mark.case(24)
def test_a_broker_that_freezes_is_backpressure_and_is_written_to_once_it_thaws(
    stack: Stack, settings: Settings, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream.broker.times.REQUEST_MS", 1000)
    monkeypatch.setattr("stream.broker.times.DELIVERY_MS", 2000)
    record = [Outgoing("text:0", encode(post(0)))]
    with KafkaWriter(settings) as writer:
        writer.write(topic, record)
        os.kill(stack.pid("kafka"), signal.SIGSTOP)
        try:
            with pytest.raises(Backpressure):
                writer.write(topic, record)
        finally:
            os.kill(stack.pid("kafka"), signal.SIGCONT)
        until_taken(lambda: writer.write(topic, record))
    assert len(list(read_to_end(settings, topic))) >= 2


@pytest.mark.case(24)
def test_a_broker_that_goes_away_is_backpressure_and_its_return_loses_nothing(
    stack: Stack, settings: Settings, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream.broker.times.REQUEST_MS", 1000)
    monkeypatch.setattr("stream.broker.times.DELIVERY_MS", 2000)
    second = [Outgoing("text:1", encode(post(1)))]
    # A member that was away for longer has a new name, and waits for its old one to be missed.
    settings = settings.model_copy(update={"session_seconds": 1.0})
    with (
        KafkaWriter(settings) as writer,
        KafkaSource(settings, topic, uuid4().hex) as source,
    ):
        writer.write(topic, [Outgoing("text:0", encode(post(0)))])
        batch = list(taken(source, 1))
        stack.kill("kafka")
        try:
            with pytest.raises(Backpressure):
                writer.write(topic, second)
        finally:
            stack.start("kafka")
        until_taken(lambda: writer.write(topic, second))
        until_taken(lambda: source.commit(batch))
        while 1 not in numbers(iter(source.poll())):
            pass
