"""The loop of every station: poll, transform, write, commit."""

import gc
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Generic, TypeVar

from stream.crash import reached
from stream.errors import Backpressure
from stream.health import Heartbeat
from stream.limit import Limit
from stream.metrics import Counters
from stream.records import (
    DeadLetters,
    Received,
    RecordSource,
    Rejected,
    Sink,
    Transform,
    decoded,
)

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
    counters.heartbeat = Heartbeat(health_dir, station)
    limit = limit or Limit(station, run=0, ratio=1.0)
    loop = _Loop(station, source, decode, transform, sink, dead_letters, stop, counters, limit)
    with ThreadPoolExecutor(1, thread_name_prefix=station) as hands:
        while not stop.is_set():
            counters.turn()
            loop.turn(hands)
            counters.report_if_due()
    return counters


@dataclass(frozen=True)
class _Loop(Generic[In, Out]):
    """The two ends of a station, and what it does between them, batch by batch."""

    station: str
    source: RecordSource
    decode: Callable[[bytes | None], In]
    transform: Transform[In, Out]
    sink: Sink[Out]
    dead_letters: DeadLetters
    stop: Event
    counters: Counters
    limit: Limit

    def turn(self, hands: ThreadPoolExecutor) -> None:
        """Moves the next batch, if there is one; after backpressure it is the next one again."""
        station, step = self.station, self.counters.steps
        with step["poll"]:
            batch = self.source.poll()
        if not batch:
            return
        reached(f"{station}.polled")
        try:
            rejected = self._keeping_our_place(hands.submit(self._move, batch))
            with step["commit"]:
                self.source.commit(batch)
            reached(f"{station}.committed")
        except Backpressure as pressure:
            # Its words alone: whoever keeps the log record would keep the whole batch.
            logger.warning("%s; trying again in %.1f s", str(pressure), pressure.retry_after)
            self.counters.pressed += 1
            self.source.rewind(batch)
            # Of each refusal before, exception and frames hold one another, and their batch.
            gc.collect()
            self._rest(pressure.retry_after)
        else:
            self.limit.passed()
            self.counters.moved(len(batch), Counter(one.stage for one in rejected))

    def _move(self, batch: Sequence[Received]) -> list[Rejected]:
        station, step = self.station, self.counters.steps
        with step["decode"]:
            accepted, rejected = decoded(batch, self.decode)
        reached(f"{station}.decoded")
        with step["transform"]:
            outgoing = self.transform(accepted)
        reached(f"{station}.transformed")
        with step["write"]:
            rejected.extend(self.sink.write(outgoing))
        reached(f"{station}.written")
        self.limit.check(batch, rejected)
        with step["letters"]:
            self.dead_letters.write([one.letter(station) for one in rejected])
        reached(f"{station}.buried")
        for one in rejected:
            logger.warning(
                "dead letter from %s[%d]@%d, %s: %s",
                one.received.topic,
                one.received.partition,
                one.received.offset,
                one.stage,
                one.reason,
            )
        return rejected

    def _keeping_our_place(self, work: "Future[list[Rejected]]") -> list[Rejected]:
        while not wait([work], KEEP_SECONDS).done:
            self.source.keep()
        return work.result()

    def _rest(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self.stop.wait(min(left, KEEP_SECONDS)):
            self.source.keep()
