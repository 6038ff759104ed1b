"""Kafka over kafka-python: nothing to compile, and what admin and crawlers use in any case."""

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    KafkaError,
    MessageSizeTooLargeError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from kafka.structs import OffsetAndMetadata

from stream.backoff import Backoff
from stream.broker import times
from stream.broker.clients import PartitionsLost, headers_of, key_of
from stream.broker.options import (
    BATCH_BYTES,
    COMPRESSION,
    LINGER_MS,
    RECORD_BYTES,
    connection,
    unreachable,
)
from stream.crash import reached
from stream.errors import Backpressure
from stream.records import Outgoing, Received
from stream.settings import Settings
from stream.topics import Topic

LOST_PARTITIONS = (
    CommitFailedError,
    IllegalGenerationError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
TOO_LARGE = MessageSizeTooLargeError


class PythonConsumer:
    """A member of a consumer group; `stream.broker.clients.Consumer` says what it does."""

    def __init__(self, settings: Settings, topic: Topic, group: str) -> None:
        self._topic = topic.name
        self._backoff = Backoff(times.FIRST_WAIT_SECONDS)
        session_ms = int(1000 * settings.session_seconds)
        try:
            self._consumer = KafkaConsumer(
                topic.name,
                group_id=group,
                client_id=group,
                enable_auto_commit=False,  # a commit before the write would lose records
                auto_offset_reset="earliest",
                max_poll_records=settings.batch_records,
                # A killed worker's partitions go to the others after this long.
                session_timeout_ms=session_ms,
                heartbeat_interval_ms=session_ms // 3,
                max_poll_interval_ms=times.MAX_POLL_MS,
                **connection(settings),
            )
        except KafkaError as error:
            raise unreachable(settings, error) from None

    def take(self, most: int, seconds: float) -> list[Received]:
        """Gives what one poll gives."""
        polled = self._consumer.poll(int(1000 * seconds), max_records=most)
        return [received(record) for records in polled.values() for record in records]

    def keep(self, seconds: float) -> None:
        """Takes part in the group; what comes is put back by seeking.

        Nothing is paused for that: of a partition that is paused half read, and given anew before
        it is resumed, the client may never fetch again (kafka-python 3.0.12).
        """
        for partition, records in self._consumer.poll(int(1000 * seconds), max_records=1).items():
            self._consumer.seek(partition, records[0].offset)

    def seek(self, offsets: Mapping[int, int]) -> None:
        """Goes back in the partitions that are ours."""
        for one in self._ours(offsets):
            self._consumer.seek(one, offsets[one.partition])

    def reach(self, partitions: Iterable[int]) -> dict[int, int]:
        """Gives the next offset of each partition that is ours."""
        with self._errors():
            found = {
                one.partition: self._consumer.position(one, times.COMMIT_MS)
                for one in self._ours(partitions)
            }
        return {partition: offset for partition, offset in found.items() if offset is not None}

    def ends(self) -> dict[int, int | None]:
        """Gives the end of each partition that is ours."""
        ours = self._consumer.assignment()
        return {one.partition: self._consumer.highwater(one) for one in ours}

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Commits, and waits for the answer."""
        wanted = {
            TopicPartition(self._topic, partition): OffsetAndMetadata(offset, "", -1)
            for partition, offset in offsets.items()
        }
        with self._errors():
            self._consumer.commit(wanted, timeout_ms=times.COMMIT_MS)
        self._backoff.reset()

    def close(self) -> None:
        """Leaves the group."""
        self._consumer.close(autocommit=False)

    def _ours(self, partitions: Iterable[int]) -> set[TopicPartition]:
        ours = self._consumer.assignment()
        return {
            one for number in partitions if (one := TopicPartition(self._topic, number)) in ours
        }

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except LOST_PARTITIONS as error:
            raise PartitionsLost(type(error).__name__) from error
        except KafkaError as error:
            raise pressure(error, self._backoff) from error


class PythonProducer:
    """Records to topics; `stream.broker.clients.Producer` says what it does."""

    def __init__(self, settings: Settings) -> None:
        self._backoff = Backoff(times.FIRST_WAIT_SECONDS)
        try:
            self._producer = KafkaProducer(
                acks="all",
                # The client's idempotent mode never recovers from a broker that froze and came
                # back; repeats are harmless here, so are records that overtake one another.
                enable_idempotence=False,
                request_timeout_ms=times.REQUEST_MS,
                delivery_timeout_ms=times.DELIVERY_MS,
                max_block_ms=times.REQUEST_MS,
                linger_ms=LINGER_MS,
                batch_size=BATCH_BYTES,
                max_request_size=RECORD_BYTES,
                compression_type=COMPRESSION,
                **connection(settings),
            )
        except KafkaError as error:
            raise unreachable(settings, error) from None

    def write(self, topic: Topic, records: Sequence[Outgoing]) -> list[int]:
        """Writes; gives the positions of those that are too large."""
        refused: list[int] = []
        pending = []
        for position, record in enumerate(records):
            if position == len(records) // 2:
                reached("kafka.half", self._producer.flush)
            try:
                pending.append((position, self._send(topic, record)))
            except TOO_LARGE:
                refused.append(position)
            except KafkaError as error:
                raise pressure(error, self._backoff, topic) from error
        reached("kafka.sent")
        end = time.monotonic() + (times.DELIVERY_MS + times.REQUEST_MS) / 1000
        for position, future in pending:
            try:
                # Not flush: it does not wait for a batch that was too large and sent in halves.
                future.get(timeout=max(0.0, end - time.monotonic()))
            except TOO_LARGE:
                refused.append(position)
            except KafkaError as error:
                raise pressure(error, self._backoff, topic) from error
        self._backoff.reset()
        reached("kafka.flushed")
        return refused

    def close(self) -> None:
        """Closes the connections."""
        with contextlib.suppress(KafkaError):
            self._producer.close(timeout=5)

    def _send(self, topic: Topic, record: Outgoing) -> Any:
        return self._producer.send(
            topic.name, key=key_of(record), value=record.value, headers=headers_of(record)
        )


def pressure(error: BaseException, backoff: Backoff, topic: Topic | None = None) -> Backpressure:
    """Reads a failed write or commit as the broker's trouble, for now.

    Raises:
        BaseException: the error itself, where repeating cannot help.
    """
    if isinstance(error, KafkaError) and getattr(error, "retriable", False):
        where = f" at topic {topic.name}" if topic else ""
        return Backpressure(f"Kafka: {type(error).__name__}{where}", backoff.next())
    raise error


def received(record: Any) -> Received:
    """Gives a record of the client as one of ours."""
    return Received(
        record.topic,
        record.partition,
        record.offset,
        record.key,
        record.value,
        tuple((name, value or b"") for name, value in record.headers),
        record.timestamp,
    )
