"""X's filtered and sampled streams as a source: connected, watched, connected again, filled up.

A stretch that a dropped connection missed is asked of recent search, over the same rules, while
the new connection already delivers. Until that is done no cursor is given: a crash in between
begins again at the old one.
"""

import math
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from ingest import x
from ingest.backoff import answered, pauses, pauses_until
from ingest.budget import Budget
from ingest.context import Context
from ingest.live.x_api import FIELDS, Api
from ingest.live.x_connection import QUEUED_LINES, STALL_SECONDS, Connection
from ingest.live.x_refusals import Refused, Unreachable, Waits, problem_in, told
from ingest.live.x_rules import Rule, active, difference
from ingest.live.x_search import OVERLAP, Fill, Search, Span, paid, post_ids
from ingest.payloads import parse
from ingest.sightings import Outcome, Refusal
from ingest.sources import Arrival, Cursor, Gap, Pause
from stream.errors import InvalidRecord, UserError
from stream.posts import Post

STEADY_SECONDS = 60.0
"""A connection that held for so long was a good one."""


@dataclass(frozen=True)
class Patience:
    """How long we wait, in seconds."""

    tick: float = 1.0
    """For a line, before we say that nothing came."""
    stall: float = STALL_SECONDS
    indexed: float = 30.0
    """After a post, until recent search has it."""


@dataclass(frozen=True)
class Wanted:
    """What is streamed, and what is done about a stretch that was missed."""

    rules: Sequence[Rule] | None = None
    """The filtered stream's; None: the sampled stream."""
    language: str | None = None
    """Posts in others are left out; they are billed all the same."""
    fill: bool = True
    backfill_minutes: int = 0
    """What X sends again by itself, where the project may ask for that."""
    wait_for_budget: bool = False
    patience: Patience = Patience()

    @property
    def route(self) -> str:
        """The endpoint."""
        return "/2/tweets/sample/stream" if self.rules is None else "/2/tweets/search/stream"

    @property
    def name(self) -> str:
        """The endpoint's name, for Origin.stream and dead letters."""
        return "sample/stream" if self.rules is None else "search/stream"


class Stream:
    """A stream of X, read for as long as the budget lasts."""

    platform = x.PLATFORM

    def __init__(
        self, api: Api, budget: Budget, context: Context, waits: Waits, wanted: Wanted
    ) -> None:
        self._api, self._budget, self._context = api, budget, context
        self._waits, self._wanted = waits, wanted
        self._others: Cursor = {}
        """What other ways to read X keep in the cursor."""
        self._newest = 0
        """The newest post's id; 0 before the first connection."""
        self._hole: int | None = None
        """The id after which something may be missing still."""

    def read(self, cursor: Cursor | None) -> Iterator[Arrival | Gap | Pause]:
        """Gives the posts that arrive; `told` and `Budget` say what ends it."""
        self._others = cursor or {}
        kept = self._others.get(self._wanted.name)
        if kept:
            self._hole = self._newest = int(kept["newest"])
        stop = self._context.stop
        try:
            yield from self._check_rules()
            while not stop.is_set():
                yield from self._afford()
                error: Refused | Unreachable | None = None
                try:
                    connection = yield from self._connect()
                except (Refused, Unreachable) as caught:
                    error, why = caught, str(caught)
                else:
                    why = yield from self._connected(connection)
                if self._budget.left != 0:
                    wait = self._waits.after(error)
                    yield from pauses(wait, stop, f"{why}; connecting again")
        finally:
            self._budget.settle()

    def _check_rules(self) -> Iterator[Pause]:
        """Sees that the stream's rules are those declared."""
        while self._wanted.rules is not None and not self._context.stop.is_set():
            try:
                asked = partial(active, self._api)
                stop = self._context.stop
                found = yield from answered(asked, stop, Refused, Unreachable)
                change = difference(self._wanted.rules, found)
            except (Refused, Unreachable) as error:
                wait = self._waits.after(error)
                yield from pauses(wait, self._context.stop, f"{error}; asking again")
                continue
            if change:
                raise UserError(
                    f"the stream's rules are not those of the file ({len(change.add)} to add, "
                    f"{len(change.delete)} to delete): see them with `python -m ingest x rules`, "
                    "with the same options, and change them with --apply"
                )
            return

    def _afford(self) -> Iterator[Gap | Pause]:
        """Waits for the next day's budget, or ends; what was posted meanwhile is not asked for."""
        if self._budget.left != 0:
            return
        if not self._wanted.wait_for_budget:
            raise self._budget.refusal()
        now, reason = self._context.now, self._budget.spent()
        since = now() if self._hole is None else x.id_time(self._hole)
        yield from pauses_until(self._budget.until, now, self._context.stop, reason)
        if not self._context.stop.is_set():
            yield Gap("the budget was used up", since, now())
            self._newest, self._hole = x.id_at(now()), None

    def _connect(self) -> Generator[Pause, None, Connection]:
        """Opens the stream.

        Raises:
            Refused: X answered with an error.
            Unreachable: it did not answer.
            UserError: the sampled stream is not for this token.
        """
        asked: dict[str, Any] = {}
        if self._hole is not None and self._wanted.backfill_minutes:
            missed = self._context.now() - x.id_time(self._hole)
            minutes = max(1, math.ceil(missed.total_seconds() / 60))
            asked["backfill_minutes"] = min(minutes, self._wanted.backfill_minutes)
        self._budget.reserve()
        stall = self._wanted.patience.stall
        try:
            opening = partial(self._api.connect, self._wanted.route, stall, **asked, **FIELDS)
            return (yield from paid(opening, self._budget, self._context))
        except Refused as error:
            if error.status == 403 and self._wanted.rules is None:
                raise UserError(
                    f"X does not open the sampled stream to the token's project ({error}): "
                    "`x stream --preset random-english` comes near to it"
                ) from None
            raise

    def _connected(self, connection: Connection) -> Generator[Arrival | Gap | Pause, None, str]:
        """Reads one connection to its end; returns why it ended."""
        began, clock = self._context.clock(), self._context.clock
        tick = self._wanted.patience.tick
        try:
            if not self._newest:
                self._newest = x.id_at(self._context.now() - OVERLAP)
                # On the disk before the first post, so that a crash then does not lose it.
                yield Arrival(b"", cursor=self._cursor())
                yield Pause()
            fill = yield from self._begin_fill()
            while not connection.ended and not self._context.stop.is_set():
                if self._budget.left == 0:
                    for paid in connection.rest():
                        yield from self._taken(paid)
                    return "the budget is used up"
                due = fill is not None and fill.ready <= self._context.now()
                yield from self._taken_in(connection, 0.0 if due else tick)
                if due and fill is not None:
                    yield from fill.step()
                    if fill.done:
                        fill, self._hole = None, None
                        yield Arrival(b"", cursor=self._cursor())
        finally:
            connection.close()
            if self._hole is None:
                self._hole = self._newest
            if clock() - began >= STEADY_SECONDS:
                self._waits.reset()
        return connection.ended

    def _taken_in(self, connection: Connection, timeout: float) -> Iterator[Arrival | Pause]:
        """Takes the lines that are here, after a wait for the first."""
        line = connection.line(timeout)
        if line is None and timeout:
            yield Pause()
        for _ in range(QUEUED_LINES):
            if line is None:
                return
            yield from self._taken(line)
            if self._budget.left == 0:
                return
            line = connection.line(0.0)

    def _begin_fill(self) -> Generator[Gap, None, Fill | None]:
        """Decides what becomes of the stretch that was missed before this connection."""
        if self._hole is None:
            return None
        since, until = x.id_time(self._hole), self._context.now()
        wanted = self._wanted
        if timedelta(minutes=wanted.backfill_minutes) >= until - since:
            self._hole = None  # X sends it by itself
        elif wanted.rules is None:
            yield Gap("the sampled stream cannot be asked for what it sent before", since, until)
            self._hole = None
        elif not wanted.fill:
            yield Gap("not connected, and not to be searched (--no-fill)", since, until)
            self._hole = None
        else:
            # Until a little later than now: our clock need not be X's.
            first, last = str(x.id_at(since - OVERLAP)), str(x.id_at(until + OVERLAP))
            waits = self._waits.another()
            spans = [
                Span(rule.value, rule.tag, since_id=first, until_id=last) for rule in wanted.rules
            ]
            searches = [
                Search(self._api, self._budget, self._context, waits, span) for span in spans
            ]
            ready = until + timedelta(seconds=wanted.patience.indexed)
            return Fill(searches, since, until, ready)
        return None

    def _taken(self, line: bytes) -> Iterator[Arrival | Pause]:
        """Makes of a line what it is: a post, X's word on the connection, or neither."""
        place = f"x {self._wanted.name}"
        try:
            payload = parse(line)
        except InvalidRecord as error:
            yield Arrival(line, (Refusal(str(error)),), place)
            return
        if not isinstance(payload, dict):
            yield Arrival(line, (Refusal("not a JSON object"),), place)
            return
        problem = problem_in(payload)
        if problem and "data" not in payload:
            final = told(Refused(429, problem, None))
            if final is not None:
                raise final
            yield Pause(f"X says {problem}")
            return
        ids = post_ids(payload, self._context.now())
        self._budget.count(ids)
        self._newest = max(self._newest, *ids) if ids else self._newest
        if ids:
            self._waits.reset()
        outcomes = tuple(x.outcomes(payload, self._context.sighting(self._wanted.name)))
        times = [one.created_at for one in outcomes if isinstance(one, Post)]
        yield Arrival(
            line,
            tuple(one for one in outcomes if self._is_wanted(one)),
            f"{place} {ids[0]}" if ids else place,
            self._cursor(),
            max(times, default=None),
        )

    def _is_wanted(self, outcome: Outcome) -> bool:
        language = self._wanted.language
        return not isinstance(outcome, Post) or language is None or outcome.language == language

    def _cursor(self) -> Cursor | None:
        if self._hole is not None:
            return None
        return {**self._others, self._wanted.name: {"newest": str(self._newest)}}
