"""Writing over confluent-kafka."""

import time
from collections.abc import Mapping, Sequence
from functools import partial

from confluent_kafka import KafkaError, KafkaException, Producer

from stream.broker import times
from stream.broker.clients import headers_of, key_of
from stream.broker.native import STEP_SECONDS, NativeClient
from stream.broker.options import BATCH_BYTES, COMPRESSION, LINGER_MS, RECORD_BYTES
from stream.crash import reached
from stream.records import Outgoing
from stream.settings import Settings
from stream.topics import Topic

UNSENT_KB = 65_536
TOO_LARGE = {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE}


class NativeProducer(NativeClient):
    """Records to topics; `stream.broker.clients.Producer` says what it does."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        options = {
            "acks": "all",
            # As in the other client: repeats are harmless here.
            "enable.idempotence": False,
            "max.in.flight": 5,
            "request.timeout.ms": times.REQUEST_MS,
            "message.timeout.ms": times.DELIVERY_MS,
            "linger.ms": LINGER_MS,
            "batch.size": BATCH_BYTES,
            "message.max.bytes": RECORD_BYTES,
            "compression.type": COMPRESSION,
            "queue.buffering.max.kbytes": UNSENT_KB,
            # The partition that every other client gives a key; its own default differs.
            "partitioner": "murmur2_random",
            "delivery.report.only.error": True,
        }
        self._producer = Producer(self.options() | options)
        self.connect(self._producer)

    def write(self, topic: Topic, records: Sequence[Outgoing]) -> list[int]:
        """Writes; gives the positions of those that are too large."""
        failed: dict[int, KafkaError] = {}
        for position, record in enumerate(records):
            if position == len(records) // 2:
                reached("kafka.half", self._flush)
            self._send(topic, record, position, failed)
        reached("kafka.sent")
        self._settle(topic, failed)
        # A batch may be too large where no record of it is, and this client parts none.
        large = sorted(failed)
        failed.clear()
        for position in large:
            self._send(topic, records[position], position, failed)
            self._settle(topic, failed)
        self.backoff.reset()
        reached("kafka.flushed")
        return sorted(failed)

    def close(self) -> None:
        """Forgets what is still on its way."""
        self._producer.purge()
        self._producer.flush(STEP_SECONDS)

    def _send(
        self, topic: Topic, record: Outgoing, position: int, failed: dict[int, KafkaError]
    ) -> None:
        """Hands a record over; `failed` gets the error where it comes to nothing."""
        end = time.monotonic() + times.REQUEST_MS / 1000
        while True:
            try:
                self._producer.produce(
                    topic.name,
                    record.value,
                    key_of(record),
                    on_delivery=partial(_note, failed, position),
                    headers=headers_of(record),
                )
            except BufferError:
                self._producer.poll(STEP_SECONDS)
                if time.monotonic() > end:
                    self.close()
                    raise self.failure(KafkaError(KafkaError._QUEUE_FULL), topic.name) from None
            except KafkaException as error:
                failed[position] = error.args[0]
                return
            else:
                return

    def _settle(self, topic: Topic, failed: Mapping[int, KafkaError]) -> None:
        """Waits until nothing is on its way; returns where nothing failed but what is too large."""
        self._flush()
        self.check()
        for error in failed.values():
            if error.code() not in TOO_LARGE:
                raise self.failure(error, topic.name)

    def _flush(self) -> None:
        end = time.monotonic() + (times.DELIVERY_MS + times.REQUEST_MS) / 1000
        while self._producer.flush(STEP_SECONDS):
            if time.monotonic() > end:
                self._producer.purge()  # no record may be sent when nobody waits for it any more


def _note(
    failed: dict[int, KafkaError], position: int, error: KafkaError | None, _message: object
) -> None:
    if error is not None:
        failed[position] = error
