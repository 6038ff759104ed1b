"""What X's filtered stream missed while it was not connected, asked of recent search.

Each stretch is searched rule by rule, page by page. The cursor keeps the page: neither another drop
nor another start begins a search anew.
"""

import logging
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from ingest.budget import Budget
from ingest.context import Context
from ingest.live.x_api import Api
from ingest.live.x_refusals import Refused, Waits
from ingest.live.x_rules import Rule
from ingest.live.x_search import SMALLEST_PAGE, KeptSpan, Search, Span, Spent
from ingest.sources import Arrival, Gap, Pause

logger = logging.getLogger(__name__)

SHARE = 2
"""One part in so many of what is left of the budget goes to what was missed, the rest to what is
to come: else a busy rule's past would use up the day, and its present be missed."""
MOST_SEARCHES = 100
"""Stretches of a rule are joined from so many searches on: what lies between is read twice."""

Page = Generator[Arrival | Gap | Pause, None, None]


class Fill:
    """The searches for what was missed, one after another, while the stream already delivers."""

    def __init__(
        self, api: Api, budget: Budget, context: Context, waits: Waits, every: float
    ) -> None:
        """Prepares it; `every` is the seconds for which the stream may wait for a search."""
        self._api, self._budget, self._context, self._waits = api, budget, context, waits
        self._every = every
        self._searches: list[Search] = []
        self._page: Page | None = None
        self._ready = context.now()
        self._kept_back = 0
        """Of the budget, for the stream."""
        self._kept_until: datetime | None = None

    def __bool__(self) -> bool:
        return bool(self._searches)

    def go_on(self, kept: Sequence[KeptSpan]) -> None:
        """Takes the searches that a cursor kept."""
        for one in kept:
            search = self._search(Span.of_kept(one))
            search.go_on(one.token)
            self._searches.append(search)

    def add(self, rules: Sequence[Rule], since_id: int, until_id: int, ready: datetime) -> None:
        """Adds a stretch; not searched for before `ready`, as X indexes some posts late."""
        self._ready = ready
        for rule in rules:
            later = self._later(rule)
            if later is not None and (
                int(later.span.until_id or 0) >= since_id or len(self._searches) >= MOST_SEARCHES
            ):
                later.span = replace(later.span, until_id=str(until_id))
                continue
            span = Span(rule.value, rule.tag, str(since_id), str(until_id))
            self._searches.append(self._search(span))

    @property
    def places(self) -> list[dict[str, Any]]:
        """What a cursor keeps."""
        return [{**one.span.to_json(), "token": one.token} for one in self._searches]

    @property
    def due(self) -> bool:
        """Whether a page is under way, or may be asked for now."""
        if self._page is not None:
            return True
        now = self._context.now()
        return bool(self._searches) and max(self._ready, self._searches[0].ready) <= now

    def turn(self) -> Iterator[Arrival | Gap | Pause]:
        """Gives what is here of the page under way, or asks for one; waits for `every` at most."""
        if self._page is None:
            self._page = self._asked(self._searches[0])
        for one in self._page:
            yield one
            if isinstance(one, Pause):
                return
        self._page = None

    def given_up(self, reason: str) -> Gap:
        """Gives up all searches; what they stood for is a gap."""
        spans = [one.span for one in self._searches]
        self._searches.clear()
        since = min((one.began for one in spans if one.began), default=None)
        return Gap(reason, since, max((one.ends for one in spans if one.ends), default=None))

    def close(self) -> None:
        """Waits no longer for a page under way; it counts as read."""
        if self._page is not None:
            self._page.close()

    def _search(self, span: Span) -> Search:
        return Search(
            self._api,
            self._budget,
            self._context,
            self._waits,
            span,
            left=self._share,
            every=self._every,
        )

    def _later(self, rule: Rule) -> Search | None:
        """Finds the newest search of a rule that has not begun: it can still be made longer."""
        of_rule = [one for one in self._searches if one.span.tag == rule.tag]
        found = of_rule[-1] if of_rule else None
        fits = found is not None and not found.begun and found.span.query == rule.value
        return found if fits else None

    def _asked(self, search: Search) -> Page:
        """Asks for one page; what cannot be had is a gap."""
        try:
            for one in search.step():
                if search.done and isinstance(one, Arrival):
                    self._searches.remove(search)
                yield one
        except Spent:
            yield from self._rest()
        except Refused as error:
            reason = f"recent search refuses rule {search.span.tag} ({error})"
            yield Gap(reason, search.span.began, search.span.ends)
            self._searches.remove(search)
            yield Arrival(b"")

    def _rest(self) -> Iterator[Arrival | Gap]:
        """Leaves the rest to the next day; where no day's share is enough for a page, it is a gap.

        What is then older than search reaches is a gap too, and `Search` says so.
        """
        most = self._budget.limits.most
        if most is None or most // SHARE >= SMALLEST_PAGE:
            self._ready = self._budget.until
            logger.info(
                "what was missed has had its share of the budget (1 in %d of what was left): "
                "searched again at %s UTC",
                SHARE,
                f"{self._ready:%Y-%m-%d %H:%M}",
            )
            return
        yield self.given_up("the budget does not cover what was missed")
        yield Arrival(b"")

    def _share(self) -> int | None:
        """How many posts may go to what was missed: a share of what was left at the day's first."""
        left = self._budget.left
        if left is None:
            return None
        if self._kept_until != self._budget.until:
            self._kept_back, self._kept_until = left - left // SHARE, self._budget.until
        return max(0, left - self._kept_back)
