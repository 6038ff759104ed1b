"""What a live source is given by the crawl that reads it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any, TypeVar

from pydantic import BaseModel

from ingest.payloads import checked
from ingest.sightings import Sighting
from ingest.sources import Cursor
from ingest.state import State
from stream.errors import InvalidRecord
from stream.posts import Origin

CLOCKS_DIFFER = timedelta(minutes=5)
"""A platform's time that is later than ours by more is wrong, whoever's clock it is: nothing is
read on from there. As much as Kerberos allows (RFC 4120, 8.2)."""

Shape = TypeVar("Shape", bound=BaseModel)


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
    """Every wait goes through it: `stop.wait(seconds)`, or `pauses` of `ingest/waiting.py`."""
    now: Callable[[], datetime] = utc_now
    clock: Callable[[], float] = time.monotonic

    def in_future(self, moment: datetime) -> bool:
        """Says whether a platform's time cannot be: where to read on must not come from it."""
        return moment - self.now() > CLOCKS_DIFFER

    def kept(self, shape: type[Shape], cursor: Cursor) -> Shape:
        """Reads the cursor that a state held.

        Raises:
            UserError: it is none of this source's, as after a slip of an editor or a bad disk.
        """
        try:
            return checked(shape, cursor)
        except InvalidRecord:
            raise self.state.damaged() from None

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
