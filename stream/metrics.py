"""What every station counts: received, sent, discarded, how long each step takes, how far behind.

Plain numbers, written by the loop once a batch and read by whoever asks: the log every ten seconds,
`stream/exposition.py` when Prometheus does. No number here is worth a lock: a reader may see one
batch half counted.
"""

import logging
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from stream.health import Heartbeat

logger = logging.getLogger(__name__)

REPORT_SECONDS = 10.0

STEPS = ("poll", "decode", "transform", "write", "letters", "commit")
STAGES = ("receiving", "processing", "sending")
SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
RECORDS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, 10_000.0)

Kind = Literal["counter", "gauge", "histogram"]


class Histogram:
    """How often a value fell at or below each bound, and their sum."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Counts one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


class Sample(NamedTuple):
    """One number as others see it; the names follow Prometheus' conventions."""

    name: str
    """Without `_total`, which every counter gets."""
    kind: Kind
    meaning: str
    value: float | Histogram
    labels: Mapping[str, str]


class Step:
    """One step of the loop, as a `with` block: its times, and how often which error left it."""

    def __init__(self) -> None:
        self.seconds = Histogram(SECONDS)
        self.errors: Counter[str] = Counter()
        self._began = 0.0

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        self.seconds.observe(time.perf_counter() - self._began)
        if kind is not None:
            self.errors[kind.__name__] += 1


class Progress:
    """How far a consumer is behind, from what it was told anyway: no request asks for it."""

    def __init__(self, topic: str = "") -> None:
        self.topic = topic
        self.lag: Mapping[int, int] = {}
        """Partition to the records that are not committed. One of which nothing has been read yet
        is missing."""
        self.oldest: float | None = None
        """Unix time of the oldest record that has been read and is not committed."""
        self._next: dict[int, int] = {}
        self._ends: Mapping[int, int | None] = {}
        self._waiting: dict[int, float] = {}
        self._done: set[int] = set()

    def read(self, partition: int, offset: int, timestamp_ms: int) -> None:
        """Notes the first record of those of one partition that a poll returned."""
        self._next.setdefault(partition, offset)
        at = timestamp_ms / 1000
        if partition in self._done:
            self._done.remove(partition)
            self._waiting[partition] = at
        else:
            self._waiting[partition] = min(at, self._waiting.get(partition, at))

    def polled(self, ends: Mapping[int, int | None]) -> None:
        """Notes, after a poll, the end of each partition that is ours, where it is known."""
        self._next = {one: offset for one, offset in self._next.items() if one in ends}
        self._waiting = {
            one: at for one, at in self._waiting.items() if one in ends and one not in self._done
        }
        self._done.clear()
        self._ends = ends
        self._measure()

    def committed(self, offsets: Mapping[int, int]) -> None:
        """Notes the offsets that were committed.

        The age stays until the next poll: a consumer that is far behind would else look up to
        date between two batches.
        """
        self._next |= offsets
        self._done |= offsets.keys()
        self._measure()

    def _measure(self) -> None:
        self.lag = {
            partition: max(0, end - self._next[partition])
            for partition, end in self._ends.items()
            if end is not None and partition in self._next
        }
        self.oldest = min(self._waiting.values(), default=None)


@dataclass
class Counters:
    """Counts of one loop since it started; `report_if_due` logs them."""

    station: str
    clock: Callable[[], float] = time.monotonic
    received: int = 0
    sent: int = 0
    batches: int = 0
    pressed: int = 0
    discarded: Counter[str] = field(default_factory=Counter)
    steps: Mapping[str, Step] = field(default_factory=lambda: {name: Step() for name in STEPS})
    batch_records: Histogram = field(default_factory=lambda: Histogram(RECORDS))
    progress: Progress = field(default_factory=Progress)
    heartbeat: Heartbeat | None = None
    """Beats with every turn, for those who cannot ask."""
    _turned_at: float = field(default=0.0, init=False)
    _reported_at: float = field(default=0.0, init=False)
    _reported_received: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._reported_at = self._turned_at = self.clock()

    def turn(self) -> None:
        """Notes that the loop turns, or that its batch gets on."""
        self._turned_at = self.clock()
        if self.heartbeat is not None:
            self.heartbeat.beat()

    @property
    def turn_age(self) -> float:
        """Seconds since the loop last turned, or its batch got on."""
        return self.clock() - self._turned_at

    def moved(self, records: int, rejected: Mapping[str, int]) -> None:
        """Counts a batch that is committed: its records, and by stage those that were rejected."""
        self.batches += 1
        self.received += records
        self.sent += records - sum(rejected.values())
        self.discarded.update(rejected)
        self.batch_records.observe(records)

    def samples(self) -> Iterator[Sample]:
        """Gives everything that is counted here, for the metrics endpoint."""
        of = {"station": self.station}
        yield Sample(
            "emostream_records_received", "counter", "records of committed batches",
            self.received, of,
        )  # fmt: skip
        yield sent(self.station, self.sent)
        yield from discarded(self.station, self.discarded)
        yield backpressure(self.station, self.pressed)
        yield turn_age(self.station, self.turn_age)
        yield Sample(
            "emostream_batch_records", "histogram", "records in a committed batch",
            self.batch_records, of,
        )  # fmt: skip
        for name, step in self.steps.items():
            at = of | {"step": name}
            yield Sample(
                "emostream_step_seconds", "histogram", "how long a step took, per batch",
                step.seconds, at,
            )  # fmt: skip
            for kind, times in list(step.errors.items()):
                yield Sample(
                    "emostream_errors", "counter", "errors that left a step, by type",
                    times, at | {"kind": kind},
                )  # fmt: skip
        yield from self._behind(of)

    def _behind(self, of: Mapping[str, str]) -> Iterator[Sample]:
        progress = self.progress
        for partition, records in progress.lag.items():
            yield Sample(
                "emostream_lag_records", "gauge", "records of a partition that are not committed",
                records, {**of, "topic": progress.topic, "partition": str(partition)},
            )  # fmt: skip
        oldest = progress.oldest
        yield Sample(
            "emostream_oldest_unacknowledged_seconds", "gauge",
            "age of the oldest record read and not committed; 0 where there is none",
            max(0.0, time.time() - oldest) if oldest else 0.0, of,
        )  # fmt: skip

    def report_if_due(self) -> None:
        """Logs the counts when ten seconds have passed and something has happened since."""
        seconds = self.clock() - self._reported_at
        if seconds < REPORT_SECONDS or self.received == self._reported_received:
            return
        rate = (self.received - self._reported_received) / seconds
        logger.info("%s, %.0f a second", self, rate)
        self._reported_at, self._reported_received = self.clock(), self.received

    def __str__(self) -> str:
        discarded = ", ".join(f"{n} at {stage}" for stage, n in sorted(self.discarded.items()))
        return (
            f"{self.station}: {self.received} received, {self.sent} sent, "
            f"{self.discarded.total()} discarded" + (f" ({discarded})" if discarded else "")
        )


def sent(station: str, records: int) -> Sample:
    """Records that are durable at the destination."""
    meaning = "records that were written, or needed no writing"
    return Sample("emostream_records_sent", "counter", meaning, records, {"station": station})


def discarded(station: str, by_stage: Mapping[str, int]) -> Iterator[Sample]:
    """Dead letters by the stage at which they arose, those at which none did included."""
    for stage in STAGES:
        yield Sample(
            "emostream_records_discarded", "counter", "dead letters, by stage",
            by_stage.get(stage, 0), {"station": station, "stage": stage},
        )  # fmt: skip


def backpressure(station: str, times: int) -> Sample:
    """Batches that had to wait."""
    meaning = "times a batch was held back because the destination asked for it"
    return Sample("emostream_backpressure", "counter", meaning, times, {"station": station})


def turn_age(station: str, seconds: float) -> Sample:
    """Seconds since a loop turned."""
    meaning = "seconds since the loop last turned"
    return Sample("emostream_turn_age_seconds", "gauge", meaning, seconds, {"station": station})
