"""What reading and writing over confluent-kafka share: connecting, and what its errors mean.

librdkafka fetches, compresses and sends in threads of its own. Signals are not heard while a call
into it lasts: each is short, or made in another thread.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from threading import Thread
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer

from stream.backoff import Backoff
from stream.broker import times
from stream.broker.options import native_connection, refused, unreachable
from stream.errors import Backpressure
from stream.settings import Settings

lines = logging.getLogger("kafka.librdkafka")
"""Where the client tells of each lost connection; `stream/logs.py` silences it with its like."""

T = TypeVar("T")

STEP_SECONDS = 0.2
"""The longest call of those that are repeated."""

TROUBLE = {
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.KAFKA_STORAGE_ERROR,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NETWORK_EXCEPTION,
    KafkaError.NOT_COORDINATOR,
    KafkaError.NOT_ENOUGH_REPLICAS,
    KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.REPLICA_NOT_AVAILABLE,
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError.THROTTLING_QUOTA_EXCEEDED,
    KafkaError.UNKNOWN_TOPIC_ID,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.UNSTABLE_OFFSET_COMMIT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._ISR_INSUFF,
    KafkaError._MSG_TIMED_OUT,
    KafkaError._PURGE_INFLIGHT,
    KafkaError._PURGE_QUEUE,
    KafkaError._QUEUE_FULL,
    KafkaError._RESOLVE,
    KafkaError._TIMED_OUT,
    KafkaError._TIMED_OUT_QUEUE,
    KafkaError._TRANSPORT,
    KafkaError._UNKNOWN_TOPIC,
    KafkaError._WAIT_CACHE,
    KafkaError._WAIT_COORD,
}
"""The broker's trouble, for now."""
KEPT_OUT = {
    KafkaError._AUTHENTICATION,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.UNSUPPORTED_SASL_MECHANISM,
}
KEPT_OUT_AT_FIRST = KEPT_OUT | {KafkaError._SSL}
"""Later a handshake fails, too, where a broker stops in the middle of it."""


class NativeClient:
    """What consumer and producer share: how they connect, and what they are told meanwhile."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.backoff = Backoff(times.FIRST_WAIT_SECONDS)
        self._final = KEPT_OUT_AT_FIRST
        self._ending: KafkaError | None = None

    def options(self) -> dict[str, Any]:
        """Gives how to connect, and who is told of errors."""
        return native_connection(self._settings) | {"error_cb": self._told, "logger": lines}

    def _told(self, error: KafkaError) -> None:
        """Hears of the client's own errors; it mends all others by itself, or a call fails."""
        if error.code() in self._final or error.fatal():
            self._ending = error

    def check(self) -> None:
        """Raises what ends the station, where the client has told of it."""
        if self._ending is None:
            return
        if self._ending.code() in KEPT_OUT_AT_FIRST:
            raise refused(self._settings, self._ending.str())
        raise KafkaException(self._ending)

    def connect(self, client: Consumer | Producer) -> None:
        """Waits until a broker answers; one that breaks off is asked again."""
        end = time.monotonic() + times.BOOTSTRAP_MS / 1000
        while True:
            left = max(STEP_SECONDS, end - time.monotonic())
            answer = aside(partial(client.list_topics, timeout=left))
            while not answer.done():
                client.poll(STEP_SECONDS)  # where it hears of errors
                self.check()
            error = answer.exception()
            if error is None:
                self._final = KEPT_OUT
                return
            if not isinstance(error, KafkaException):
                raise error
            if time.monotonic() > end:
                raise unreachable(self._settings, error.args[0].name())
            client.poll(STEP_SECONDS)

    def failure(self, error: KafkaError, topic: str = "") -> Exception:
        """Reads a failed call as the broker's trouble, for now, where repeating can help."""
        if error.code() not in TROUBLE:
            return KafkaException(error)
        where = f" at topic {topic}" if topic else ""
        return Backpressure(f"Kafka: {error.name()}{where}", self.backoff.next())


def aside(call: Callable[[], T]) -> "Future[T]":
    """Calls in another thread, so that signals are heard by this one while it waits."""
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(call())
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits
            done.set_exception(error)

    Thread(target=run, daemon=True).start()
    return done
