"""What a live source is given by the crawl that reads it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event
from typing import Any

from ingest.sightings import Sighting
from ingest.state import State
from stream.posts import Origin


def utc_now() -> datetime:
    """Gives the time."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Context:
    """The crawl's name and state, its request to stop, and its clocks."""

    crawl: str
    state: State
    """For budgets and quotas (`ledger`); the cursor is the crawl's to save."""
    stop: Event
    """Every wait goes through it: `stop.wait(seconds)`, or `pauses` of `ingest/backoff.py`."""
    now: Callable[[], datetime] = utc_now
    clock: Callable[[], float] = time.monotonic

    def sighting(self, stream: str, **origin: Any) -> Sighting:
        """Gives what a normaliser takes beside a payload that came this moment.

        Args:
            stream: endpoint or feed, for `Origin.stream`.
            origin: the other fields of Origin: query, channel, video, rules.
        """
        now = self.now()
        return Sighting(
            Origin(crawl=self.crawl, stream=stream, **origin), observed_at=now, created_at=now
        )
