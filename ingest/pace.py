"""How fast posts are sent."""

import time
from collections.abc import Callable

MAX_LAG_SECONDS = 1.0


class Pace:
    """Spaces posts evenly at a rate.

    After a delay that was not ours (a slow broker, a slow pipe) it goes on at the rate, and does
    not make up for lost time in a burst.
    """

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = 1 / rate if rate else 0.0
        self._clock = clock
        self._due = clock()

    def wait_seconds(self) -> float:
        """Gives the time until the next post is due, and counts that post as sent then."""
        if not self._interval:
            return 0.0
        now = self._clock()
        self._due = max(self._due, now - MAX_LAG_SECONDS)
        wait = self._due - now
        self._due += self._interval
        return max(0.0, wait)
