"""A topic from its beginning to its end, beside every consumer group."""

import time
from collections.abc import Iterator
from datetime import datetime

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from stream.broker.options import connection, missing, unreachable
from stream.broker.python import received
from stream.broker.times import POLL_MS, SILENCE_SECONDS
from stream.errors import Backpressure
from stream.records import Received
from stream.settings import Settings
from stream.topics import Topic


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
