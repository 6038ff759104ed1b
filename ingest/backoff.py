"""How long to wait before asking again, and waiting so that we can be stopped meanwhile."""

import random
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Event, Thread
from typing import TypeVar

from ingest.sources import Pause

SLICE_SECONDS = 1.0
"""A source says at least once in this time that it still waits."""
Answer = TypeVar("Answer")


class Stopped(Exception):  # noqa: N818 - what it means, not that it is an error
    """We were asked to stop while we waited for an answer."""


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
    ask: Callable[[], Answer], stop: Event, *failures: type[Exception]
) -> Generator[Pause, None, Answer]:
    """Asks in a thread of its own, giving a Pause each second until the answer is here.

    Raises:
        Stopped: `stop` was set first; the answer is left to itself.
        Exception: one of `failures`, if `ask` raised it.
    """
    answers: list[Answer] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            answers.append(ask())
        except failures as error:
            errors.append(error)

    asking = Thread(target=run, name="request", daemon=True)
    asking.start()
    asking.join(SLICE_SECONDS)
    while asking.is_alive():
        if stop.is_set():
            raise Stopped
        yield Pause()
        asking.join(SLICE_SECONDS)
    if errors:
        raise errors[0]
    (answer,) = answers  # empty only if our own code failed: the thread's traceback is shown
    return answer


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
