"""Records to topics, whichever client sends them."""

from collections.abc import Sequence

from stream.broker import clients
from stream.broker.source import Closing
from stream.records import Outgoing
from stream.settings import Settings
from stream.topics import Topic


class KafkaWriter(Closing):
    """Writes records to topics and knows when they are durable (acks from all replicas)."""

    def __init__(self, settings: Settings) -> None:
        self._producer = clients.producer(settings)

    def write(self, topic: Topic, records: Sequence[Outgoing]) -> list[tuple[int, str]]:
        """Writes all records and waits until each is durable.

        Returns:
            The position and reason of each record that no broker will ever take: too large.

        Raises:
            Backpressure: the broker did not take them in time; all of them may be repeated.
        """
        refused = self._producer.write(topic, records)
        return [(position, too_large(records[position])) for position in refused]

    def close(self) -> None:
        """Closes the connections; whatever is still on its way was not committed."""
        self._producer.close()


def too_large(record: Outgoing) -> str:
    """Says why no broker takes this record."""
    return f"{len(record.value or b'')} bytes are more than Kafka takes in one record"
