"""How long to wait before what failed is tried again."""

import random
from collections.abc import Callable

LONGEST_WAIT = 5.0
"""Seconds, for Kafka and Elasticsearch: one that is back is written to again soon."""


class Backoff:
    """Waits that double with each failure in a row, from `first` up to `longest` seconds.

    With `step` they grow by so many seconds instead. `jitter` is the share of a wait that is left
    to chance: 1 gives any wait from none to the whole (full jitter: many clients that failed
    together do not return together), 0.25 never less than three quarters of it, for platforms that
    name a least wait.
    """

    def __init__(
        self,
        first: float,
        longest: float = LONGEST_WAIT,
        *,
        jitter: float = 1.0,
        step: float = 0.0,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._first, self._longest = min(first, longest), longest
        self._jitter, self._step, self._chance = jitter, step, chance
        self._wait = self._first

    def next(self, retry_after: float | None = None) -> float:
        """Gives the seconds to wait after one more failure.

        Where we were told how long (`retry_after`), never less than that, and a little more by
        chance.
        """
        wait = self._wait
        grown = wait + self._step if self._step else 2 * wait
        self._wait = min(grown, self._longest)
        if retry_after is not None:
            return retry_after + self._chance() * self._jitter * self._first
        return wait - self._chance() * self._jitter * wait

    def reset(self) -> None:
        """Begins anew, after a success."""
        self._wait = self._first
