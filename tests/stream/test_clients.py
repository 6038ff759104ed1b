"""Which client reads and writes, how both connect, and what ends a station that uses one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from stream.broker import KafkaSource, clients, native_producer, options, times
from stream.broker.native_consumer import NativeConsumer
from stream.broker.native_producer import NativeProducer
from stream.errors import Backpressure, UserError
from stream.records import Outgoing, Received
from stream.settings import Settings
from stream.topics import COLLECTED


@pytest.fixture
def not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "find_spec", lambda _name: None)


def test_the_fast_client_is_taken_where_it_is_installed() -> None:
    assert clients.chosen(Settings()) == "confluent-kafka"
    assert clients.chosen(Settings(kafka_client="kafka-python")) == "kafka-python"


def test_without_it_the_other_is_taken_unless_it_is_asked_for(not_installed: None) -> None:
    assert clients.chosen(Settings()) == "kafka-python"
    asked = Settings(kafka_client="confluent-kafka")
    with pytest.raises(UserError, match=r"EMOSTREAM_KAFKA_CLIENT: .* not installed: `pip install"):
        clients.consumer(asked, COLLECTED, "group")


def secured(tmp_path: Path) -> Settings:
    authority = tmp_path / "ca.pem"
    authority.touch()
    return Settings.model_validate(
        {
            "kafka": "one:1,two:2",
            "kafka_security_protocol": "SASL_SSL",
            "kafka_sasl_mechanism": "SCRAM-SHA-512",
            "kafka_username": "anna",
            "kafka_password": "s3cret",
            "kafka_ca_file": authority,
        }
    )


def test_both_clients_log_in_with_the_same_settings(tmp_path: Path) -> None:
    settings = secured(tmp_path)
    python, native = options.connection(settings), options.native_connection(settings)
    names = {
        "security_protocol": "security.protocol",
        "sasl_mechanism": "sasl.mechanism",
        "sasl_plain_username": "sasl.username",
        "sasl_plain_password": "sasl.password",
        "ssl_cafile": "ssl.ca.location",
    }
    assert {python[one]: native[other] for one, other in names.items()} == {
        value: value
        for value in ("SASL_SSL", "SCRAM-SHA-512", "anna", "s3cret", str(tmp_path / "ca.pem"))
    }
    assert ",".join(python["bootstrap_servers"]) == native["bootstrap.servers"]


def test_every_option_is_one_that_librdkafka_knows() -> None:
    Producer(options.native_connection(Settings(kafka="127.0.0.1:1")))
    assert None not in options.native_connection(Settings()).values()


@pytest.fixture
def member(monkeypatch: pytest.MonkeyPatch) -> NativeConsumer:
    """A member of a group whose broker is not there, as if it had been for a moment."""
    monkeypatch.setattr(NativeConsumer, "connect", lambda *_: None)
    settings = Settings.model_validate({"kafka": "127.0.0.1:1", "kafka_password": "s3cret"})
    return NativeConsumer(settings, COLLECTED, "group")


def take(member: NativeConsumer) -> object:
    return member.take(1, 0)


def test_a_refused_login_is_one_line_that_names_the_settings(member: NativeConsumer) -> None:
    member._told(KafkaError(KafkaError._ALL_BROKERS_DOWN))
    assert take(member) == []
    member._told(KafkaError(KafkaError._AUTHENTICATION, "Invalid username or password"))
    with pytest.raises(UserError, match=r"does not let us in .*EMOSTREAM_KAFKA_PASSWORD") as said:
        take(member)
    assert "s3cret" not in str(said.value)


@pytest.mark.parametrize(
    "told",
    [
        lambda member: member._heard(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)),
        lambda member: (member._told(KafkaError(KafkaError._FATAL, "fatal", True)), take(member)),
    ],
    ids=["no right to the topic", "a fault of the client's own"],
)
def test_what_no_waiting_mends_stops_the_station(
    member: NativeConsumer, told: Callable[[NativeConsumer], object]
) -> None:
    with pytest.raises(KafkaException):
        told(member)


ZERO = [TopicPartition(COLLECTED.name, 0)]


class Librdkafka:
    """Partition 0, as the client fetches it; `held` holds a call up, as a frozen broker does."""

    def __init__(self) -> None:
        self.position = 5
        self.asked = self.sought = 0
        self.free = Event()
        self.free.set()
        self.during: Callable[[], object] = lambda: None

    def consume(self, most: int, _seconds: float) -> list[SimpleNamespace]:
        self.asked += 1
        first, self.position = self.position, self.position + most
        if most > 1:
            self.during()
        return [message(offset) for offset in range(first, first + most)]

    def commit(self, offsets: list[TopicPartition], *, asynchronous: bool) -> list[TopicPartition]:
        assert not asynchronous
        self.free.wait(5)
        return offsets

    def get_watermark_offsets(self, _one: TopicPartition, *, cached: bool) -> tuple[int, int]:
        self.asked += 1
        return 0, 100 * cached

    def seek(self, to: TopicPartition) -> None:
        self.free.wait(5)
        self.sought += 1
        self.position = to.offset

    @contextmanager
    def held(self) -> Iterator[None]:
        self.free.clear()
        yield
        self.free.set()


def message(offset: int) -> SimpleNamespace:
    said = {"partition": 0, "offset": offset, "key": b"", "value": b"", "timestamp": (1, 0)}
    said |= {"error": None, "headers": None}
    return SimpleNamespace(**{name: lambda value=value: value for name, value in said.items()})


@pytest.fixture
def broker(member: NativeConsumer, monkeypatch: pytest.MonkeyPatch) -> Librdkafka:
    broker = Librdkafka()
    monkeypatch.setattr(member, "_consumer", broker)
    member._given(member._consumer, ZERO)
    return broker


def offsets(member: NativeConsumer, most: int = 3, seconds: float = 5) -> list[int]:
    return [one.offset for one in member.take(most, seconds)]


def test_a_broker_that_holds_a_seek_up_holds_nothing_else_up_and_no_record_of_before_is_given(
    member: NativeConsumer, broker: Librdkafka
) -> None:
    assert offsets(member) == [5, 6, 7]
    with broker.held():
        member.seek({0: 5})
        asked = broker.asked
        for _turn in range(3):
            assert offsets(member, seconds=0.01) == []
            member.keep(0.01)
        assert (broker.asked, broker.sought) == (asked, 0)
        assert member.reach([0]) == {0: 5}
    assert offsets(member) == [5, 6, 7]
    assert broker.sought == 1


def test_a_commit_without_an_answer_holds_nothing_else_up(
    member: NativeConsumer, broker: Librdkafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(times, "COMMIT_MS", 10)
    assert offsets(member) == [5, 6, 7]
    with broker.held():
        asked = broker.asked
        with pytest.raises(Backpressure, match="no answer to a commit"):
            member.commit({0: 8})
        member.seek({0: 5})
        assert offsets(member, seconds=0.01) == []
        member.keep(0.01)
        assert member.ends() == {0: None}
        assert broker.asked == asked
    assert offsets(member) == [5, 6, 7]
    assert member.ends() == {0: 100}


def test_to_go_further_back_while_a_seek_is_held_up_is_to_go_there(
    member: NativeConsumer, broker: Librdkafka
) -> None:
    assert offsets(member) == [5, 6, 7]
    with broker.held():
        member.seek({0: 7})
        assert offsets(member, seconds=0.01) == []
        member.seek({0: 6})
    assert offsets(member) == [6, 7, 8]


def test_what_comes_while_a_source_keeps_its_place_never_moves_it_forward(
    member: NativeConsumer, broker: Librdkafka
) -> None:
    assert offsets(member) == [5, 6, 7]
    member.keep(0)
    member.keep(0)
    assert member.reach([0]) == {0: 8}
    member.seek({0: 5})
    member.keep(0)
    assert member.reach([0]) == {0: 5}
    assert offsets(member) == [5, 6, 7]


def test_a_partition_that_was_another_s_meanwhile_is_read_from_where_that_worker_has_committed(
    member: NativeConsumer, broker: Librdkafka
) -> None:
    assert offsets(member) == [5, 6, 7]
    member.seek({0: 5})
    member._taken(member._consumer, ZERO)
    member._given(member._consumer, ZERO)
    broker.position = 20
    assert offsets(member) == [20, 21, 22]
    assert broker.sought == 0


def test_records_of_a_partition_that_goes_and_comes_back_in_one_call_are_read_again(
    member: NativeConsumer, broker: Librdkafka
) -> None:
    def goes_and_comes() -> None:
        member._taken(member._consumer, ZERO)
        member._given(member._consumer, ZERO)

    broker.during = goes_and_comes
    assert offsets(member) == []
    broker.during = lambda: None
    assert offsets(member) == [5, 6, 7]
    broker.during = lambda: member._taken(member._consumer, ZERO)
    assert offsets(member) == []
    assert member.reach([0]) == {}


def test_a_lingering_source_hears_signals_as_often_as_one_that_waits_for_a_first_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, waits = [0.0], []

    def take(_most: int, seconds: float) -> list[Received]:
        waits.append(seconds)
        now[0] += seconds
        return [] if len(waits) > 1 else [Received("in", 0, 0, None, b"")]

    double = SimpleNamespace(take=take, ends=dict)
    monkeypatch.setattr(clients, "consumer", lambda *_: double)
    clock = SimpleNamespace(monotonic=lambda: now[0])
    monkeypatch.setattr("stream.broker.source.time", clock)
    assert len(KafkaSource(Settings(), COLLECTED, "group", linger=60).poll()) == 1
    assert sum(waits[1:]) == pytest.approx(60)
    assert max(waits) <= times.POLL_MS / 1000


def test_a_write_that_no_room_was_made_for_leaves_no_record_on_its_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(NativeProducer, "connect", lambda *_: None)
    monkeypatch.setattr(native_producer, "UNSENT_KB", 1)
    monkeypatch.setattr(times, "REQUEST_MS", 10)
    producer = NativeProducer(Settings(kafka="127.0.0.1:1"))
    with pytest.raises(Backpressure, match="_QUEUE_FULL"):
        producer.write(COLLECTED, [Outgoing(None, b"x" * 1000)] * 3)
    assert len(producer._producer) == 0
