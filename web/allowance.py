"""How much one asker may send: so many texts a second, more for a moment."""

import math
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

BURST_SECONDS = 10.0
"""Texts of so many seconds may come at once."""

ASKERS = 10_000
"""Remembered; of more, the one that has been away the longest is forgotten."""


class Allowance:
    """One asker's.

    Whoever owes nothing may ask, also for more texts than are left, and then owes them: so a low
    rate does not forbid large requests, it spaces them.
    """

    def __init__(self, rate: float, clock: Callable[[], float] = monotonic) -> None:
        self._rate, self._clock = rate, clock
        self._left, self._at = rate * BURST_SECONDS, clock()

    def wait(self) -> int:
        """Gives the whole seconds until the asker may ask again; 0: now."""
        now = self._clock()
        grown = self._left + (now - self._at) * self._rate
        self._left, self._at = min(self._rate * BURST_SECONDS, grown), now
        return math.ceil(max(0.0, -self._left) / self._rate)

    def take(self, texts: float) -> None:
        """Counts texts, or what costs as much."""
        self._left -= texts


class Allowances:
    """Everybody's, by name or address."""

    def __init__(self) -> None:
        self._of: OrderedDict[str, Allowance] = OrderedDict()

    def of(self, asker: str, rate: float) -> Allowance:
        """Gives the allowance of one."""
        one = self._of.get(asker)
        if one is None:
            one = self._of[asker] = Allowance(rate)
            if len(self._of) > ASKERS:
                self._of.popitem(last=False)
        self._of.move_to_end(asker)
        return one
