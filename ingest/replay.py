"""Files of posts to the topics, at a chosen speed, once or in rounds."""

import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from itertools import count
from threading import Event

from ingest.context import utc_now
from ingest.inputs import Input, kept
from ingest.pace import Pace
from ingest.payloads import clean_text
from ingest.reading import Found, read
from ingest.retelling import Retelling
from ingest.sending import Sender
from ingest.shapes import Sight
from ingest.sightings import Sighting
from stream.dead_letters import DeadLetter
from stream.errors import InvalidRecord, UserError
from stream.posts import Origin, Post

PREFIX = "replay-"

# Posts nearer together than the first are sent at once; none waits longer than the second.
SHORTEST_WAIT = 0.005
LONGEST_HOLD = 0.1


@dataclass(frozen=True)
class Plan:
    """What to replay, and how."""

    inputs: Sequence[Input]
    crawl: str
    rate: float = 0.0
    """Posts a second; 0 is as fast as possible."""
    loop: bool = False
    shift_to_now: bool = False
    at: datetime | None = None
    language: str | None = None
    platform: str | None = None
    limit: int | None = None

    @property
    def run(self) -> str:
        """The crawl's short form, which ends the ids of retold posts."""
        return self.crawl.removeprefix(PREFIX)


def new_crawl(now: datetime) -> str:
    """Names a crawl by its second and four random digits."""
    return f"{PREFIX}{now:%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"


class Replay:
    """One run of a plan."""

    def __init__(
        self,
        plan: Plan,
        sender: Sender,
        stop: Event,
        now: Callable[[], datetime] = utc_now,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        self._plan, self._sender, self._stop = plan, sender, stop
        self._now, self._clock = now, clock
        self._wait = wait or stop.wait
        self._pace = Pace(plan.rate, clock)
        self._sight = _sight(plan, now)
        self._told = 0
        self._flushed_at = clock()

    def run(self) -> None:
        """Sends the whole input, round after round, until it ends, is enough, or we must stop.

        Raises:
            UserError: an input cannot be read on; what was read until then has been sent.
            Unsent: we were asked to stop while nothing could be sent.
        """
        started = self._clock()
        try:
            with ExitStack() as copies:
                self._rounds(self._inputs(copies))
            self._sender.flush()
        except UserError:
            self._sender.flush()
            raise
        finally:
            self._sender.counts.seconds = self._clock() - started

    def _inputs(self, copies: ExitStack) -> Sequence[Input]:
        if not (self._plan.loop or self._plan.shift_to_now):
            return self._plan.inputs
        return [copies.enter_context(kept(one, self._stop)) for one in self._plan.inputs]

    def _rounds(self, inputs: Sequence[Input]) -> None:
        shift = self._shift(inputs) if self._plan.shift_to_now else timedelta(0)
        for number in count(1):
            before = self._told
            self._round(inputs, number, self._retelling(number, shift))
            if self._done() or not self._plan.loop or self._told == before:
                return
            self._sender.flush()
            self._sender.new_round()

    def _retelling(self, number: int, shift: timedelta) -> Retelling | None:
        run = self._plan.run
        if self._plan.loop:
            return Retelling(f"~{run}.{number}", shift if number == 1 else None)
        return Retelling(f"~{run}", shift) if self._plan.shift_to_now else None

    def _round(self, inputs: Sequence[Input], number: int, retelling: Retelling | None) -> None:
        for one in read(inputs, self._sight):
            if self._stop.is_set():
                return
            if isinstance(one, DeadLetter):
                self._bury(one, number)
                continue
            self._pause()
            if self._stop.is_set():
                return
            try:
                self._send(one, retelling)
            except InvalidRecord as error:
                self._bury(one.letter("processing", str(error)), number)
            # Before the next is asked for: a pipe may not give it for a long time.
            if self._done():
                return

    def _send(self, found: Found, retelling: Retelling | None) -> None:
        if retelling is not None:
            found = replace(found, record=retelling.of(found.record, self._now()))
        self._told += 1
        self._sender.add(found)

    def _bury(self, letter: DeadLetter, number: int) -> None:
        # The same lines are as bad in every round: one letter each is enough.
        if number == 1:
            self._sender.bury(letter)

    def _pause(self) -> None:
        seconds = self._pace.wait_seconds()
        if seconds < SHORTEST_WAIT:
            return
        now = self._clock()
        if now + seconds - self._flushed_at >= LONGEST_HOLD:
            self._sender.flush()
            self._flushed_at = now
        self._wait(seconds)

    def _done(self) -> bool:
        return self._stop.is_set() or self._told == self._plan.limit

    def _shift(self, inputs: Sequence[Input]) -> timedelta:
        """Reads everything once for how far the newest post is from now."""
        newest: datetime | None = None
        records = 0
        for one in read(inputs, self._sight):
            if self._stop.is_set() or records == self._plan.limit:
                break
            if isinstance(one, Found):
                records += 1
                if isinstance(one.record, Post):
                    newest = max(newest or one.record.created_at, one.record.created_at)
        return self._now() - newest if newest else timedelta(0)


def _sight(plan: Plan, now: Callable[[], datetime]) -> Sight:
    undated = plan.at or now()

    @cache
    def origin(stream: str) -> Origin:
        return Origin(crawl=plan.crawl, stream=clean_text(stream)[-512:])

    def sight(source: Input) -> Sighting:
        return Sighting(
            origin=origin(source.file_name),
            observed_at=now(),
            created_at=undated,
            language=plan.language,
            platform=plan.platform,
        )

    return sight
