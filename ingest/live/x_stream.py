"""X's filtered and sampled streams as a source: connected, watched, connected again, filled up.

A stretch that a dropped connection missed is asked of recent search, over the same rules, while
the new connection already delivers. The cursor has both: the newest post, and what is still missed.
"""

import math
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

from ingest import x
from ingest.ahead import Ahead, Ended
from ingest.budget import BLOCK, Budget
from ingest.context import Context
from ingest.live.x_api import FIELDS, QUEUED_LINES, STALL_SECONDS, Api
from ingest.live.x_fill import Fill
from ingest.live.x_refusals import Refused, Unreachable, Waits, problem_in, told
from ingest.live.x_rules import Rule, active, difference
from ingest.live.x_search import OVERLAP, KeptSpan, not_in_future, paid, post_ids
from ingest.payloads import Payload, parse
from ingest.sightings import Outcome, Refusal
from ingest.sources import Arrival, Cursor, Gap, Pause
from ingest.waiting import TooLate, answered, pauses, pauses_until
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
    search: float = 0.1
    """For a search under way, before we look at the stream again."""


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


class _Place(Payload):
    """Where to read on, in the cursor."""

    newest: x.Id
    missed: tuple[KeptSpan, ...] = ()


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
        """The newest post's id; 0 where what was before the next connection is not wanted."""
        self._fill = Fill(api, budget, context, waits.another(), wanted.patience.search)

    def read(self, cursor: Cursor | None) -> Iterator[Arrival | Gap | Pause]:
        """Gives the posts that arrive; `told` and `Budget` say what ends it."""
        self._others = cursor or {}
        kept = self._others.get(self._wanted.name)
        if kept is not None:
            place = self._context.kept(_Place, kept)
            self._fill.go_on(place.missed)
            if not_in_future([int(place.newest)], self._context):
                self._newest = int(place.newest)
            else:
                yield Gap("the place that was kept is in the future", None, self._context.now())
            if self._fill and not self._wanted.fill:
                yield self._fill.given_up("missed before, and not to be searched (--no-fill)")
        stop = self._context.stop
        try:
            yield from self._check_rules()
            while not stop.is_set():
                yield from self._afford()
                if stop.is_set() or not self._budget.reserve():
                    continue
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
            self._fill.close()
            self._budget.settle()

    def _check_rules(self) -> Iterator[Pause]:
        """Sees that the stream's rules are those declared."""
        while self._wanted.rules is not None and not self._context.stop.is_set():
            try:
                asked = partial(active, self._api)
                found = yield from answered(asked, self._context.stop)
                change = difference(self._wanted.rules, found)
            except (Refused, Unreachable, TooLate) as error:
                late = Unreachable(str(error)) if isinstance(error, TooLate) else error
                wait = self._waits.after(late)
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
        since = x.id_time(self._newest) if self._newest else now()
        yield from pauses_until(self._budget.until, now, self._context.stop, reason)
        if not self._context.stop.is_set():
            yield Gap("the budget was used up", since, now())
            self._newest = 0

    def _connect(self) -> Generator[Pause, None, Ahead[bytes]]:
        """Opens the stream.

        Raises:
            Refused: X answered with an error.
            Unreachable: it did not answer.
            UserError: the sampled stream is not for this token.
        """
        asked: dict[str, Any] = {}
        if self._newest and self._wanted.backfill_minutes:
            missed = self._context.now() - x.id_time(self._newest)
            minutes = max(1, math.ceil(missed.total_seconds() / 60))
            asked["backfill_minutes"] = min(minutes, self._wanted.backfill_minutes)
        stall = self._wanted.patience.stall
        try:
            opening = partial(self._api.connect, self._wanted.route, stall, **asked, **FIELDS)
            taken = self._budget.take(BLOCK)
            return (yield from paid(opening, taken, self._budget, self._context))
        except Refused as error:
            if error.status == 403 and self._wanted.rules is None:
                raise UserError(
                    f"X does not open the sampled stream to the token's project ({error}): "
                    "`x stream --preset random-english` comes near to it"
                ) from None
            raise

    def _connected(self, connection: Ahead[bytes]) -> Generator[Arrival | Gap | Pause, None, str]:
        """Reads one connection to its end; returns why it ended."""
        began, clock = self._context.clock(), self._context.clock
        tick = self._wanted.patience.tick
        try:
            yield from self._note_missed()
            # On the disk before the first post, so that a crash then does not lose it.
            yield Arrival(b"", cursor=self._cursor())
            yield Pause()
            while not self._context.stop.is_set():
                if self._budget.left == 0:
                    for line in connection.rest():
                        yield from self._taken(line)
                    return "the budget is used up"
                due = self._fill.due
                yield from self._taken_in(connection, 0.0 if due else tick)
                if due:
                    yield from self._filled()
        except Ended as ended:
            return str(ended)
        finally:
            connection.close()
            if clock() - began >= STEADY_SECONDS:
                self._waits.reset()
        return "asked to stop"

    def _taken_in(self, connection: Ahead[bytes], timeout: float) -> Iterator[Arrival | Pause]:
        """Takes the lines that are here, after a wait for the first."""
        line = connection.next(timeout)
        if line is None and timeout:
            yield Pause()
        for _ in range(QUEUED_LINES):
            if line is None:
                return
            yield from self._taken(line)
            if self._budget.left == 0:
                return
            line = connection.next(0.0)

    def _note_missed(self) -> Iterator[Gap]:
        """Decides what becomes of the stretch that was missed before this connection."""
        now, wanted = self._context.now(), self._wanted
        if not self._newest:
            self._newest = x.id_at(now - OVERLAP)
            return
        since = x.id_time(self._newest)
        if timedelta(minutes=wanted.backfill_minutes) >= now - since:
            return  # X sends it by itself
        if wanted.rules is None:
            yield Gap("the sampled stream cannot be asked for what it sent before", since, now)
        elif not wanted.fill:
            yield Gap("not connected, and not to be searched (--no-fill)", since, now)
        else:
            # Until a little later than now: our clock need not be X's.
            first, last = x.id_at(since - OVERLAP), x.id_at(now + OVERLAP)
            self._fill.add(
                wanted.rules, first, last, now + timedelta(seconds=wanted.patience.indexed)
            )
        # All before is dealt with: a quiet stream that drops must not ask for it once more.
        self._newest = max(self._newest, x.id_at(now))

    def _filled(self) -> Iterator[Arrival | Gap | Pause]:
        """Gives what was missed, with a cursor from which the search goes on."""
        for one in self._fill.turn():
            yield replace(one, cursor=self._cursor()) if isinstance(one, Arrival) else one

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
        self._newest = max([self._newest, *not_in_future(ids, self._context)])
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

    def _cursor(self) -> Cursor:
        place = {
            "newest": str(self._newest),
            **({"missed": self._fill.places} if self._fill else {}),
        }
        return {**self._others, self._wanted.name: place}
