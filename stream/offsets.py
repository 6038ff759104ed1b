"""Where a topic begins and ends, how far a station has come on it, and single records by place."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from stream.broker import connection, received, unreachable
from stream.errors import UserError
from stream.records import Received
from stream.settings import Settings
from stream.topics import Topic

POLL_MS = 500
PATIENCE = 20
"""Empty polls, ten seconds of them, before a record counts as gone."""

Place = tuple[str, int, int]
"""Topic, partition, offset."""


@dataclass(frozen=True)
class Reach:
    """One partition: its first offset, the one after its last, and the station's."""

    partition: int
    begin: int
    end: int
    committed: int | None
    """The next record that the station will read; None where it has committed nothing."""

    @property
    def done(self) -> int:
        """The offset before which everything is done."""
        return self.begin if self.committed is None else self.committed

    @property
    def lag(self) -> int:
        """Records that are not done yet."""
        return max(0, self.end - max(self.begin, self.done))

    @property
    def unread(self) -> int:
        """Records that the topic's retention took before the station had read them."""
        return max(0, self.begin - self.done)


def reach(settings: Settings, topic: Topic, group: str) -> dict[int, Reach]:
    """Gives how far a station's consumer group has come on each partition.

    Raises:
        UserError: no broker answers, or the topic is not there.
    """
    # A consumer that is never subscribed joins no group: it only asks for its offsets.
    with _consumer(settings, group) as consumer:
        partitions = _partitions(consumer, topic)
        # The offsets before the ends: else a station could seem to be ahead of its topic.
        committed = {one: consumer.committed(one) for one in partitions}
        begins, ends = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
        return {
            one.partition: Reach(one.partition, begins[one], ends[one], committed[one])
            for one in partitions
        }


def complete_from(settings: Settings, topic: Topic) -> int:
    """Gives when the oldest record was written that every partition still holds.

    In milliseconds since 1970; 0 where the topic has lost nothing yet.
    """
    with _consumer(settings) as consumer:
        partitions = _partitions(consumer, topic)
        begins, ends = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
        trimmed = [one for one in partitions if begins[one] > 0]
        newest = 0
        for one in trimmed:
            first = _at(consumer, one, begins[one]) if begins[one] < ends[one] else None
            newest = max(newest, first.timestamp if first else 2**62)
        return newest


def fetch(settings: Settings, places: Sequence[Place]) -> Iterator[Received | None]:
    """Gives the record at each place; None where its topic does not hold it any more."""
    with _consumer(settings) as consumer:
        for topic, partition, offset in places:
            one = TopicPartition(topic, partition)
            if partition not in (consumer.partitions_for_topic(topic) or ()):
                yield None
                continue
            begin, end = consumer.beginning_offsets([one])[one], consumer.end_offsets([one])[one]
            yield _at(consumer, one, offset) if begin <= offset < end else None


def _at(consumer: KafkaConsumer, partition: TopicPartition, offset: int) -> Received | None:
    """Reads the record at an offset, or the next one where that has been compacted away."""
    consumer.assign([partition])
    consumer.seek(partition, offset)
    for _ in range(PATIENCE):
        for records in consumer.poll(POLL_MS, max_records=1).values():
            return received(records[0])
    return None


def _partitions(consumer: KafkaConsumer, topic: Topic) -> list[TopicPartition]:
    numbers = consumer.partitions_for_topic(topic.name)
    if not numbers:
        raise UserError(f"there is no topic {topic.name}: run `python -m stream topics`")
    partitions = [TopicPartition(topic.name, number) for number in sorted(numbers)]
    consumer.assign(partitions)
    return partitions


@contextmanager
def _consumer(settings: Settings, group: str | None = None) -> Iterator[KafkaConsumer]:
    """Raises UserError where no broker answers, at the start or later."""
    try:
        consumer = KafkaConsumer(
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            **connection(settings),
        )
        try:
            yield consumer
        finally:
            consumer.close(autocommit=False)
    except KafkaError as error:
        raise unreachable(settings, error) from None
