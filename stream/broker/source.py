"""Batches of a topic, whichever client fetches them."""

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Self

from stream.broker import clients, times
from stream.metrics import Progress
from stream.records import Received
from stream.settings import Settings
from stream.topics import Topic

logger = logging.getLogger(__name__)

MAX_BATCH_BYTES = 16_000_000


class Closing:
    """What is closed at the end of a `with` block."""

    def close(self) -> None:
        """Closes it."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


class KafkaSource(Closing):
    """Batches of one topic, shared with the other workers of the same consumer group.

    A batch is full at `max_records`, at 16 MB, or `linger` seconds after its first record.
    """

    def __init__(self, settings: Settings, topic: Topic, group: str, linger: float = 0.0) -> None:
        self._max_records = settings.batch_records
        self._linger = linger
        self.progress = Progress(topic.name)
        self._consumer = clients.consumer(settings, topic, group)

    def poll(self) -> Sequence[Received]:
        """Waits up to half a second for a first record, then for the batch to fill."""
        batch: list[Received] = []
        size = 0
        wait, deadline = times.POLL_MS / 1000, 0.0
        while True:
            # No signal is heard while it lasts.
            step = min(wait, times.POLL_MS / 1000)
            records = self._consumer.take(self._max_records - len(batch), step)
            seen: set[int] = set()
            for one in records:
                if one.partition not in seen:
                    seen.add(one.partition)
                    self.progress.read(one.partition, one.offset, one.timestamp)
                size += len(one.value or b"")
            batch.extend(records)
            deadline = deadline or time.monotonic() + self._linger
            wait = deadline - time.monotonic()
            full = len(batch) >= self._max_records or size >= MAX_BATCH_BYTES
            if not batch or full or wait <= 0:
                self.progress.polled(self._consumer.ends())
                return batch

    def rewind(self, batch: Sequence[Received]) -> None:
        """Seeks each partition of the batch that is still ours back to where the batch began."""
        firsts = {partition: first for partition, (first, _last) in _spans(batch).items()}
        self._consumer.seek(firsts)

    def keep(self) -> None:
        """Takes part in the group; what comes meanwhile is for the next `poll`."""
        self._consumer.keep(times.KEEP_MS / 1000)

    def commit(self, batch: Sequence[Received]) -> None:
        """Commits the offsets after the batch: those of the next records to read.

        Where the group has given our partitions to another worker meanwhile, that worker repeats
        the batch, which is harmless; its offsets are not ours to move.
        """
        spans = _spans(batch)
        try:
            offsets = self._read_to(spans)
            if len(offsets) < len(spans):
                logger.warning("partitions moved before the commit")
            if not offsets:
                return
            self._consumer.commit(offsets)
        except clients.PartitionsLost as lost:
            logger.warning("partitions moved before the commit (%s)", str(lost))
            # The client goes on behind the batch in what stays ours: nobody would commit it.
            self.rewind(batch)
            return
        self.progress.committed(offsets)

    def _read_to(self, spans: Mapping[int, tuple[int, int]]) -> dict[int, int]:
        """Gives the next offset to read of each partition that has stayed ours.

        One that was another worker's meanwhile is read on from where that worker has committed: to
        commit the end of our batch could move that back, behind records that nobody reads again.
        """
        reach = self._consumer.reach(spans)
        return {one: offset for one, offset in reach.items() if offset > spans[one][1]}

    def close(self) -> None:
        """Leaves the group, so that its other workers take over at once."""
        self._consumer.close()


def _spans(batch: Sequence[Received]) -> dict[int, tuple[int, int]]:
    """Gives the first and the last offset of each partition; a poll gives them in order."""
    spans: dict[int, tuple[int, int]] = {}
    for one in batch:
        first, last = spans.get(one.partition, (one.offset, one.offset))
        spans[one.partition] = (min(first, one.offset), max(last, one.offset))
    return spans
