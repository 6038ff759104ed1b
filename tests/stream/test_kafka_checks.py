"""Each fault of Kafka, made on the real broker or before it, is named; a good one raises none."""

import socket
import struct
from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import pytest
from kafka import KafkaAdminClient, TopicPartition

from stack import Stack
from stream import cluster
from stream.broker import KafkaSource, KafkaWriter, clients, connection, create_topics
from stream.cluster import Cluster
from stream.doctor import kafka as kafka_checks
from stream.doctor.findings import Finding
from stream.records import Outgoing
from stream.settings import Settings
from stream.topics import Topic
from tests.stream.rewriting_proxy import rewriting

pytestmark = pytest.mark.stack

DAY = "86400000"


@pytest.fixture
def settings(stack: Stack) -> Settings:
    return Settings(kafka=stack.kafka)


@pytest.fixture
def kafka(settings: Settings) -> Iterator[Cluster]:
    with cluster.opened(settings) as opened:
        yield opened


@pytest.fixture
def topic(settings: Settings) -> Topic:
    topic = Topic(f"test.{uuid4().hex}", holds="numbers", partitions=2)
    create_topics(settings, [topic])
    return topic


def test_a_client_that_is_asked_for_and_not_installed_is_found(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = settings.model_copy(update={"kafka_client": "confluent-kafka"})
    assert list(kafka_checks.of_client(asked)) == []
    monkeypatch.setattr(clients, "find_spec", lambda _name: None)
    assert list(kafka_checks.of_client(settings)) == []
    (found,) = kafka_checks.of_client(asked)
    assert (found.code, found.severity) == ("kafka-client-missing", "problem")
    assert found.mend.startswith("`pip install ")


def put(settings: Settings, topic: Topic, count: int = 10) -> None:
    with KafkaWriter(settings) as writer:
        writer.write(topic, [Outgoing(f"text:{n}", b"{}", "c") for n in range(count)])


def codes(findings: Iterator[Finding]) -> list[str]:
    return [one.code for one in findings]


def of_group(settings: Settings, topic: Topic, group: str) -> Iterator[Finding]:
    return kafka_checks.of_groups(settings, {group: topic.name}, watch=0.0)


def test_a_topic_as_it_is_declared_raises_nothing(
    kafka: Cluster, settings: Settings, topic: Topic
) -> None:
    assert list(kafka_checks.of_topics(kafka, settings, [topic])) == []


def test_a_topic_that_is_not_there_is_named(kafka: Cluster, settings: Settings) -> None:
    nowhere = Topic("test.nowhere", holds="nothing")
    (found,) = kafka_checks.of_topics(kafka, settings, [nowhere])
    assert (found.code, "test.nowhere" in found.sentence) == ("topic-missing", True)


@pytest.mark.parametrize(
    ("config", "declared", "code"),
    [
        ({"retention.ms": DAY}, {"retention.ms": str(7 * int(DAY))}, "topic-retention-short"),
        ({"cleanup.policy": "compact"}, {}, "topic-cleanup-policy-wrong"),
        ({"cleanup.policy": "delete"}, {"cleanup.policy": "compact,delete"},
         "topic-cleanup-policy-wrong"),
        ({"max.message.bytes": "1000"}, {}, "topic-message-size-too-small"),
        ({"min.insync.replicas": "2"}, {}, "topic-takes-no-writes"),
    ],
)  # fmt: skip
def test_a_topic_with_other_settings_is_named(
    kafka: Cluster, settings: Settings, config: dict[str, str], declared: dict[str, str], code: str
) -> None:
    made = Topic(f"test.{uuid4().hex}", holds="numbers", partitions=1, config=config)
    create_topics(settings, [made])
    (found,) = kafka_checks.of_topics(kafka, settings, [replace(made, config=declared)])
    assert (found.code, made.name in found.sentence) == (code, True)
    assert f"--topic {made.name}" in found.mend


def test_a_topic_with_too_few_partitions_or_replicas_is_named(
    kafka: Cluster, settings: Settings, topic: Topic
) -> None:
    wanted = replace(topic, partitions=6)
    assert codes(kafka_checks.of_topics(kafka, settings, [wanted])) == ["topic-partitions-too-few"]
    three = settings.model_copy(update={"replication_factor": 3})
    assert codes(kafka_checks.of_topics(kafka, three, [topic])) == ["topic-replicas-too-few"]


def test_a_group_that_reads_on_and_one_with_nothing_to_read_raise_nothing(
    settings: Settings, topic: Topic
) -> None:
    group = uuid4().hex
    assert list(of_group(settings, topic, group)) == []
    put(settings, topic)
    with KafkaSource(settings, topic, group) as source:
        while not (batch := source.poll()):
            pass
        assert list(of_group(settings, topic, group)) == []
        source.commit(batch)


def test_records_that_nobody_reads_are_named_with_the_command_that_reads_them(
    settings: Settings, topic: Topic
) -> None:
    put(settings, topic)
    (found,) = of_group(settings, topic, f"indexer-{uuid4().hex}")
    assert (found.code, found.sentence.split()[0]) == ("group-without-member", "10")
    assert "`python -m indexer run`" in found.mend
    assert "its last log line" in found.mend  # too many dead letters stop it again


def test_records_that_retention_took_from_a_group_are_counted(
    settings: Settings, topic: Topic
) -> None:
    group = uuid4().hex
    put(settings, topic)
    with KafkaSource(settings, topic, group) as source:
        done = 0
        while done < 10:
            batch = source.poll()
            done += len(batch)
            if batch:
                source.commit(batch)
    put(settings, topic)
    admin = KafkaAdminClient(**connection(settings))
    parts = [TopicPartition(topic.name, number) for number in range(topic.wanted(6))]
    admin.delete_records(dict.fromkeys(parts, -1))  # all that there is
    admin.close()
    (found,) = of_group(settings, topic, group)
    assert (found.code, found.sentence.split()[0]) == ("group-offset-lost", "10")


def test_a_group_that_falls_behind_is_named_and_one_that_catches_up_is_not(
    settings: Settings, topic: Topic
) -> None:
    group = uuid4().hex
    put(settings, topic)
    with KafkaSource(settings, topic, group) as source:
        while not source.poll():
            pass
        grows = kafka_checks.of_groups(
            settings, {group: topic.name}, 2.0, lambda _seconds: put(settings, topic)
        )
        (found,) = grows
        assert found.code == "group-lag-growing"
        assert "10, 20, then 30 records" in found.sentence
        assert list(of_group(settings, topic, group)) == []


def test_dead_letters_that_come_while_we_look_are_counted(
    kafka: Cluster, settings: Settings, topic: Topic
) -> None:
    assert list(kafka_checks.of_letters(kafka, 0.0, topic.name)) == []
    (found,) = kafka_checks.of_letters(kafka, 1.0, topic.name, lambda _s: put(settings, topic, 3))
    assert (found.code, found.sentence.split()[0]) == ("dead-letters-growing", "3")


def test_a_broker_that_takes_connections_and_does_not_answer_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        (found,) = kafka_checks.checks(Settings(kafka=address), 0.0)
    assert (found.code, address in found.sentence) == ("kafka-unreachable", True)


def test_an_advertised_address_that_cannot_be_reached_is_told_from_a_dead_broker(
    settings: Settings,
) -> None:
    host, _, port = settings.kafka.rpartition(":")
    told, wrong = (host.encode() + struct.pack(">i", number) for number in (int(port), 1))
    with rewriting(settings.kafka, lambda piece: piece.replace(told, wrong)) as address:
        found = codes(kafka_checks.checks(Settings(kafka=address), 0.0))
    assert found == ["advertised-listener-unreachable"]


def test_a_broker_of_an_earlier_major_version_is_named(settings: Settings) -> None:
    admin = KafkaAdminClient(**connection(settings))
    # The requests by which 3.9 and 4 are known: Fetch from 17 on, ListOffsets 10, Produce 12 on.
    newest = {1: 16, 2: 9, 0: 11}
    ranges = {int(key): of for key, of in admin.api_versions().items() if int(key) in newest}
    admin.close()
    port = int(settings.kafka.rpartition(":")[2])

    def older(piece: bytes) -> bytes:
        for key, (lowest, highest) in ranges.items():
            at = struct.pack(">hhh", key, lowest, highest)
            piece = piece.replace(at, struct.pack(">hhh", key, lowest, newest[key]))
        # The client is to stay with the proxy instead of the address that the broker tells.
        return piece.replace(struct.pack(">i", port), struct.pack(">i", ours[0]))

    ours = [0]
    with rewriting(settings.kafka, older) as address:
        ours[0] = int(address.rpartition(":")[2])
        with cluster.opened(Settings(kafka=address)) as kafka:
            (found,) = kafka_checks.of_version(kafka)
    assert (found.code, "Kafka 3.8" in found.sentence) == ("kafka-old", True)


def test_this_broker_is_no_old_one(kafka: Cluster) -> None:
    assert list(kafka_checks.of_version(kafka)) == []
