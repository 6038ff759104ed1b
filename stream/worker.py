"""The loop of every station: poll, transform, write, commit."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event
from typing import TypeVar

from stream.errors import Backpressure
from stream.health import Heartbeat
from stream.metrics import Counters
from stream.records import DeadLetters, Received, RecordSource, Sink, Transform, decoded

logger = logging.getLogger(__name__)

In = TypeVar("In")
Out = TypeVar("Out")


def run(
    station: str,
    source: RecordSource,
    decode: Callable[[bytes | None], In],
    transform: Transform[In, Out],
    sink: Sink[Out],
    dead_letters: DeadLetters,
    stop: Event,
    counters: Counters | None = None,
    health_dir: Path | None = None,
) -> Counters:
    """Moves batches from source to sink until asked to stop, with a heartbeat in `health_dir`.

    Sink, then dead letters, then offsets: a crash repeats a batch and never loses one. Delivery
    is at least once, and every sink must bear a repeat.

    Raises:
        Exception: whatever is our own fault; nothing of the batch is committed then.
    """
    counters = counters or Counters(station)
    heartbeat = Heartbeat(health_dir, station)
    while not stop.is_set():
        heartbeat.beat()
        batch = source.poll()
        if not batch:
            counters.report_if_due()
            continue
        try:
            _move(station, batch, decode, transform, sink, dead_letters, counters)
            source.commit(batch)
        except Backpressure as pressure:
            logger.warning("%s; trying again in %.1f s", pressure, pressure.retry_after)
            counters.pressed += 1
            source.rewind(batch)
            stop.wait(pressure.retry_after)
        else:
            counters.batches += 1
            counters.received += len(batch)
            counters.report_if_due()
    return counters


def _move(
    station: str,
    batch: Sequence[Received],
    decode: Callable[[bytes | None], In],
    transform: Transform[In, Out],
    sink: Sink[Out],
    dead_letters: DeadLetters,
    counters: Counters,
) -> None:
    accepted, rejected = decoded(batch, decode)
    outgoing = transform(accepted)
    rejected.extend(sink.write(outgoing))
    dead_letters.write([one.letter(station) for one in rejected])
    for one in rejected:
        counters.discarded[one.stage] += 1
        logger.warning(
            "dead letter from %s[%d]@%d, %s: %s",
            one.received.topic,
            one.received.partition,
            one.received.offset,
            one.stage,
            one.reason,
        )
    counters.sent += len(batch) - len(rejected)
