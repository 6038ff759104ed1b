"""Records and dead letters to the topics, in batches, and the counts of what was sent."""

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any, Protocol, TypeVar

from ingest.reading import Found
from stream.broker import KafkaWriter
from stream.codec import encode
from stream.crash import reached
from stream.dead_letters import DeadLetter
from stream.errors import Backpressure
from stream.health import Heartbeat
from stream.posts import Collected, Post
from stream.records import Outgoing
from stream.sinks import KafkaDeadLetters
from stream.topics import COLLECTED

logger = logging.getLogger(__name__)

MAX_BATCH_RECORDS = 500
MAX_BATCH_BYTES = 4_000_000

T = TypeVar("T")


class Unsent(Exception):
    """We were asked to stop while the destination took nothing; the last batch was not sent."""


class Destination(Protocol):
    """Takes records and dead letters; raises Backpressure when it cannot now."""

    def write(self, records: Sequence[Collected]) -> Sequence[tuple[int, str]]:
        """Returns when all are durable; gives position and reason of those never to be taken."""
        ...

    def bury(self, letters: Sequence[DeadLetter]) -> None:
        """Returns when all letters are durable."""
        ...


class KafkaDestination:
    """The topics `posts.collected` and `posts.dead-letter`."""

    def __init__(self, writer: KafkaWriter, health_dir: Path | None = None) -> None:
        self._writer = writer
        self._dead_letters = KafkaDeadLetters(writer)
        self._heartbeat = Heartbeat(health_dir, "ingest")

    def write(self, records: Sequence[Collected]) -> Sequence[tuple[int, str]]:
        """Writes each record under its post's key, with its crawl in the header."""
        self._heartbeat.beat()
        return self._writer.write(
            COLLECTED,
            [Outgoing(record.key, encode(record), record.origin.crawl) for record in records],
        )

    def bury(self, letters: Sequence[DeadLetter]) -> None:
        """Writes the letters, and logs where each came from and why."""
        self._dead_letters.write(letters)
        for letter in letters:
            logger.warning("dead letter from %s: %s", letter.source.place, letter.reason)


@dataclass
class Counts:
    """What one crawl has sent."""

    crawl: str
    posts: int = 0
    deletions: int = 0
    """Distinct keys among the deletions, of posts and of authors."""
    dead_letters: int = 0
    unique_ids: int = 0
    """Distinct keys among the posts."""
    repeated: int = 0
    """Posts whose key had been sent before; they replace the earlier one."""
    seconds: float = 0.0
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    """From when on the topics hold records of this crawl."""

    def report(self) -> dict[str, Any]:
        """Gives the counts for a JSON file."""
        counts = {**asdict(self), "seconds": round(self.seconds, 3)}
        return counts | {"started_at": self.started_at.isoformat()}

    def __str__(self) -> str:
        rate = self.posts / self.seconds if self.seconds else 0
        return (
            f"{self.crawl}: {self.posts} posts, {self.deletions} deletions, "
            f"{self.dead_letters} dead letters, {self.repeated} repeated ids "
            f"in {self.seconds:.1f} s ({rate:.0f} posts/s)"
        )


class Sender:
    """Collects a batch and sends it until it is taken, in the order in which it came."""

    def __init__(
        self,
        destination: Destination,
        crawl: str,
        stop: Event,
        sent: Callable[[int], Any] = lambda _records: None,
    ) -> None:
        self.counts = Counts(crawl)
        self.before: Callable[[], object] = lambda: None
        """Called before each batch goes; the batch is kept where this raises."""
        self.turn: Callable[[], object] = lambda: None
        """Called at each attempt to send, and at each flush."""
        self.discarded: Counter[str] = Counter()
        """Dead letters, by the stage at which they arose."""
        self.pressed = 0
        self._destination = destination
        self._stop = stop
        self._sent = sent
        self._records: list[Found] = []
        self._letters: list[DeadLetter] = []
        self._bytes = 0
        self._seen: set[bytes] = set()
        self._deleted: set[bytes] = set()

    def add(self, found: Found) -> None:
        """Takes a record, and sends the batch if it is full."""
        self._records.append(found)
        self._grow(len(found.line.data))

    def bury(self, letter: DeadLetter) -> None:
        """Takes a dead letter, and sends the batch if it is full."""
        self._letters.append(letter)
        self._grow(len(letter.original or b""))

    def flush(self) -> None:
        """Sends what is there; what was not taken is kept.

        Raises:
            Unsent: we were asked to stop while the destination refused everything.
        """
        self.turn()
        self.before()
        reached("ingest.archived")
        if records := self._records:
            sending = [found.record for found in records]
            refused = dict(self._insist(lambda: self._destination.write(sending)))
            self._letters += [
                records[position].letter("sending", reason) for position, reason in refused.items()
            ]
            self._records = []
            self._count([one for place, one in enumerate(sending) if place not in refused])
            reached("ingest.sent")
        if letters := self._letters:
            self._insist(lambda: self._destination.bury(letters))
            self.discarded.update(letter.stage for letter in letters)
            self._letters = []
            self.counts.dead_letters += len(letters)
        self._bytes = 0
        reached("ingest.buried")

    def new_round(self) -> None:
        """Forgets the keys seen: those of the next round are all different."""
        self._seen.clear()
        self._deleted.clear()

    def _grow(self, size: int) -> None:
        self._bytes += size
        full = len(self._records) + len(self._letters) >= MAX_BATCH_RECORDS
        if full or self._bytes >= MAX_BATCH_BYTES:
            self.flush()

    def _insist(self, action: Callable[[], T]) -> T:
        while True:
            self.turn()
            try:
                return action()
            except Backpressure as pressure:
                self.pressed += 1
                logger.warning("%s; trying again in %.1f s", pressure, pressure.retry_after)
                if self._stop.wait(pressure.retry_after):
                    raise Unsent(str(pressure)) from None

    def _count(self, records: Sequence[Collected]) -> None:
        for record in records:
            # Eight bytes a key: the odds that two of a million share them are 1 in 30 million.
            digest = hashlib.blake2b(record.key.encode(), digest_size=8).digest()
            if not isinstance(record, Post):
                self.counts.deletions += digest not in self._deleted
                self._deleted.add(digest)
                continue
            self.counts.posts += 1
            if digest in self._seen:
                self.counts.repeated += 1
            else:
                self._seen.add(digest)
                self.counts.unique_ids += 1
        self._sent(len(records))
