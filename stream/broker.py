"""Kafka: batches from topics, records to topics, topics to their ends.

`KafkaSource` gives a station its batches, `KafkaWriter` puts records on topics; `stream/sinks.py`
fits the writer into `stream.worker.run`.
"""

import contextlib
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Self

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    KafkaError,
    MessageSizeTooLargeError,
    RebalanceInProgressError,
    TopicAlreadyExistsError,
    UnknownMemberIdError,
)
from kafka.structs import OffsetAndMetadata

from stream.backoff import Backoff
from stream.crash import reached
from stream.errors import Backpressure, UserError
from stream.metrics import Progress
from stream.records import CRAWL_HEADER, Outgoing, Received
from stream.settings import Settings
from stream.topics import DEAD_LETTER, TOPICS, Topic

logger = logging.getLogger(__name__)

POLL_MS = 500
BOOTSTRAP_MS = 10_000
MAX_BATCH_BYTES = 16_000_000
REQUEST_MS = 10_000
DELIVERY_MS = 20_000
RECONNECT_MS = 1000
COMMIT_MS = 10_000
FIRST_WAIT_SECONDS = 1.0
SILENCE_SECONDS = 30.0
MAX_POLL_MS = 300_000
CHECK_MS = 2000
KEEP_MS = 50

LOST_PARTITIONS = (
    CommitFailedError,
    IllegalGenerationError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
TOO_LARGE = MessageSizeTooLargeError


def connection(settings: Settings) -> dict[str, Any]:
    """Gives the client's connection options."""
    password = settings.kafka_password
    return {
        "bootstrap_servers": settings.kafka.split(","),
        "bootstrap_timeout_ms": BOOTSTRAP_MS,
        "reconnect_backoff_max_ms": RECONNECT_MS,
        "security_protocol": settings.kafka_security_protocol,
        "sasl_mechanism": settings.kafka_sasl_mechanism,
        "sasl_plain_username": settings.kafka_username,
        "sasl_plain_password": password.get_secret_value() if password else None,
        "ssl_cafile": str(settings.kafka_ca_file) if settings.kafka_ca_file else None,
    }


def unreachable(settings: Settings, error: KafkaError) -> UserError:
    """Says in one line that no broker answers, and the mend."""
    return UserError(
        f"no Kafka broker answers at {settings.kafka} ({type(error).__name__}): start one "
        "(`python -m stack up`) or set EMOSTREAM_KAFKA"
    )


def missing(topic: str) -> UserError:
    """Says in one line that there is no such topic, and the mend."""
    return UserError(f"there is no topic {topic}: run `python -m stream topics`")


def create_topics(settings: Settings, topics: Sequence[Topic] = TOPICS) -> list[str]:
    """Creates the topics that are missing and names them; leaves the others alone."""
    try:
        admin = KafkaAdminClient(**connection(settings))
    except KafkaError as error:
        raise unreachable(settings, error) from None
    created = []
    try:
        present = set(admin.list_topics())
        for topic in topics:
            if topic.name in present:
                continue
            options = {
                "num_partitions": topic.partitions,
                "replication_factor": settings.replication_factor,
                "configs": topic.config,
            }
            try:
                admin.create_topics({topic.name: options}, wait_for_metadata=True)
            except TopicAlreadyExistsError:  # another station was quicker
                continue
            created.append(topic.name)
    finally:
        admin.close()
    return created


class _Connection:
    """What is closed at the end of a `with` block."""

    def close(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


class KafkaSource(_Connection):
    """Batches of one topic, shared with the other workers of the same consumer group.

    A batch is full at `max_records`, at 16 MB, or `linger` seconds after its first record.
    """

    def __init__(self, settings: Settings, topic: Topic, group: str, linger: float = 0.0) -> None:
        self._max_records = settings.batch_records
        self._linger = linger
        self.progress = Progress(topic.name)
        self._backoff = Backoff(FIRST_WAIT_SECONDS)
        try:
            self._consumer = KafkaConsumer(
                topic.name,
                group_id=group,
                client_id=group,
                enable_auto_commit=False,  # a commit before the write would lose records
                auto_offset_reset="earliest",
                max_poll_records=settings.batch_records,
                # A killed worker's partitions go to the others after this long.
                session_timeout_ms=int(1000 * settings.session_seconds),
                heartbeat_interval_ms=int(1000 * settings.session_seconds / 3),
                # So are those of one that hangs without a poll (`keep` is one) after this long.
                max_poll_interval_ms=MAX_POLL_MS,
                **connection(settings),
            )
        except KafkaError as error:
            raise unreachable(settings, error) from None

    def poll(self) -> Sequence[Received]:
        """Waits up to half a second for a first record, then for the batch to fill."""
        batch: list[Received] = []
        size = 0
        wait_ms, deadline = POLL_MS, 0.0
        while True:
            room = self._max_records - len(batch)
            for partition, records in self._consumer.poll(wait_ms, max_records=room).items():
                first = records[0]
                self.progress.read(partition.partition, first.offset, first.timestamp)
                for record in records:
                    batch.append(received(record))
                    size += len(record.value or b"")
            if not batch:
                self._note_ends()
                return batch
            deadline = deadline or time.monotonic() + self._linger
            wait_ms = int(1000 * (deadline - time.monotonic()))
            if wait_ms <= 0 or len(batch) >= self._max_records or size >= MAX_BATCH_BYTES:
                self._note_ends()
                return batch

    def rewind(self, batch: Sequence[Received]) -> None:
        """Seeks each partition of the batch that is still ours back to where the batch began."""
        ours = self._consumer.assignment()
        for partition, (first, _last) in _spans(batch).items():
            if partition in ours:
                self._consumer.seek(partition, first)

    def keep(self) -> None:
        """Takes part in the group; a record that comes meanwhile is put back for the next `poll`.

        Nothing is paused for that: of a partition that is paused half read, and given anew before
        it is resumed, the client may never fetch again (kafka-python 3.0.12).
        """
        for partition, records in self._consumer.poll(KEEP_MS, max_records=1).items():
            self._consumer.seek(partition, records[0].offset)

    def commit(self, batch: Sequence[Received]) -> None:
        """Commits the offsets after the batch: those of the next records to read.

        Where the group has given our partitions to another worker meanwhile, that worker repeats
        the batch, which is harmless; its offsets are not ours to move.
        """
        try:
            offsets = self._read_to(_spans(batch))
            if len(offsets) < len(_spans(batch)):
                logger.warning("partitions moved before the commit")
            if not offsets:
                return
            self._consumer.commit(offsets, timeout_ms=COMMIT_MS)
        except LOST_PARTITIONS as error:
            logger.warning("partitions moved before the commit (%s)", type(error).__name__)
            # The client goes on behind the batch in what stays ours: nobody would commit it.
            self.rewind(batch)
            return
        except KafkaError as error:
            raise pressure(error, self._backoff) from error
        self._backoff.reset()
        self.progress.committed({one.partition: to.offset for one, to in offsets.items()})

    def _read_to(
        self, spans: Mapping[TopicPartition, tuple[int, int]]
    ) -> dict[TopicPartition, OffsetAndMetadata]:
        """Gives the next offset to read of each partition that has stayed ours.

        One that was another worker's meanwhile is read on from where that worker has committed: to
        commit the end of our batch could move that back, behind records that nobody reads again.
        """
        ours = self._consumer.assignment()
        next_ones = {
            partition: self._consumer.position(partition, COMMIT_MS)
            for partition in spans
            if partition in ours
        }
        return {
            partition: OffsetAndMetadata(offset, "", -1)
            for partition, offset in next_ones.items()
            if offset is not None and offset > spans[partition][1]
        }

    def _note_ends(self) -> None:
        # What fetching has told the client anyway.
        ours = self._consumer.assignment()
        self.progress.polled({one.partition: self._consumer.highwater(one) for one in ours})

    def close(self) -> None:
        """Leaves the group, so that its other workers take over at once."""
        self._consumer.close(autocommit=False)


class KafkaWriter(_Connection):
    """Writes records to topics and knows when they are durable (acks from all replicas)."""

    def __init__(self, settings: Settings) -> None:
        self._backoff = Backoff(FIRST_WAIT_SECONDS)
        try:
            self._producer = KafkaProducer(
                acks="all",
                # The client's idempotent mode never recovers from a broker that froze and came
                # back; repeats are harmless here, so are records that overtake one another.
                enable_idempotence=False,
                # A record is written or has failed after 20 s: none waits to be sent twice.
                request_timeout_ms=REQUEST_MS,
                delivery_timeout_ms=DELIVERY_MS,
                max_block_ms=REQUEST_MS,
                linger_ms=5,
                batch_size=131_072,
                compression_type="gzip",
                **connection(settings),
            )
        except KafkaError as error:
            raise unreachable(settings, error) from None

    def write(self, topic: Topic, records: Sequence[Outgoing]) -> list[tuple[int, str]]:
        """Writes all records and waits until each is durable.

        Returns:
            The position and reason of each record that no broker will ever take: too large.

        Raises:
            Backpressure: the broker did not take them in time; all of them may be repeated.
        """
        refused: list[tuple[int, str]] = []
        pending = []
        for position, record in enumerate(records):
            if position == len(records) // 2:
                reached("kafka.half", self._producer.flush)
            headers = [*record.headers]
            if record.crawl:
                headers.append((CRAWL_HEADER, record.crawl.encode()))
            try:
                pending.append(
                    (
                        position,
                        self._producer.send(
                            topic.name,
                            key=key.encode() if isinstance(key := record.key, str) else key,
                            value=record.value,
                            headers=headers,
                        ),
                    )
                )
            except TOO_LARGE:
                refused.append((position, too_large(record)))
            except KafkaError as error:
                raise pressure(error, self._backoff, topic) from error
        reached("kafka.sent")
        end = time.monotonic() + (DELIVERY_MS + REQUEST_MS) / 1000
        for position, future in pending:
            try:
                # Not flush: it does not wait for a batch that was too large and sent in halves.
                future.get(timeout=max(0.0, end - time.monotonic()))
            except TOO_LARGE:
                refused.append((position, too_large(records[position])))
            except KafkaError as error:
                raise pressure(error, self._backoff, topic) from error
        self._backoff.reset()
        reached("kafka.flushed")
        return refused

    def close(self) -> None:
        """Closes the connections; whatever is still on its way was not committed."""
        with contextlib.suppress(KafkaError):
            self._producer.close(timeout=5)


class BrokerCheck(_Connection):
    """Asks whether a broker answers and takes dead letters, over one connection of its own.

    One for all questions: a client that does not come to connect never gives its sockets back.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        try:
            self._admin = KafkaAdminClient(**connection(settings), request_timeout_ms=CHECK_MS)
        except KafkaError as error:
            raise unreachable(settings, error) from None

    def __call__(self) -> None:
        """Asks.

        Raises:
            UserError: no broker answers; said after seconds, where one takes our connection. Or
                the topic of dead letters is gone: no station gets past a bad record without it.
        """
        try:
            topics = self._admin.list_topics()
        except KafkaError as error:
            raise unreachable(self._settings, error) from None
        if DEAD_LETTER.name not in topics:
            raise missing(DEAD_LETTER.name)

    def close(self) -> None:
        """Closes the connection."""
        self._admin.close()


def read_to_end(
    settings: Settings, topic: Topic, since: datetime | None = None
) -> Iterator[Received]:
    """Gives every record that is on a topic now, written since then, without joining a group.

    Raises:
        Backpressure: nothing has come for half a minute, before the end was reached.
        UserError: no broker answers, or the topic is not there.
    """
    try:
        consumer = KafkaConsumer(
            enable_auto_commit=False, auto_offset_reset="earliest", **connection(settings)
        )
    except KafkaError as error:
        raise unreachable(settings, error) from None
    try:
        numbers = consumer.partitions_for_topic(topic.name)
        if not numbers:
            raise missing(topic.name)
        partitions = [TopicPartition(topic.name, number) for number in sorted(numbers)]
        consumer.assign(partitions)
        ends = consumer.end_offsets(partitions)
        begin = int(since.timestamp() * 1000) if since else 0
        for partition, found in consumer.offsets_for_times(
            dict.fromkeys(partitions, begin)
        ).items():
            consumer.seek(partition, found.offset if found else ends[partition])
        silent = 0.0  # seconds that we have listened: the time of whoever takes the records is not
        while any(consumer.position(partition) < ends[partition] for partition in partitions):
            began = time.monotonic()
            polled = consumer.poll(POLL_MS)
            silent = 0.0 if polled else silent + time.monotonic() - began
            if silent > SILENCE_SECONDS:
                raise Backpressure(f"Kafka gives nothing of {topic.name} any more")
            for records in polled.values():
                for record in records:
                    if record.offset < ends[TopicPartition(record.topic, record.partition)]:
                        yield received(record)
    finally:
        consumer.close(autocommit=False)


def too_large(record: Outgoing) -> str:
    """Says why no broker takes this record."""
    return f"{len(record.value or b'')} bytes are more than Kafka takes in one record"


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


def _spans(batch: Sequence[Received]) -> dict[TopicPartition, tuple[int, int]]:
    spans: dict[TopicPartition, tuple[int, int]] = {}
    for received in batch:
        partition = TopicPartition(received.topic, received.partition)
        first, last = spans.get(partition, (received.offset, received.offset))
        spans[partition] = (min(first, received.offset), max(last, received.offset))
    return spans
