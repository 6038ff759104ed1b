"""Where the dead letters cannot be written nothing is committed: the real topic, taken away."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from uuid import uuid4

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from stack import Stack
from stream import offsets, worker
from stream.broker import (
    BrokerCheck,
    KafkaSource,
    KafkaWriter,
    connection,
    create_topics,
    times,
)
from stream.codec import decode_collected
from stream.dead_letters import DeadLetter
from stream.errors import UserError
from stream.limit import Limit, TooManyDeadLetters
from stream.metrics import Counters
from stream.posts import Collected
from stream.records import Outgoing
from stream.settings import Settings
from stream.sinks import KafkaDeadLetters
from stream.testing import MemorySink
from stream.topics import DEAD_LETTER, Topic
from stream.workbench.letters import Choice, latest
from tests.line import wait_until

pytestmark = pytest.mark.stack


class Station:
    """A station over a topic of its own on which one record is bad."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.topic = Topic(f"test-{uuid4().hex}", holds="", partitions=1)
        self.group = uuid4().hex
        self.counters = Counters("test")
        self.stop = Event()
        create_topics(settings, [self.topic])

    def send(self, *values: bytes) -> None:
        with KafkaWriter(self.settings) as writer:
            outgoing = [Outgoing("x:1", value, self.group) for value in values]
            assert not writer.write(self.topic, outgoing)

    def run(self, limit: Limit | None = None) -> None:
        with (
            KafkaSource(self.settings, self.topic, self.group) as source,
            KafkaWriter(self.settings) as writer,
        ):
            worker.run(
                "test",
                source,
                decode_collected,
                list,
                MemorySink[Collected](),
                KafkaDeadLetters(writer),
                self.stop,
                self.counters,
                limit=limit,
            )

    def committed(self) -> int | None:
        return offsets.reach(self.settings, self.topic, self.group)[0].committed

    def letters(self) -> list[DeadLetter]:
        return list(latest(self.settings, Choice(crawl=self.group)))


@pytest.fixture
def admin(stack: Stack) -> Iterator[KafkaAdminClient]:
    settings = Settings(kafka=stack.kafka)
    create_topics(settings)
    admin = KafkaAdminClient(**connection(settings))
    yield admin
    create_topics(settings)
    limited(admin, "1048588")
    admin.close()


def limited(admin: KafkaAdminClient, most_bytes: str) -> None:
    config = {"max.message.bytes": most_bytes}
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, DEAD_LETTER.name, config)])


@pytest.fixture
def station(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Station:
    for name, milliseconds in (("REQUEST_MS", 1000), ("DELIVERY_MS", 2000)):
        monkeypatch.setattr(times, name, milliseconds)
    return Station(Settings(kafka=stack.kafka))


@pytest.mark.case(28)
def test_a_topic_that_is_gone_holds_the_station_and_it_goes_on_when_it_is_back(
    admin: KafkaAdminClient, station: Station, caplog: pytest.LogCaptureFixture
) -> None:
    station.send(b"bad")
    admin.delete_topics([DEAD_LETTER.name])
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(station.run)
        wait_until(lambda: station.counters.pressed > 0 or running.done(), "backpressure")
        assert not running.done(), running.exception()
        assert station.committed() in (None, 0)
        assert f"at topic {DEAD_LETTER.name}; trying again" in caplog.text
        # Nor does its absence pass for an empty one.
        with pytest.raises(UserError, match=f"there is no topic {DEAD_LETTER.name}"):
            station.letters()
        with (
            BrokerCheck(station.settings) as check,
            pytest.raises(UserError, match=f"there is no topic {DEAD_LETTER.name}"),
        ):
            check()
        create_topics(station.settings)
        wait_until(lambda: station.committed() == 1, "the record committed")
        station.stop.set()
        running.result()
    assert [one.original for one in station.letters()] == [b"bad"]


@pytest.mark.case(28)
def test_a_letter_too_large_for_the_topic_is_kept_as_a_stub_that_says_where(
    admin: KafkaAdminClient, station: Station
) -> None:
    limited(admin, "5000")
    noise = b"".join(uuid4().bytes for _ in range(2000))
    station.send(noise)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(station.run)
        wait_until(lambda: station.committed() == 1 or running.done(), "the record committed")
        station.stop.set()
        running.result()
    (letter,) = station.letters()
    assert (letter.original, letter.original_size, letter.whole) == (b"", 32_000, False)
    assert letter.source.place == f"{station.topic.name}-0-0"


@pytest.mark.case(28)
def test_a_topic_that_takes_not_even_a_stub_stops_the_station_and_nothing_is_committed(
    admin: KafkaAdminClient, station: Station
) -> None:
    limited(admin, "100")
    station.send(b"bad")
    with pytest.raises(RuntimeError, match=r"dead letter test:.* refused"):
        station.run()
    assert station.committed() is None


@pytest.mark.case(29)
def test_a_bad_deploy_stops_and_an_operator_may_pass_what_is_rightly_dead(
    admin: KafkaAdminClient, station: Station
) -> None:
    station.send(*[b"bad"] * 150)
    for _start in range(2):  # whoever starts it again meets the same records
        with pytest.raises(TooManyDeadLetters, match="100 records in a row"):
            station.run(Limit("test", run=100, ratio=0.5))
        assert station.committed() is None
        assert station.letters() == []
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(station.run, Limit("test", run=0, ratio=1.0))
        wait_until(lambda: station.committed() == 150 or running.done(), "all committed")
        station.stop.set()
        running.result()
    assert len(station.letters()) == 150
