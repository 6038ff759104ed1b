"""Posts of X looked up once more: what is gone becomes a deletion, what changed a new observation.

The filtered stream says nothing of deletions, and X's terms want deleted posts gone within a day.
Every post that is still there is billed as a read.
"""

import hashlib
import json
import re
import sys
from collections.abc import Generator, Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import NonNegativeInt

from ingest import x
from ingest.budget import Budget
from ingest.context import Context
from ingest.live.x_api import FIELDS, Api, decoded
from ingest.live.x_refusals import Refused, Unreachable, Waits, problem_in
from ingest.live.x_search import paid, post_ids
from ingest.payloads import Payload
from ingest.sources import Arrival, Cursor, Gap, Pause
from ingest.waiting import pauses, pauses_until
from stream.errors import UserError

MOST_IDS = 100
"""X looks up so many at once."""
GONE = ("resource-not-found", "not-authorized-for-resource")
"""Deleted; or from an account that was suspended or made private, whose posts must go as well."""
_ID = re.compile(r"(?:x:)?([0-9]{1,19})", re.ASCII)


class _Place(Payload):
    """Where to read on, in the cursor."""

    list: str = ""
    done: NonNegativeInt = 0
    later: tuple[x.Id, ...] = ()


class Recheck:
    """The posts of a list of ids, each as X has it now."""

    platform = x.PLATFORM

    def __init__(
        self, api: Api, budget: Budget, context: Context, waits: Waits, file: Path, *, wait: bool
    ) -> None:
        self._api, self._budget, self._context, self._waits = api, budget, context, waits
        self._file, self._wait = file, wait
        self._followed: set[str] = set()
        """Later versions, each looked up once."""

    def read(self, cursor: Cursor | None) -> Iterator[Arrival | Gap | Pause]:
        """Gives deletions and posts, a hundred ids at a time; a crash repeats a hundred at most."""
        every = self._ids()
        name = hashlib.sha256(" ".join(every).encode()).hexdigest()[:16]
        kept = self._context.kept(_Place, (cursor or {}).get("recheck", {}))
        kept = kept if kept.list == name else _Place()
        done, later = min(kept.done, len(every)), list(kept.later)
        self._followed |= set(later)
        try:
            while (left := [*every[done:], *later]) and not self._context.stop.is_set():
                affordable = self._budget.reserve(min(len(left), MOST_IDS))
                if not affordable:
                    yield from self._unaffordable()
                    continue
                some = left[:affordable]
                page = yield from self._looked_up(some)
                if page is None:
                    return
                yield from self._arrivals(page, some)
                listed = min(affordable, len(every) - done)
                done += listed
                later = [*later[affordable - listed :], *self._later(page)]
                # Both are of no more use at the end: the next run looks all of them up anew.
                place = {
                    "list": name,
                    "done": done if [*every[done:], *later] else 0,
                    "later": later,
                }
                yield Arrival(b"", cursor={**(cursor or {}), "recheck": place})
        finally:
            self._budget.settle()

    def _arrivals(self, page: dict[str, Any], asked: list[str]) -> Iterator[Arrival]:
        """Takes an answer apart; of an edited post only its newest version is given."""
        now = self._context.now()
        sighting = self._context.sighting("tweets")
        self._budget.count(post_ids(page, now))
        current = [one for one in _posts(page) if _newest(one) in (None, one.get("id"))]
        if current:
            payload = {**page, "data": current}
            payload.pop("errors", None)
            posts = tuple(x.outcomes(payload, sighting))
            yield Arrival(json.dumps(payload).encode(), posts, f"x tweets {asked[0]}")
        for gone in _gone(page):
            # In the compliance stream's own words, so that an archive can be replayed.
            event = {"event_at": now.isoformat(), "tweet": {"id": gone}}
            payload = {"data": {"delete": event}}
            deletion = tuple(x.outcomes(payload, sighting))
            yield Arrival(json.dumps(payload).encode(), deletion, f"x tweets {gone}")

    def _later(self, page: dict[str, Any]) -> list[str]:
        """Names the later versions of edited posts, to be looked up by their own ids."""
        versions = {_newest(one) for one in _posts(page) if _newest(one) != one.get("id")}
        found = sorted(one for one in versions if one and one not in self._followed)
        self._followed |= set(found)
        return found

    def _looked_up(self, some: list[str]) -> Generator[Pause, None, dict[str, Any] | None]:
        while not self._context.stop.is_set():
            try:
                taken = self._budget.take(len(some))
                asked = partial(self._page, some)
                page = yield from paid(asked, taken, self._budget, self._context)
            except (Refused, Unreachable) as error:
                wait = self._waits.after(error)
                until = self._context.now() + timedelta(seconds=wait)
                reason = f"{error}; looking up again at {until:%H:%M:%S} UTC"
                yield from pauses(wait, self._context.stop, reason)
            else:
                self._waits.reset()
                return page
        return None

    def _page(self, some: list[str]) -> dict[str, Any]:
        return decoded(self._api.get_tweets(some, **FIELDS))

    def _unaffordable(self) -> Iterator[Pause]:
        if not self._wait:
            raise self._budget.refusal()
        until: datetime = self._budget.until
        yield from pauses_until(until, self._context.now, self._context.stop, self._budget.spent())

    def _ids(self) -> list[str]:
        standard_input = str(self._file) == "-"
        try:
            text = sys.stdin.read() if standard_input else self._file.read_text("utf-8")
        except OSError as error:
            raise UserError(f"{self._file}: cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise UserError(f"{self._file}: is not text") from None
        ids = []
        for number, entry in enumerate(text.split(), 1):
            known = _ID.fullmatch(entry)
            if known is None:
                raise UserError(f"{self._file}: entry {number}: no id of X: wanted 123 or x:123")
            ids.append(known[1])
        return list(dict.fromkeys(ids))


def _posts(page: dict[str, Any]) -> list[dict[str, Any]]:
    data = page.get("data")
    return [one for one in data if isinstance(one, dict)] if isinstance(data, list) else []


def _newest(post: dict[str, Any]) -> str | None:
    history = post.get("edit_history_tweet_ids")
    newest = history[-1] if isinstance(history, list) and history else None
    return newest if isinstance(newest, str) and _ID.fullmatch(newest) else None


def _gone(page: dict[str, Any]) -> Iterator[str]:
    errors = page.get("errors")
    for error in errors if isinstance(errors, list) else ():
        gone = error.get("resource_id") if isinstance(error, dict) else None
        if isinstance(gone, str) and _ID.fullmatch(gone) and problem_in(error) in GONE:
            yield gone
