"""What a client of Kafka does for us, and which of the two does it.

`stream/broker/native*.py` do it over confluent-kafka, `stream/broker/python.py` over
kafka-python. Both may share a consumer group, and write one record's key to one partition.
"""

from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from typing import Protocol

from stream.errors import UserError
from stream.records import CRAWL_HEADER, Outgoing, Received
from stream.settings import Settings
from stream.topics import Topic


class PartitionsLost(Exception):
    """The group has given some of our partitions to others; nothing was committed."""


class Consumer(Protocol):
    """One topic's records, for one member of a consumer group. Partitions are numbers.

    What it cannot do now is `Backpressure`; what nobody can mend by waiting, any other error.
    """

    def take(self, most: int, seconds: float) -> Sequence[Received]:
        """Waits for a first record, and gives it with those that are here already."""
        ...

    def keep(self, seconds: float) -> None:
        """Takes part in the group; a record that comes meanwhile is for the next `take`."""
        ...

    def seek(self, offsets: Mapping[int, int]) -> None:
        """Goes back in those of the partitions that have stayed ours."""
        ...

    def reach(self, partitions: Iterable[int]) -> Mapping[int, int]:
        """Gives the offset that `take` gives next in each partition that is ours, if known."""
        ...

    def ends(self) -> Mapping[int, int | None]:
        """The end of each partition that is ours, as far as fetching has told it."""
        ...

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Commits; raises PartitionsLost where the group has moved on without us."""
        ...

    def close(self) -> None:
        """Leaves the group, and commits nothing."""
        ...


class Producer(Protocol):
    """Records to topics."""

    def write(self, topic: Topic, records: Sequence[Outgoing]) -> list[int]:
        """Returns when each record is durable on all replicas, or is named as too large.

        Raises:
            Backpressure: the broker did not take them in time; all of them may be repeated.
        """
        ...

    def close(self) -> None:
        """Closes the connections, and waits for no record."""
        ...


def chosen(settings: Settings) -> str:
    """Names the client that reads and writes records: `confluent-kafka` or `kafka-python`.

    Raises:
        UserError: the one that is asked for is not installed.
    """
    if settings.kafka_client == "kafka-python":
        return settings.kafka_client
    if find_spec("confluent_kafka"):
        return "confluent-kafka"
    if settings.kafka_client == "auto":
        return "kafka-python"
    raise UserError(
        "EMOSTREAM_KAFKA_CLIENT: confluent-kafka is not installed: "
        "`pip install 'emostream[fast]'`, or set it to auto"
    )


def consumer(settings: Settings, topic: Topic, group: str) -> Consumer:
    """Connects a new member of a consumer group.

    Raises:
        UserError: no broker answers.
    """
    if chosen(settings) == "confluent-kafka":
        from stream.broker.native_consumer import NativeConsumer

        return NativeConsumer(settings, topic, group)
    from stream.broker.python import PythonConsumer

    return PythonConsumer(settings, topic, group)


def producer(settings: Settings) -> Producer:
    """Connects for writing.

    Raises:
        UserError: no broker answers.
    """
    if chosen(settings) == "confluent-kafka":
        from stream.broker.native_producer import NativeProducer

        return NativeProducer(settings)
    from stream.broker.python import PythonProducer

    return PythonProducer(settings)


def key_of(record: Outgoing) -> bytes | None:
    """Gives the key as Kafka has it."""
    return record.key.encode() if isinstance(record.key, str) else record.key


def headers_of(record: Outgoing) -> list[tuple[str, str | bytes | None]]:
    """Gives the headers, with the crawl among them."""
    crawl = [(CRAWL_HEADER, record.crawl.encode())] if record.crawl else []
    return [*record.headers, *crawl]
