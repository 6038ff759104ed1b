"""X's recent search, page by page: as a crawl of its own, and for `x_fill`."""

import json
import re
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Self, TypeVar

from pydantic import NonNegativeInt

from ingest import x
from ingest.budget import Budget
from ingest.context import Context
from ingest.live.x_api import FIELDS, Api, decoded
from ingest.live.x_refusals import Refused, Unreachable, Waits, told
from ingest.payloads import Payload, PlatformTime
from ingest.sources import Arrival, Cursor, Gap, Pause
from ingest.waiting import SLICE_SECONDS, Stopped, TooLate, answered, pauses_until
from stream.errors import UserError
from stream.posts import CLOCK_SKEW, Post

LOOK_BACK = timedelta(days=7)
"""How far recent search reaches."""
OVERLAP = timedelta(seconds=30)
"""A stream is not quite in order and seconds late: so much before its newest post is looked at."""
MARGIN = timedelta(minutes=1)
"""Clocks differ, and X refuses a start that is a second too old."""
_ID = re.compile("[0-9]{1,19}", re.ASCII)
SMALLEST_PAGE, LARGEST_PAGE = 10, 100
Answer = TypeVar("Answer")


class KeptSpan(Payload):
    """What a cursor keeps of a search."""

    query: str
    tag: str | None = None
    since_id: x.Id | None = None
    until_id: x.Id | None = None
    start: PlatformTime | None = None
    end: PlatformTime | None = None
    token: str | None = None
    newest: NonNegativeInt | None = None


class Spent(Exception):
    """The budget does not cover one more page."""


@dataclass(frozen=True)
class Span:
    """What is searched: newer than a post or a time, older than a post or a time."""

    query: str
    tag: str | None = None
    """Of the rule that this stands for; its posts say that they matched it."""
    since_id: str | None = None
    until_id: str | None = None
    start: datetime | None = None
    end: datetime | None = None

    @property
    def began(self) -> datetime | None:
        """From when on it searches, where that is said."""
        return x.id_time(self.since_id) if self.since_id else self.start

    @property
    def ends(self) -> datetime | None:
        """Until when it searches, where that is said."""
        return x.id_time(self.until_id) if self.until_id else self.end

    def to_json(self) -> dict[str, Any]:
        """Gives what a cursor keeps."""
        times = {"start": self.start, "end": self.end}
        return {**asdict(self), **{name: at and at.isoformat() for name, at in times.items()}}

    @classmethod
    def of_kept(cls, kept: KeptSpan) -> Self:
        """Reads it back."""
        ids = {"since_id": kept.since_id, "until_id": kept.until_id}
        return cls(kept.query, kept.tag, **ids, start=kept.start, end=kept.end)


class Search:
    """One search, newest posts first. `step` asks for a page; `token` is where the next begins."""

    def __init__(
        self,
        api: Api,
        budget: Budget,
        context: Context,
        waits: Waits,
        span: Span,
        *,
        left: Callable[[], int | None] | None = None,
        every: float = SLICE_SECONDS,
    ) -> None:
        """Prepares it.

        Args:
            api: what is asked.
            budget: what pays for it.
            context: the crawl's stop and clock.
            waits: how long to wait after a failure.
            span: what is searched.
            left: how many posts it may read now, where that is not the whole of the budget.
            every: seconds from one Pause to the next while it waits for a page.
        """
        self.span = span
        self.token: str | None = None
        self.begun = self.done = False
        self.newest = 0
        """The highest id among the posts that it gave."""
        self.ready = context.now()
        """When the next page may be asked for."""
        self.waiting = ""
        """Why not earlier."""
        self._api, self._budget, self._context, self._waits = api, budget, context, waits
        self._left = left or (lambda: budget.left)
        self._every = every

    def go_on(self, token: str | None) -> None:
        """Begins at a page that was kept; at the first where X no longer searches that far back."""
        began = self.span.began
        if began is None or began >= self._earliest():
            self.token = token
            self.begun = token is not None

    def step(self) -> Iterator[Arrival | Gap | Pause]:
        """Asks for one page; after a failure that passes, `ready` says when to ask again.

        Raises:
            Spent: the budget does not cover the page.
            Refused: X refuses the query itself, or us.
        """
        left = self._left()
        size = self._budget.take(LARGEST_PAGE if left is None else min(left, LARGEST_PAGE))
        if size < SMALLEST_PAGE:
            self._budget.give_back(size)
            raise Spent
        self.begun = True
        yield from self._cut_off()
        if self.done:
            self._budget.give_back(size)
            yield Arrival(b"")
            return
        try:
            asked = partial(self._page, size)
            page = yield from paid(asked, size, self._budget, self._context, self._every)
        except (Refused, Unreachable) as error:
            if isinstance(error, Refused) and told(error) is not None:
                raise
            wait = self._waits.after(error)
            self.ready = self._context.now() + timedelta(seconds=wait)
            self.waiting = f"{error}; searching again at {self.ready:%H:%M:%S} UTC"
            return
        self._waits.reset()
        self.waiting = ""
        yield self._arrival(page)

    def _page(self, size: int) -> dict[str, Any]:
        query, where = self.span.query, self._where()
        return decoded(self._api.search_recent_tweets(query, max_results=size, **where, **FIELDS))

    def _where(self) -> dict[str, Any]:
        span = self.span
        asked = {
            "since_id": span.since_id,
            "until_id": span.until_id,
            "start_time": span.start,
            "end_time": span.end,
            "next_token": self.token,
        }
        return {name: value for name, value in asked.items() if value is not None}

    def _earliest(self) -> datetime:
        return self._context.now() - LOOK_BACK + MARGIN

    def _cut_off(self) -> Iterator[Gap]:
        """Begins where search can begin; X refuses a search from before that."""
        span, earliest, began = self.span, self._earliest(), self.span.began
        if began is None or began >= earliest or self.token:
            return
        ends = span.ends
        self.done = ends is not None and ends <= earliest
        reason = "recent search reaches back seven days only"
        reason = f"{reason} (rule {span.tag})" if span.tag else reason
        yield Gap(reason, began, ends if self.done else earliest)
        self.span = replace(span, since_id=None, until_id=None, start=earliest, end=ends)

    def _arrival(self, page: dict[str, Any]) -> Arrival:
        sighting = self._context.sighting(
            "search/recent", query=None if self.span.tag else self.span.query
        )
        if self.span.tag:
            page = {**page, "matching_rules": [{"tag": self.span.tag}]}
        ids = post_ids(page, self._context.now())
        self._budget.count(ids)
        self.newest = max([self.newest, *not_in_future(ids, self._context)])
        meta = page.get("meta")
        self.token = meta.get("next_token") if isinstance(meta, dict) else None
        self.done = not self.token
        outcomes = tuple(x.outcomes(page, sighting)) if "data" in page else ()
        times = [one.created_at for one in outcomes if isinstance(one, Post)]
        return Arrival(
            json.dumps(page).encode(),
            outcomes,
            f"x search/recent {ids[0] if ids else 'empty'}",
            at=max(times, default=None),
        )


def post_ids(payload: dict[str, Any], now: datetime) -> list[int]:
    """Gives the ids of the posts in a payload, for the budget; none that X cannot have given."""
    data = payload.get("data")
    items = data if isinstance(data, list) else [data]
    ids = [one.get("id") for one in items if isinstance(one, dict)]
    newest = x.id_at(now + CLOCK_SKEW)
    known = (int(one) for one in ids if isinstance(one, str) and _ID.fullmatch(one))
    return [one for one in known if one < newest]


def not_in_future(ids: Iterable[int], context: Context) -> list[int]:
    """Leaves out ids whose time cannot be: after one, all that comes would count as read."""
    return [one for one in ids if not context.in_future(x.id_time(one))]


def paid(
    ask: Callable[[], Answer],
    taken: int,
    budget: Budget,
    context: Context,
    every: float = SLICE_SECONDS,
) -> Generator[Pause, None, Answer]:
    """Asks for posts, as `answered` does; what was taken counts if nobody waits for them.

    Raises:
        Refused: X answered with an error.
        Unreachable: it did not answer, or not in time.
        Stopped: we were asked to stop.
    """
    if context.stop.is_set():
        budget.give_back(taken)
        raise Stopped
    try:
        answer = yield from answered(ask, context.stop, every=every)
    except (Refused, Unreachable):
        budget.give_back(taken)
        raise
    except TooLate as late:
        budget.give_back(taken)
        raise Unreachable(str(late)) from None
    budget.give_back(taken)
    return answer


class RecentSearch:
    """One search as a crawl: it ends when there is no more, and the next goes on from its newest.

    The cursor keeps X's page token, which does not expire: a crash repeats a page at most.
    """

    platform = x.PLATFORM

    def __init__(
        self, api: Api, budget: Budget, context: Context, waits: Waits, span: Span, *, wait: bool
    ) -> None:
        self._api, self._budget, self._context, self._waits = api, budget, context, waits
        self._span, self._wait = span, wait

    def read(self, cursor: Cursor | None) -> Iterator[Arrival | Gap | Pause]:
        """Gives the pages; `Budget` and `told` say what ends it."""
        search = self._resumed((cursor or {}).get("search"))
        try:
            while not search.done and not self._context.stop.is_set():
                yield from self._pauses(search.ready, search.waiting)
                try:
                    for one in search.step():
                        place = {**(cursor or {}), "search": self._place(search)}
                        yield replace(one, cursor=place) if isinstance(one, Arrival) else one
                except Refused as error:
                    raise told(error) or UserError(f"X refuses the search ({error})") from None
                except Spent:
                    if not self._wait:
                        raise self._budget.refusal() from None
                    yield from self._pauses(self._budget.until, self._budget.spent())
        finally:
            self._budget.settle()

    def _resumed(self, place: Any) -> Search:
        span = self._span
        kept = KeptSpan(query=span.query)
        if place is not None and (one := self._context.kept(KeptSpan, place)).query == span.query:
            kept = one
        last = kept.newest or int(kept.since_id or 0)
        newest = max([0, *not_in_future([last], self._context)])
        if newest:  # what X had not yet indexed then is a little older
            first = x.id_at(x.id_time(newest) - OVERLAP)
            first = max(first, x.id_at(span.start) - 1) if span.start else first
            span = replace(span, since_id=str(first), start=None)
        if kept.token:  # a token stands for a page of exactly this search
            span = Span.of_kept(kept)
        search = Search(self._api, self._budget, self._context, self._waits, span)
        search.newest = newest
        search.go_on(kept.token)
        return search

    def _place(self, search: Search) -> dict[str, Any]:
        """Where to read on: at the next page, or after the last one at what is newer."""
        span = search.span
        if search.done:
            newest = max(search.newest, int(span.since_id or 0))
            return {"query": span.query, "since_id": str(newest) if newest else None}
        return {**span.to_json(), "token": search.token, "newest": search.newest}

    def _pauses(self, moment: datetime, reason: str) -> Iterator[Pause]:
        return pauses_until(moment, self._context.now, self._context.stop, reason)
