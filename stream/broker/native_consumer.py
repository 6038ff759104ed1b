"""Reading over confluent-kafka."""

import contextlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, wait
from functools import partial
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from stream.broker import times
from stream.broker.clients import PartitionsLost
from stream.broker.native import TROUBLE, NativeClient, aside
from stream.errors import Backpressure
from stream.records import Received
from stream.settings import Settings
from stream.topics import Topic

logger = logging.getLogger(__name__)

QUEUE_KB = 16_384
"""Fetched ahead at most, beside the batch under way."""
FETCH_BYTES = 8_000_000
REFILL_MS = 10
"""The client's own default leaves a queue that was full unfilled for a second."""
CLOSE_SECONDS = 5.0

LOST = {
    KafkaError.ILLEGAL_GENERATION,
    KafkaError.REBALANCE_IN_PROGRESS,
    KafkaError.UNKNOWN_MEMBER_ID,
    KafkaError.FENCED_INSTANCE_ID,
    KafkaError._ASSIGNMENT_LOST,
}
PASSING = TROUBLE | LOST | {KafkaError._MAX_POLL_EXCEEDED, KafkaError.OFFSET_OUT_OF_RANGE}
"""What a consumer is told, and mends by itself."""


class NativeConsumer(NativeClient):
    """A member of a consumer group; `stream.broker.clients.Consumer` says what it does."""

    def __init__(self, settings: Settings, topic: Topic, group: str) -> None:
        super().__init__(settings)
        self._topic = topic.name
        # Each partition that is ours, and the offset that `take` gives next; None until it has
        # given one. The group's callbacks, and they alone, add and remove.
        self._next: dict[int, int | None] = {}
        # Where the client does not read yet, though it is next.
        self._behind: dict[int, int] = {}
        # The client makes one call at a time, and others wait in it, deaf to signals. So nothing is
        # asked of it while one of these is under way: nor comes then a record, or a callback.
        self._committing: Future[list[TopicPartition]] | None = None
        self._seeking: Future[dict[int, int]] | None = None
        self._assignments = 0
        session_ms = min(int(1000 * settings.session_seconds), times.MAX_POLL_MS)
        options = {
            "group.id": group,
            "client.id": group,
            "enable.auto.commit": False,  # a commit before the write would lose records
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            # What kafka-python offers too: members of one group must have one in common.
            "partition.assignment.strategy": "range,roundrobin",
            # A killed worker's partitions go to the others after this long.
            "session.timeout.ms": session_ms,
            "heartbeat.interval.ms": session_ms // 3,
            "max.poll.interval.ms": times.MAX_POLL_MS,
            "queued.max.messages.kbytes": QUEUE_KB,
            "fetch.max.bytes": FETCH_BYTES,
            "fetch.queue.backoff.ms": REFILL_MS,
        }
        self._consumer = Consumer(self.options() | options)
        self.connect(self._consumer)
        self._consumer.subscribe(
            [topic.name], on_assign=self._given, on_revoke=self._taken, on_lost=self._taken
        )

    def take(self, most: int, seconds: float) -> list[Received]:
        """Gives a first record and what is here already."""
        seconds = max(0.0, seconds)
        if not self._gone_back(seconds):
            return []
        # To ask for all at once would be to wait until there are so many.
        records = self._received(self._consumer.consume(1, seconds))
        if not records or most == 1:
            return records
        before = self._assignments
        others = self._received(self._consumer.consume(most - 1, 0))
        if self._assignments == before:
            return records + others
        # Partitions were taken from us between the two, and some may be ours again: nothing tells
        # the records of before from those of after.
        self._put_back([*records, *others])
        return []

    def keep(self, seconds: float) -> None:
        """Takes part in the group; what comes is put back by seeking."""
        if self._free(seconds):
            self._put_back(self._received(self._consumer.consume(1, seconds)))

    def seek(self, offsets: Mapping[int, int]) -> None:
        """Goes back in the partitions that have stayed ours; the client does at the next `take`."""
        for partition, offset in offsets.items():
            # One that was another's meanwhile is read from where that worker has committed.
            if self._next.get(partition) is not None:
                self._next[partition] = self._behind[partition] = offset

    def reach(self, partitions: Iterable[int]) -> dict[int, int]:
        """Gives the next offset of each partition that has stayed ours."""
        found = {partition: self._next.get(partition) for partition in partitions}
        return {partition: offset for partition, offset in found.items() if offset is not None}

    def ends(self) -> dict[int, int | None]:
        """Gives the end of each partition that is ours."""
        if not self._free(0):
            return dict.fromkeys(self._next)
        return {partition: self._end(partition) for partition in self._next}

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Commits, and waits for the answer."""
        wanted = [TopicPartition(self._topic, *one) for one in offsets.items()]
        call = aside(lambda: self._consumer.commit(offsets=wanted, asynchronous=False))
        self._committing = call
        try:
            errors = [one.error for one in call.result(times.COMMIT_MS / 1000) if one.error]
        except TimeoutError:
            raise Backpressure("Kafka: no answer to a commit", self.backoff.next()) from None
        except KafkaException as refusal:
            errors = [refusal.args[0]]
        for error in errors:
            if error.code() in LOST:
                raise PartitionsLost(error.name())
            raise self.failure(error)
        self.backoff.reset()

    def close(self) -> None:
        """Leaves the group."""
        with contextlib.suppress(TimeoutError):
            aside(self._consumer.close).result(CLOSE_SECONDS)

    def _gone_back(self, seconds: float) -> bool:
        """Lets the client go where `seek` wants it; says whether it has."""
        if not self._free(seconds):
            return False
        if self._behind:
            self._seeking = aside(partial(self._seek, dict(self._behind)))
        return self._free(seconds)

    def _free(self, seconds: float) -> bool:
        """Waits for a call that is under way: one that a broker holds up lasts as long as it."""
        if self._committing is not None and not wait([self._committing], seconds).done:
            return False
        if self._seeking is None:
            return True
        try:
            done = self._seeking.result(seconds)
        except TimeoutError:
            return False
        self._seeking = None
        self._behind = dict(self._behind.items() - done.items())
        return True

    def _seek(self, offsets: dict[int, int]) -> dict[int, int]:
        for partition, offset in offsets.items():
            self._consumer.seek(TopicPartition(self._topic, partition, offset))
        return offsets

    def _put_back(self, records: Sequence[Received]) -> None:
        for one in records:
            if one.partition in self._next:
                self._next[one.partition] = self._behind.setdefault(one.partition, one.offset)

    def _received(self, messages: Sequence[Any]) -> list[Received]:
        self.check()
        topic, ours = self._topic, self._next
        records = []
        for one in messages:
            if (error := one.error()) is not None:
                self._heard(error)
            elif (partition := one.partition()) in ours:
                offset, headers = one.offset(), one.headers()
                ours[partition] = offset + 1
                records.append(
                    Received(
                        topic,
                        partition,
                        offset,
                        one.key(),
                        one.value(),
                        tuple((name, value or b"") for name, value in headers) if headers else (),
                        one.timestamp()[1],
                    )
                )
        return records

    def _heard(self, error: KafkaError) -> None:
        if error.code() not in PASSING:
            raise KafkaException(error)
        logger.warning("Kafka: %s", error.str())

    def _given(self, _consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        self._assignments += 1
        self._next |= {one.partition: None for one in partitions}

    def _taken(self, _consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        self._assignments += 1
        for one in partitions:
            self._next.pop(one.partition, None)
            self._behind.pop(one.partition, None)

    def _end(self, partition: int) -> int | None:
        one = TopicPartition(self._topic, partition)
        try:
            _low, high = self._consumer.get_watermark_offsets(one, cached=True)
        except KafkaException:  # nothing is known of it yet
            return None
        return high if high >= 0 else None
