"""Where a topic begins and ends, how far a station is and how it is set back, records by place."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from stream.broker import LOST_PARTITIONS, connection, missing, received, unreachable
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


def rewind(settings: Settings, topic: Topic, group: str, since: datetime | None = None) -> int:
    """Makes a group read its topic again, from the beginning or from a time on; never skips.

    Gives how many records it will read again.

    Raises:
        UserError: the group has members, no broker answers, or the topic is not there.
    """
    with _consumer(settings, group) as consumer:
        partitions = _partitions(consumer, topic)
        begins, ends = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
        to = begins
        if since is not None:
            times = dict.fromkeys(partitions, int(since.timestamp() * 1000))
            found = consumer.offsets_for_times(times)
            to = {one: at.offset if (at := found[one]) else ends[one] for one in partitions}
        committed = {one: consumer.committed(one) for one in partitions}
        done = {one: begins[one] if (at := committed[one]) is None else min(at, ends[one])
                for one in partitions}  # fmt: skip
        back = {one: min(to[one], done[one]) for one in partitions}
        try:
            consumer.commit({one: OffsetAndMetadata(back[one], "", -1) for one in partitions})
        except LOST_PARTITIONS:
            raise UserError(
                f"the group {group} has members: stop every {group}, and ask again (one that was "
                "killed counts until EMOSTREAM_SESSION_SECONDS are over)"
            ) from None
        return sum(done[one] - back[one] for one in partitions)


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
        raise missing(topic.name)
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
