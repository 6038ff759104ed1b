"""One run over a live source: what arrives is sent, and only then is it remembered as read.

The order at each flush is what makes a crash harmless: archive, topics, cursor. Whatever happens
between two of them, the next run reads a little once more, and the same ids replace themselves.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event
from typing import Any, Protocol

from ingest.context import CLOCKS_DIFFER, utc_now
from ingest.inputs import Line
from ingest.reading import told
from ingest.sending import MAX_BATCH_RECORDS, Sender
from ingest.sightings import Outcome
from ingest.sources import Arrival, Cursor, Gap, LiveSource, Pause
from ingest.state import State
from ingest.telling import allowed, described, span
from stream.dead_letters import DeadLetter
from stream.errors import UserError
from stream.posts import Post

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 1.0
RATE_SECONDS = 10.0
"""How far back the rate of the live line looks."""
KNOWN_IDS = 1_000_000
"""Posts and deletions after which the sender forgets the ids it has seen: memory stays flat."""


def unchanged(post: Post) -> Post:
    """Gives the post as it is."""
    return post


class Keeper(Protocol):
    """Keeps raw payloads: the archive."""

    def add(self, data: bytes) -> None:
        """Takes one payload."""
        ...

    def flush(self) -> None:
        """Returns when all that was added is durable."""
        ...


@dataclass
class Watched:
    """What the crawl has met, for the live line and the report."""

    rate: float = 0.0
    """Posts and deletions a second, of late."""
    lag: float | None = None
    """Seconds from the platform's time of the newest arrival to now."""
    gaps: list[Gap] = field(default_factory=list)
    waiting: str = ""
    """Why nothing comes just now."""


class Crawl:
    """Reads a source until it ends, is enough, or we must stop."""

    def __init__(
        self,
        source: LiveSource,
        sender: Sender,
        state: State,
        *,
        stop: Event,
        archive: Keeper | None = None,
        change: Callable[[Post], Post] = unchanged,
        limit: int | None = None,
        seconds: float | None = None,
        remember: bool = True,
        turn: Callable[["Crawl"], object] = lambda _crawl: None,
        now: Callable[[], datetime] = utc_now,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepares the crawl.

        Args:
            source: what is read, from the state's cursor on.
            sender: what takes the records.
            state: where the cursor is kept.
            stop: ends it when set.
            archive: takes the payloads in which there is something.
            change: what becomes of each post before it is sent.
            limit: ends it after the arrival with which there are so many posts and deletions.
            seconds: ends it after so long.
            remember: whether the cursor is saved; not where nothing is really sent.
            turn: called after each thing that the source gives, pauses included.
            now: the time.
            clock: seconds that only ever grow.
        """
        self.watched = Watched()
        self.counts = sender.counts
        self.platform = source.platform
        self.allowances = source.allowances
        self._source, self._sender, self._state = source, sender, state
        self._stop, self._archive, self._change = stop, archive, change
        self._left, self._seconds, self._remember = limit, seconds, remember
        self._turn, self._now, self._clock = turn, now, clock
        if archive is not None:
            sender.before = archive.flush
        self._cursor: Cursor | None = None
        self._waiting = self._rounds = 0
        self._began = self._flushed_at = clock()
        self._recent: deque[tuple[float, int]] = deque()

    def run(self) -> None:
        """Sends what arrives.

        Raises:
            UserError: the source cannot go on; what was read until then has been sent.
            Unsent: we were asked to stop while nothing could be sent; it will be read once more.
        """
        try:
            with closing(self._read()) as reading:
                for one in reading:
                    self._take(one)
                    self._turn(self)
                    if self._done():
                        break
            self._flush()
        finally:
            self.counts.seconds = self._clock() - self._began

    def report(self) -> dict[str, Any]:
        """Gives the counts, the gaps and what is used up, for a JSON file."""
        return {
            **self.counts.report(),
            "gaps": [
                {
                    "reason": gap.reason,
                    "since": gap.since and gap.since.isoformat(),
                    "until": gap.until and gap.until.isoformat(),
                }
                for gap in self.watched.gaps
            ],
            "allowances": [
                {
                    "name": one.name,
                    "used": one.used,
                    "of": one.of,
                    "unit": one.unit,
                    "until": one.until and one.until.isoformat(),
                }
                for one in self._source.allowances()
            ],
        }

    def __str__(self) -> str:
        """The live line: `bluesky: 38.2 posts/s, lag 1.4 s, 12345 posts, 7 deletions, ...`."""
        counts, watched = self.counts, self.watched
        parts = [f"{watched.rate:.1f}/s"]
        if watched.lag is not None:
            parts.append(f"lag {span(watched.lag)}")
        parts += [f"{counts.posts} posts", f"{counts.deletions} deletions"]
        if counts.dead_letters:
            parts.append(f"{counts.dead_letters} dead letters")
        if watched.gaps:
            parts.append(f"{len(watched.gaps)} gaps")
        parts += [allowed(one) for one in self._source.allowances()]
        if watched.waiting:
            parts.append(watched.waiting)
        return f"{self._source.platform}: " + ", ".join(parts)

    def _read(self) -> Generator[Arrival | Gap | Pause, None, None]:
        """Gives what the source gives; where the source fails, sends what it gave before.

        A failure of the archive or the destination is raised elsewhere, and not met here.
        """
        try:
            yield from self._source.read(self._state.cursor)
        except UserError:
            self._flush()
            raise

    def _take(self, one: Arrival | Gap | Pause) -> None:
        match one:
            case Arrival():
                self.watched.waiting = ""
                self._arrived(one)
            case Gap():
                self.watched.gaps.append(one)
                logger.warning("gap, posts are missing: %s", described(one))
            case Pause():
                if one.reason and one.reason != self.watched.waiting:
                    logger.info("%s: %s", self._source.platform, one.reason)
                self.watched.waiting = one.reason
                self._flush()
        if self._waiting >= MAX_BATCH_RECORDS or self._clock() - self._flushed_at >= FLUSH_SECONDS:
            self._flush()
        self._measure()

    def _arrived(self, arrival: Arrival) -> None:
        outcomes = [self._changed(outcome) for outcome in arrival.outcomes]
        if outcomes and self._archive is not None:
            self._archive.add(arrival.data)
        if arrival.at is not None and arrival.at - self._now() <= CLOCKS_DIFFER:
            self.watched.lag = (self._now() - arrival.at).total_seconds()
        self._send(arrival, outcomes)
        if arrival.cursor is not None:
            self._cursor = arrival.cursor

    def _changed(self, outcome: Outcome) -> Outcome:
        return self._change(outcome) if isinstance(outcome, Post) else outcome

    def _send(self, arrival: Arrival, outcomes: Sequence[Outcome]) -> None:
        """Hands the outcomes to the sender: all, beyond the limit too.

        They are read, and paid for; and a page larger than the limit would never be passed.
        """
        line = Line(0, arrival.data, len(arrival.data))
        place = arrival.place or self._source.platform
        for one in told(place, line, outcomes, self.counts.crawl):
            if isinstance(one, DeadLetter):
                self._sender.bury(one)
            else:
                self._sender.add(one)
                if self._left is not None:
                    self._left -= 1
            self._waiting += 1

    def _flush(self) -> None:
        self._flushed_at = self._clock()
        self._waiting = 0
        self._sender.flush()  # after the archive
        if self._cursor is not None and self._remember:
            self._state.save(self._cursor)
        self._cursor = None
        if (self.counts.posts + self.counts.deletions) // KNOWN_IDS > self._rounds:
            self._rounds += 1
            self._sender.new_round()

    def _measure(self) -> None:
        moment, sent = self._clock(), self.counts.posts + self.counts.deletions
        recent = self._recent
        if not recent or moment - recent[-1][0] >= FLUSH_SECONDS:
            recent.append((moment, sent))
        while len(recent) > 1 and moment - recent[0][0] > RATE_SECONDS:
            recent.popleft()
        seconds = moment - recent[0][0]
        self.watched.rate = (sent - recent[0][1]) / seconds if seconds else 0.0

    def _done(self) -> bool:
        late = self._seconds is not None and self._clock() - self._began >= self._seconds
        enough = self._left is not None and self._left <= 0
        return late or enough or self._stop.is_set()
