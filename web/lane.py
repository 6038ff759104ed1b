"""A thread for long work, one piece at a time; what waits is bounded, so that waits are short."""

import asyncio
import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from time import monotonic
from typing import TypeVar

from stream.metrics import Sample
from web.batching import Overloaded

T = TypeVar("T")

WAITING_CHARACTERS = 800_000
"""Four of the longest texts: a second or two."""

TEXT_COSTS = 500
"""Characters that a text weighs at least: a short one takes a millisecond, too."""


class Lane:
    """Where the words of texts are weighed; used from one event loop."""

    def __init__(self, most: int = WAITING_CHARACTERS) -> None:
        """Makes a lane in which texts of so many characters may be, unless one piece has more."""
        self._most, self._weight, self.refused = most, 0, 0
        self._rate = 4e5  # characters a second, as lately measured
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="lane")

    @contextmanager
    def place(self, weight: int) -> Iterator[None]:
        """Holds a place while the block runs.

        Raises:
            Overloaded: too much is there already.
        """
        if self._weight and self._weight + weight > self._most:
            self.refused += 1
            raise Overloaded(max(1, math.ceil(self._weight / self._rate)))
        self._weight += weight
        try:
            yield
        finally:
            self._weight -= weight

    async def do(self, work: Callable[[], T], weight: int) -> T:
        """Does what a place is held for."""
        timed = partial(self._timed, work, weight)
        return await asyncio.get_running_loop().run_in_executor(self._thread, timed)

    def samples(self) -> Iterator[Sample]:
        """Gives everything that is counted here."""
        yield Sample(
            "emostream_explain_waiting_characters", "gauge", "what waits to be explained",
            self._weight, {},
        )  # fmt: skip
        yield Sample(
            "emostream_explain_refused", "counter", "requests refused because too much waited",
            self.refused, {},
        )  # fmt: skip

    def close(self) -> None:
        """Lets the thread go when it is done."""
        self._thread.shutdown()

    def _timed(self, work: Callable[[], T], weight: int) -> T:
        began = monotonic()
        try:
            return work()
        finally:
            self._rate += 0.2 * (weight / max(monotonic() - began, 1e-6) - self._rate)
