"""X's recent search, page by page: by itself, and for what a stream has missed."""

import json
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from ingest import x
from ingest.backoff import Stopped, answered, pauses_until
from ingest.budget import Budget
from ingest.context import Context
from ingest.live.x_api import FIELDS, Api, decoded
from ingest.live.x_refusals import Refused, Unreachable, Waits, told
from ingest.payloads import moment
from ingest.sources import Arrival, Cursor, Gap, Pause
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


class Spent(Exception):  # noqa: N818
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


class Search:
    """One search, newest posts first. `step` asks for a page; `token` is where the next begins."""

    def __init__(
        self,
        api: Api,
        budget: Budget,
        context: Context,
        waits: Waits,
        span: Span,
    ) -> None:
        self.span = span
        self.token: str | None = None
        self.done = False
        self.newest = 0
        """The highest id among the posts that it gave."""
        self.ready = context.now()
        """When the next page may be asked for."""
        self.waiting = ""
        """Why not earlier."""
        self._api, self._budget, self._context, self._waits = api, budget, context, waits

    def step(self) -> Iterator[Arrival | Gap | Pause]:
        """Asks for one page; after a failure that passes, `ready` says when to ask again.

        Raises:
            Spent: the budget does not cover the page.
            Refused: X refuses the query itself, or us.
        """
        left = self._budget.left
        if left is not None and left < SMALLEST_PAGE:
            raise Spent
        size = LARGEST_PAGE if left is None else min(left, LARGEST_PAGE)
        yield from self._cut_off()
        self._budget.reserve(size)
        try:
            page = yield from paid(lambda: self._page(size), self._budget, self._context)
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

    def _cut_off(self) -> Iterator[Gap]:
        """Begins where search can begin; X refuses a search from before that."""
        span, earliest = self.span, self._context.now() - LOOK_BACK + MARGIN
        began = x.id_time(span.since_id) if span.since_id else span.start
        if began is None or began >= earliest or self.token:
            return
        self.span = replace(span, since_id=None, until_id=None, start=earliest)
        reason = "recent search reaches back seven days only"
        yield Gap(f"{reason} (rule {span.tag})" if span.tag else reason, began, earliest)

    def _arrival(self, page: dict[str, Any]) -> Arrival:
        sighting = self._context.sighting(
            "search/recent", query=None if self.span.tag else self.span.query
        )
        if self.span.tag:
            page = {**page, "matching_rules": [{"tag": self.span.tag}]}
        ids = post_ids(page, self._context.now())
        self._budget.count(ids)
        self.newest = max(self.newest, *ids) if ids else self.newest
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


class Fill:
    """What a stream missed between two posts' ids: a search for each of its rules."""

    def __init__(
        self, searches: Sequence[Search], since: datetime, until: datetime, ready: datetime
    ) -> None:
        self._searches = list(searches)
        self._since, self._until, self._ready = since, until, ready

    @property
    def done(self) -> bool:
        """Whether there is nothing more to ask for."""
        return not self._searches

    @property
    def ready(self) -> datetime:
        """When the next page may be asked for."""
        return max(self._ready, self._searches[0].ready) if self._searches else self._ready

    def step(self) -> Iterator[Arrival | Gap | Pause]:
        """Asks for one page; what cannot be had is a gap."""
        search = self._searches[0]
        try:
            yield from search.step()
        except Spent:
            yield Gap("the budget does not cover what was missed", self._since, self._until)
            self._searches.clear()
            return
        except Refused as error:
            reason = f"recent search refuses rule {search.span.tag} ({error})"
            yield Gap(reason, self._since, self._until)
            search.done = True
        if search.done:
            self._searches.pop(0)


def post_ids(payload: dict[str, Any], now: datetime) -> list[int]:
    """Gives the ids of the posts in a payload; none from the future, which would spoil a cursor."""
    data = payload.get("data")
    items = data if isinstance(data, list) else [data]
    ids = [one.get("id") for one in items if isinstance(one, dict)]
    newest = x.id_at(now + CLOCK_SKEW)
    known = (int(one) for one in ids if isinstance(one, str) and _ID.fullmatch(one))
    return [one for one in known if one < newest]


def paid(
    ask: Callable[[], Answer], budget: Budget, context: Context
) -> Generator[Pause, None, Answer]:
    """Asks for posts, as `answered` does; what was reserved counts if nobody waits for them.

    Raises:
        Refused: X answered with an error.
        Unreachable: it did not answer.
        Stopped: we were asked to stop.
    """
    try:
        return (yield from answered(ask, context.stop, Refused, Unreachable))
    except (Stopped, GeneratorExit):
        budget.forfeit()
        raise


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
        kept = (cursor or {}).get("search", {})
        search = self._resumed(kept if kept.get("query") == self._span.query else {})
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

    def _resumed(self, kept: dict[str, Any]) -> Search:
        span = self._span
        newest = int(kept.get("newest") or kept.get("since_id") or 0)
        if newest:  # what X had not yet indexed then is a little older
            first = x.id_at(x.id_time(newest) - OVERLAP)
            first = max(first, x.id_at(span.start) - 1) if span.start else first
            span = replace(span, since_id=str(first), start=None)
        if kept.get("token"):  # a token stands for a page of exactly this search
            start, end = kept.get("start"), kept.get("end")
            span = replace(
                span,
                since_id=kept.get("since_id"),
                start=moment(start) if start else None,
                end=moment(end) if end else None,
            )
        search = Search(self._api, self._budget, self._context, self._waits, span)
        search.token, search.newest = kept.get("token"), newest
        return search

    def _place(self, search: Search) -> dict[str, Any]:
        """Where to read on: at the next page, or after the last one at what is newer."""
        span = search.span
        if search.done:
            newest = max(search.newest, int(span.since_id or 0))
            return {"query": span.query, "since_id": str(newest) if newest else None}
        return {
            "query": span.query,
            "since_id": span.since_id,
            "start": span.start and span.start.isoformat(),
            "end": span.end and span.end.isoformat(),
            "token": search.token,
            "newest": search.newest,
        }

    def _pauses(self, moment: datetime, reason: str) -> Iterator[Pause]:
        return pauses_until(moment, self._context.now, self._context.stop, reason)
