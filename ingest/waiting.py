"""Waiting, for an answer or for a moment, so that we can be stopped meanwhile."""

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
        Stopped: `stop` was set, before we asked, or before the answer, which is left to itself.
        TooLate: no answer in so many seconds; it is left to itself.
    """
    if stop.is_set():
        raise Stopped
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
