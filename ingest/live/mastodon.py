"""Mastodon, live: the public posts that one instance knows of, streamed or polled.

https://docs.joinmastodon.org/methods/streaming/ has no cursor: before a stream and after each break
the timeline (`min_id`) fills the gap. It tells a status's deletion once, to whoever is listening.
"""

import argparse
import hashlib
import json
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote

from ingest import filters, mastodon
from ingest.ahead import Ahead, Ended
from ingest.context import Context
from ingest.filters import Filter
from ingest.live import mastodon_ids as ids
from ingest.live.mastodon_api import PAGE, Busy, Instance, Patience, TokenRefused
from ingest.live.mastodon_stream import LARGEST, WAITING_EVENTS, ServerEvent, events
from ingest.payloads import Payload, parse
from ingest.sightings import Refusal
from ingest.sources import Allowance, Arrival, Cursor, Gap, Pause, Told
from ingest.waiting import Stopped, TooLate, answered, pauses, pauses_until
from stream.backoff import Backoff
from stream.errors import InvalidRecord, UserError
from stream.posts import Post
from stream.settings import Settings

NAME = "mastodon"
HELP = "the public posts that a Mastodon instance knows of"

PAGES = 250
"""Of the timeline that fill one gap: 10,000 statuses, and at most the requests of five minutes."""
FORGOTTEN = timedelta(hours=24)
"""Where the cursor's own status is gone, and so long after it too, the instance has forgotten."""
OVERLAP = timedelta(seconds=60)
"""A status that comes late from elsewhere has the id of the time it was written: after a break, and
at each poll, we read so much once more."""
MOST_OFTEN = 1.0
"""Seconds between two requests that an instance allows without end."""

Answer = TypeVar("Answer")
Given = Iterator[Arrival | Gap | Pause]


class _Place(Payload):
    """Where to read on."""

    instance: mastodon.Instance
    id: mastodon.Id


class Mastodon:
    """The public posts of one instance."""

    platform = mastodon.PLATFORM

    def __init__(
        self,
        instance: Instance,
        wanted: Filter,
        context: Context,
        *,
        local: bool = False,
        poll: float | None = None,
        backoff: Backoff | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._instance, self._wanted, self._context = instance, wanted, context
        self._local, self._poll = local, poll
        self._backoff = backoff or Backoff(first=1.0, longest=300.0)
        self._patience = patience or Patience()
        # One hashtag alone is a stream of its own, answers included.
        alone = len(wanted.hashtags) == 1 and not wanted.keywords
        self._tag = next(iter(wanted.hashtags)) if alone else None
        self._cursor: Cursor | None = None
        self._seen: set[str] = set()
        """Of a poll: the ids not older than OVERLAP that were given already."""

    def read(self, cursor: Cursor | None) -> Given:
        """Gives what the instance shows from the cursor on, for ever."""
        if cursor is not None:
            place = self._context.kept(_Place, cursor)
            if place.instance != self._instance.name:
                raise UserError(
                    f"this crawl read {place.instance} until now: give the one of "
                    f"{self._instance.name} a name of its own with --name"
                )
            if self._is_future(place.id):
                yield Gap("the place that was kept is in the future", None, self._context.now())
                cursor = None
        self._cursor = cursor
        stop = self._context.stop
        while not stop.is_set():
            wait, reason = None, ""
            try:
                yield from self._polled() if self._poll is not None else self._streamed()
            except Stopped:
                return
            except Busy as busy:
                wait, reason = busy.retry_after, f"{self._instance.name}: {busy}; asking again"
            except Ended as ended:
                reason = f"{self._instance.name}: {ended}; asking again"
            if not stop.is_set():
                yield from pauses(self._backoff.next(wait), stop, reason)

    def check(self) -> Told:
        """Asks for the timeline and for the stream."""
        name = self._instance.name
        try:
            version = self._instance.about().get("version", "unknown")
            told = Told([f"{name} runs version {version}"])
            allowed = self._tried(told, lambda: self._timeline(limit=1), "its timeline can be read")
            if self._instance.left is not None:
                told.sentences.append(f"{self._instance.left} requests are left for now")
            allowed |= self._tried(told, lambda: self._open().close(), "it streams to us")
        except Busy as busy:
            raise UserError(
                f"{name} does not answer: {busy} (EMOSTREAM_MASTODON names the instance)"
            ) from None
        if not allowed:
            raise UserError("; ".join(told.sentences))
        return told

    def plan(self) -> Sequence[str]:
        """Says what will be read, and how."""
        whose = "its own people's " if self._local else ""
        where = f"{whose}{self._wanted} that {self._instance.name} shows to everyone"
        if self._poll is None:
            return [f"{where}, streamed; no cost"]
        return [f"{where}, asked for every {self._poll:g} s, without edits and deletions; no cost"]

    def allowances(self) -> Sequence[Allowance]:
        """Gives nothing: an instance bills nothing, and what it allows begins anew all the time."""
        return ()

    def _streamed(self) -> Given:
        """Fills the gap, then follows the stream until it breaks."""
        if self._cursor is None:
            yield from self._begun(limit=1)
        else:  # once more below: it may take long, and who listens must take what comes
            yield from self._filled(OVERLAP)
        if self._context.stop.is_set():
            return
        with closing((yield from self._asked(self._open))) as stream:
            yield from self._filled(last=True)
            while not self._context.stop.is_set():
                event = stream.next(self._patience.tick)
                if event is None:
                    yield Pause()
                    continue
                self._backoff.reset()
                yield self._arrival(event.name, event.data)

    def _begun(self, limit: int) -> Generator[Arrival | Pause, None, list[Any]]:
        """Asks for the newest statuses, of which the oldest is where this crawl begins.

        On the disk before anything is sent, as nobody knows how long that takes, and a crash
        meanwhile must not make the next start begin later.
        """
        page = yield from self._asked(partial(self._timeline, limit=limit))
        found = sorted((one for status in page if (one := ids.id_of(status))), key=ids.order)
        if found or not page:  # an empty timeline is read from its first status on
            first = found[0] if found else "0"
            first = ids.at(self._context.now()) if self._is_future(first) else first
            self._cursor = {"instance": self._instance.name, "id": first}
            yield Arrival(b"", cursor=self._cursor)
            yield Pause()
        return page

    def _polled(self) -> Given:
        """Asks again and again for what is new."""
        while not self._context.stop.is_set():
            if self._cursor is None:
                page = yield from self._begun(limit=PAGE)
                yield from self._told(page)
            else:
                yield from self._filled(OVERLAP)
                least = ids.order(ids.earlier(self._cursor["id"], OVERLAP))
                self._seen = {one for one in self._seen if ids.order(one) >= least}
            self._backoff.reset()
            yield from pauses(self._poll or 0.0, self._context.stop)

    def _filled(self, overlap: timedelta = timedelta(), *, last: bool = False) -> Given:
        """Gives the timeline from the cursor, or a little before, to its end.

        Where that is too far, the next call reads on; after the last one the rest is a gap.
        """
        if self._cursor is None:
            return
        asked = self._cursor["id"]
        since, known = ids.earlier(asked, overlap), not overlap
        for _ in range(PAGES):
            yield from self._rest()
            if self._context.stop.is_set():
                return
            page = yield from self._asked(partial(self._timeline, min_id=since, limit=PAGE))
            found = sorted((i for one in page if (i := ids.id_of(one)) is not None), key=ids.order)
            present = (one for one in found if not self._is_future(one))
            reached = next((one for one in present if ids.order(one) >= ids.order(asked)), None)
            if not known and reached is not None:
                known = True
                yield from self._gap(asked, reached)
            yield from self._told(page)
            if not found or ids.order(found[-1]) <= ids.order(since):
                return
            since = found[-1]
        if last:
            yield Gap(
                f"more than {PAGES * PAGE} statuses that {self._instance.name} had meanwhile",
                ids.time_of(since),
                self._context.now(),
            )

    def _gap(self, asked: str, reached: str) -> Given:
        since, until = ids.time_of(asked), ids.time_of(reached)
        if asked != reached and since and until and until - since > FORGOTTEN:
            yield Gap(f"{self._instance.name} no longer has the statuses of then", since, until)

    def _rest(self) -> Given:
        """Waits where no request is left."""
        until = self._instance.full_until
        if until is not None:
            reason = f"{self._instance.name}: no request is left until {until:%H:%M:%S} UTC"
            yield from pauses_until(until, self._context.now, self._context.stop, reason)

    def _told(self, page: list[Any]) -> Given:
        """Gives the statuses of a page, which has the newest first, as the stream would."""
        for status in reversed(page):
            if self._poll is not None and (number := ids.id_of(status)) is not None:
                if number in self._seen:
                    continue
                self._seen.add(number)
            yield self._arrival("update", json.dumps(status, ensure_ascii=False))

    def _asked(self, ask: Callable[[], Answer]) -> Generator[Pause, None, Answer]:
        try:
            return (yield from answered(ask, self._context.stop))
        except TooLate as late:
            raise Busy(str(late)) from None

    def _timeline(self, **parameters: str | int) -> list[Any]:
        feed = f"tag/{quote(self._tag, safe='')}" if self._tag else "public"
        if self._local:
            parameters["local"] = "true"
        page = self._instance.get(f"/api/v1/timelines/{feed}", **parameters)
        if not isinstance(page, list):
            raise Busy("the timeline is no list")
        return page

    def _open(self) -> Ahead[ServerEvent]:
        kind = "hashtag" if self._tag else "public"
        path = f"/api/v1/streaming/{kind}" + ("/local" if self._local else "")
        answer = self._instance.listen(path, **({"tag": self._tag} if self._tag else {}))
        return Ahead(answer, events, waiting=WAITING_EVENTS, longest=LARGEST)

    def _tried(self, told: Told, ask: Callable[[], object], said: str) -> bool:
        try:
            ask()
        except TokenRefused:
            raise
        except UserError as refused:
            told.sentences.append(str(refused))
            return False
        told.sentences.append(said)
        return True

    def _arrival(self, name: str, data: str) -> Arrival:
        """Reads an event; a status that is new moves the cursor."""
        event = mastodon.wrapped(self._instance.name, name, data)
        sighting = self._context.sighting(f"{self._instance.name}/{self._tag or 'public'}")
        try:
            outcomes = list(mastodon.outcomes(parse(event), sighting))
        except InvalidRecord as error:
            outcomes = [Refusal(str(error))]
        refused = any(isinstance(one, Refusal) for one in outcomes)
        posts = [one for one in outcomes if isinstance(one, Post)]
        if name == "update" and posts:
            self._move(posts[0])
        chosen = [self._wanted.choose(one) if isinstance(one, Post) else one for one in outcomes]
        return Arrival(
            event,
            [one for one in chosen if one is not None],
            place=_place(self._instance.name, event) if refused else "",
            cursor=self._cursor,
            at=posts[0].created_at if name == "update" and posts else None,
        )

    def _is_future(self, status: str) -> bool:
        """Whether an id's time cannot be; after it, all that comes would count as read."""
        time = ids.time_of(status)
        return time is not None and self._context.in_future(time)

    def _move(self, post: Post) -> None:
        status = post.native_id.rpartition("/")[2]
        if self._is_future(status):
            return
        if self._cursor is None or ids.order(status) > ids.order(self._cursor["id"]):
            self._cursor = {"instance": self._instance.name, "id": status}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the filters, and how the instance is read."""
    filters.add_options(parser)
    parser.add_argument(
        "--local", action="store_true", help="only posts of the instance's own people"
    )
    parser.add_argument(
        "--poll",
        type=float,
        metavar="SECONDS",
        help="ask for the timeline every so often: needs no token where the instance shows it to "
        "everyone, but misses edits and deletions",
    )


def make(arguments: argparse.Namespace, settings: Settings, context: Context) -> Mastodon:
    """Makes the source.

    Raises:
        UserError: no instance is named, or asked to ask too often.
    """
    if settings.mastodon is None:
        raise UserError(
            "EMOSTREAM_MASTODON is not set: name an instance whose terms allow to collect posts "
            "(docs/compliance.md)"
        )
    if arguments.poll is not None and not arguments.poll >= MOST_OFTEN:
        raise UserError(f"--poll: must be {MOST_OFTEN:g} seconds or more")
    token = settings.mastodon_token.get_secret_value() if settings.mastodon_token else None
    patience = Patience()
    return Mastodon(
        Instance(settings.mastodon, token, context.now, patience),
        filters.from_options(arguments),
        context,
        local=arguments.local,
        poll=arguments.poll,
        patience=patience,
    )


def _place(instance: str, event: bytes) -> str:
    """Names an event that cannot be read: the same each time it is."""
    return f"{instance}#{hashlib.sha256(event).hexdigest()[:16]}"
