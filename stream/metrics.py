"""What every station counts: received, sent, discarded by stage."""

import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

logger = logging.getLogger(__name__)

REPORT_SECONDS = 10.0


@dataclass
class Counters:
    """Counts of one station since it started; `report` logs them."""

    station: str
    clock: Callable[[], float] = time.monotonic
    received: int = 0
    sent: int = 0
    batches: int = 0
    pressed: int = 0
    discarded: Counter[str] = field(default_factory=Counter)
    _reported_at: float = field(default=0.0, init=False)
    _reported_received: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._reported_at = self.clock()

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
