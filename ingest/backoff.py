"""How long to wait before asking again, and waiting so that we can be stopped meanwhile."""

import random
import time
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Event, Thread
from typing import TypeVar

from ingest.sources import Pause

SLICE_SECONDS = 1.0
"""A source says at least once in this time that it still waits."""
ANSWER_SECONDS = 60.0
"""For a whole answer, whatever trickles in meanwhile."""
Answer = TypeVar("Answer")


class Stopped(Exception):
    """We were asked to stop while we waited for an answer."""


class TooLate(Exception):
    """An answer did not come in time."""

    def __init__(self) -> None:
        super().__init__("no answer in time")


class Backoff:
    """Waits that grow with each failure in a row: `first`, then times `factor`, up to `longest`.

    With `step` they grow by so many seconds instead. `jitter` is the share of a wait that is left
    to chance: 1 gives any wait from none to the whole (full jitter: many clients that failed
    together do not return together), 0.25 never less than three quarters of it, for platforms that
    name a least wait.
    """

    def __init__(
        self,
        first: float,
        factor: float = 2.0,
        longest: float = 60.0,
        jitter: float = 1.0,
        *,
        step: float = 0.0,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._first, self._factor, self._longest = first, factor, longest
        self._jitter, self._step, self._chance = jitter, step, chance
        self._wait = first

    def next(self, retry_after: float | None = None) -> float:
        """Gives the seconds to wait after one more failure.

        Where the platform said how long (`retry_after`), never less than that, and a little more by
        chance.
        """
        wait = min(self._wait, self._longest)
        grown = wait + self._step if self._step else wait * self._factor
        self._wait = min(grown, self._longest)
        if retry_after is not None:
            return retry_after + self._chance() * self._jitter * min(self._first, self._longest)
        return wait - self._chance() * self._jitter * wait

    def reset(self) -> None:
        """Begins anew: what was asked for came."""
        self._wait = self._first


def pauses(seconds: float, stop: Event, reason: str = "") -> Iterator[Pause]:
    """Waits so long, giving a Pause at least each second; ends early when `stop` is set.

    It sleeps by `stop.wait` alone: a test gives an event whose `wait` takes no time.
    """
    left = seconds
    while left > 0 and not stop.is_set():
        yield Pause(reason)
        piece = min(left, SLICE_SECONDS)
        stop.wait(piece)
        left -= piece


def pauses_until(
    moment: datetime, now: Callable[[], datetime], stop: Event, reason: str = ""
) -> Iterator[Pause]:
    """Waits until a moment by the clock on the wall, as `pauses` does; for waits of hours."""
    while (left := (moment - now()).total_seconds()) > 0 and not stop.is_set():
        yield Pause(reason)
        stop.wait(min(left, SLICE_SECONDS))


def answered(
    ask: Callable[[], Answer],
    stop: Event,
    within: float | None = None,
    every: float = SLICE_SECONDS,
) -> Generator[Pause, None, Answer]:
    """Asks in a thread of its own, giving a Pause each second until the answer is here.

    What `ask` raises is raised here.

    Args:
        ask: waits for one answer, however long.
        stop: ends the wait.
        within: seconds, 60 if not given. A client's time-outs begin anew with each byte, not this.
        every: seconds from one Pause to the next.

    Raises:
        Stopped: `stop` was set first; the answer is left to itself.
        TooLate: no answer in so many seconds; it is left to itself.
    """
    answers: list[Answer] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(ask())
        except BaseException as error:  # noqa: BLE001 - raised again by who asked
            errors.append(error)

    within = ANSWER_SECONDS if within is None else within
    until = time.monotonic() + within
    asking = Thread(target=run, name="request", daemon=True)
    asking.start()
    asking.join(min(every, within))
    while asking.is_alive():
        if stop.is_set():
            raise Stopped
        if time.monotonic() >= until:
            raise TooLate
        yield Pause()
        asking.join(every)
    if errors:
        raise errors[0]
    return answers[0]


def retry_after(value: str | None, now: datetime) -> float | None:
    """Reads a `Retry-After` header: seconds, or a date (RFC 9110, 10.2.3); None if it is neither.

    Never negative.
    """
    if value is None:
        return None
    try:
        return max(0.0, float(int(value.strip())))
    except ValueError:
        pass
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - now).total_seconds())
