"""What a crawl or a replay counts, as others see it."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from ingest.crawl import Crawl
from ingest.sending import Sender
from stream import metrics, status
from stream.metrics import Sample
from stream.settings import load_settings

STATION = "ingest"
SNAPSHOT_SECONDS = 1.0


class IngestCounters:
    """The loop that reads a source and sends.

    Of a live crawl it keeps a copy, made now and then by the crawl's own thread: to ask a source
    what it has used up may turn the page of its ledger.
    """

    station = STATION

    def __init__(self, sender: Sender, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._turned_at = clock()
        self._sender = sender
        sender.turn = self.turn
        self._crawl: tuple[float, Sequence[Sample]] = (-SNAPSHOT_SECONDS, ())

    @property
    def turn_age(self) -> float:
        """Seconds since it last turned."""
        return self._clock() - self._turned_at

    def turn(self) -> None:
        """Notes that the loop turns."""
        self._turned_at = self._clock()

    def watch(self, crawl: Crawl) -> None:
        """Notes that a live crawl turns and, once a second, how it stands; in its own thread."""
        self.turn()
        if self._turned_at - self._crawl[0] >= SNAPSHOT_SECONDS:
            self._crawl = (self._turned_at, list(of_crawl(crawl)))

    def samples(self) -> Iterator[Sample]:
        """Gives everything that is counted here."""
        yield metrics.turn_age(STATION, self.turn_age)
        yield from of_sender(self._sender)
        yield from self._crawl[1]


@contextmanager
def serving(sender: Sender, *, dry_run: bool) -> Iterator[IngestCounters]:
    """Serves what is counted of this sender, where EMOSTREAM_METRICS says."""
    settings, counters = load_settings(), IngestCounters(sender)
    with status.serving(settings, [counters]) as told:
        told.started({}, broker=None if dry_run else settings)
        yield counters


def of_sender(sender: Sender) -> Iterator[Sample]:
    """Gives what was sent."""
    counts, of = sender.counts, {"station": STATION}
    yield metrics.sent(STATION, counts.posts + counts.deletions)
    yield from metrics.discarded(STATION, sender.discarded)
    yield metrics.backpressure(STATION, sender.pressed)
    for kind, value in (
        ("post", counts.posts),
        ("deletion", counts.deletions),
        ("repeated", counts.repeated),
    ):
        yield Sample(
            "emostream_ingest_records", "counter", "records sent; repeated ones are posts too",
            value, of | {"kind": kind},
        )  # fmt: skip


def of_crawl(crawl: Crawl) -> Iterator[Sample]:
    """Gives how a live crawl stands."""
    watched, of = crawl.watched, {"station": STATION, "platform": crawl.platform}
    yield Sample(
        "emostream_ingest_records_per_second", "gauge", "posts and deletions a second, of late",
        watched.rate, of,
    )  # fmt: skip
    yield Sample(
        "emostream_ingest_connected", "gauge", "0 while the source waits or reconnects",
        0 if watched.waiting else 1, of,
    )  # fmt: skip
    yield Sample(
        "emostream_ingest_gaps", "counter", "stretches that the platform no longer gives",
        len(watched.gaps), of,
    )  # fmt: skip
    if watched.lag is not None:
        yield Sample(
            "emostream_ingest_platform_lag_seconds", "gauge",
            "from the platform's time of the newest arrival to its arrival", watched.lag, of,
        )  # fmt: skip
    for one in crawl.allowances():
        at = of | {"allowance": one.name, "unit": one.unit}
        yield Sample(
            "emostream_ingest_allowance_used", "gauge", "used of a budget or a quota", one.used, at
        )
        if one.of is not None:
            yield Sample(
                "emostream_ingest_allowance_limit", "gauge", "its size", one.of, at
            )  # fmt: skip
