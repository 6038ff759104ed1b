"""The loop of every station: poll, transform, write, commit."""

import gc
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from threading import Event
from typing import TypeVar

from stream.crash import reached
from stream.errors import Backpressure
from stream.health import Heartbeat
from stream.limit import Limit
from stream.metrics import Counters
from stream.records import DeadLetters, Received, RecordSource, Sink, Transform, decoded

logger = logging.getLogger(__name__)

In = TypeVar("In")
Out = TypeVar("Out")

KEEP_SECONDS = 1.0
"""So often the source hears of us while a batch is written or waited for."""


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
    limit: Limit | None = None,
) -> Counters:
    """Moves batches from source to sink until asked to stop, with a heartbeat in `health_dir`.

    Sink, then dead letters, then offsets: a crash repeats a batch and never loses one. Delivery
    is at least once, and every sink must bear a repeat.

    A batch is moved in a thread of its own, so that the source can keep our place meanwhile: a slow
    or absent destination costs us no partition. One that hangs for ever leaves the heartbeat old.

    Raises:
        TooManyDeadLetters: the batch breaks `limit`; nothing of it is committed.
        Exception: whatever is our own fault; nothing of the batch is committed then.
    """
    counters = counters or Counters(station)
    counters.progress = source.progress
    limit = limit or Limit(station, run=0, ratio=1.0)
    heartbeat = Heartbeat(health_dir, station)
    with ThreadPoolExecutor(1, thread_name_prefix=station) as hands:
        while not stop.is_set():
            heartbeat.beat()
            counters.turn()
            with counters.steps["poll"]:
                batch = source.poll()
            if not batch:
                counters.report_if_due()
                continue
            reached(f"{station}.polled")
            try:
                _keeping_our_place(
                    source,
                    hands.submit(
                        _move,
                        station,
                        batch,
                        decode,
                        transform,
                        sink,
                        dead_letters,
                        counters,
                        limit,
                    ),
                )
                with counters.steps["commit"]:
                    source.commit(batch)
                reached(f"{station}.committed")
            except Backpressure as pressure:
                # Its words alone: whoever keeps the log record would keep the whole batch.
                logger.warning("%s; trying again in %.1f s", str(pressure), pressure.retry_after)
                counters.pressed += 1
                source.rewind(batch)
                # Of each refusal before, exception and frames hold one another, and their batch.
                gc.collect()
                _rest(source, pressure.retry_after, stop)
            else:
                limit.passed()
                counters.moved(len(batch))
                counters.report_if_due()
    return counters


def _keeping_our_place(source: RecordSource, work: "Future[None]") -> None:
    while not wait([work], KEEP_SECONDS).done:
        source.keep()
    work.result()


def _rest(source: RecordSource, seconds: float, stop: Event) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0 and not stop.wait(min(left, KEEP_SECONDS)):
        source.keep()


def _move(
    station: str,
    batch: Sequence[Received],
    decode: Callable[[bytes | None], In],
    transform: Transform[In, Out],
    sink: Sink[Out],
    dead_letters: DeadLetters,
    counters: Counters,
    limit: Limit,
) -> None:
    step = counters.steps
    with step["decode"]:
        accepted, rejected = decoded(batch, decode)
    reached(f"{station}.decoded")
    with step["transform"]:
        outgoing = transform(accepted)
    reached(f"{station}.transformed")
    with step["write"]:
        rejected.extend(sink.write(outgoing))
    reached(f"{station}.written")
    limit.check(batch, rejected)
    with step["letters"]:
        dead_letters.write([one.letter(station) for one in rejected])
    reached(f"{station}.buried")
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
