"""Bluesky, live: every public post of the network, from a Jetstream server, without a key.

The v1 wire, one JSON event a frame: https://github.com/bluesky-social/jetstream. The cursor is the
time at which the server saw an event; a server replays from it on, that event included, but no
further back than it keeps (36 hours by default), and says nothing when it starts later than asked.
"""

import argparse
import hashlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import urlencode, urlsplit

from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from ingest import bluesky, filters
from ingest.bluesky import TimeUs
from ingest.context import Context
from ingest.filters import Filter
from ingest.payloads import Payload, parse
from ingest.sightings import Outcome, Refusal
from ingest.sources import Allowance, Arrival, Cursor, Gap, Pause, Told
from ingest.waiting import Stopped, TooLate, answered, pauses, retry_after
from stream.backoff import Backoff
from stream.errors import InvalidRecord, UserError
from stream.posts import Post
from stream.settings import Settings

logger = logging.getLogger(__name__)

NAME = "bluesky"
HELP = "every public post of Bluesky, live; no key needed"

TOLERANCE = timedelta(seconds=60)
"""A first event so much later than the cursor means that posts are missing: thousands come in
a minute, whatever their language, and accounts change all the time."""
REWIND = timedelta(seconds=5)
"""Each server has its own clock: at another one we read so much once more."""
LARGEST = 1_000_000
"""Bytes of an event; the server leaves larger ones out. A post has a few thousand."""
OPEN_SECONDS = 5.0
WAITING_FRAMES = 16
"""Frames read ahead. When they are not taken, the socket is not read, and the server waits."""

OLDEST = 10**15
"""The least cursor that is a time: the server begins with the oldest event it has."""
REFUSED = (400, 401, 403, 404)
STREAM = f"jetstream/{bluesky.POSTS}"


@dataclass(frozen=True)
class Patience:
    """How long to wait for what, in seconds."""

    tick: float = 1.0
    """Between two signs of life while nothing comes."""
    silence: float = 30.0
    """Without an event, after which the connection counts as stalled."""


class _Place(Payload):
    """Where to read on."""

    time_us: TimeUs
    server: str


class Bluesky:
    """The posts of one Jetstream server at a time; another takes over when it fails."""

    platform = bluesky.PLATFORM

    def __init__(
        self,
        servers: Sequence[str],
        wanted: Filter,
        context: Context,
        backoff: Backoff | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._servers, self._wanted, self._context = servers, wanted, context
        self._backoff = backoff or Backoff(first=1.0, longest=60.0)
        self._patience = patience or Patience()
        self._turn = 0
        self._told_of_future = False

    def read(self, cursor: Cursor | None) -> Iterator[Arrival | Gap | Pause]:
        """Gives each event from the cursor on, for ever."""
        stop = self._context.stop
        if cursor is not None:
            place = self._context.kept(_Place, cursor)
            if self._context.in_future(_moment(place.time_us)):
                # A server would begin with now, and say nothing.
                yield Gap("the place that was kept is in the future", None, self._context.now())
                cursor = None
        while not stop.is_set():
            server = self._servers[self._turn % len(self._servers)]
            start = _start(cursor, server)
            wait, reason = None, ""
            try:
                with (yield from answered(partial(_open, server, start), stop)) as socket:
                    newest = cursor["time_us"] if cursor else 0
                    for one in self._events(socket, server, start, newest):
                        if isinstance(one, Arrival) and one.cursor:
                            self._backoff.reset()
                            cursor = one.cursor
                        yield one
                    reason = f"no event for {self._patience.silence:.0f} s"
            except Stopped:
                return
            except InvalidStatus as error:
                wait, reason = self._refused(error, server)
            except (OSError, WebSocketException, TooLate) as error:
                reason = _failure(error)
            self._turn += 1
            if not stop.is_set():
                reason = f"{_host(server)}: {reason}; connecting again"
                yield from pauses(self._backoff.next(wait), stop, reason)

    def check(self) -> Told:
        """Reads the oldest event that each server still has."""
        told = Told()
        answers = 0
        for server in self._servers:
            try:
                with _open(server, OLDEST) as socket:
                    oldest = bluesky.event(parse(_receive(socket, OPEN_SECONDS))).time
            except (OSError, WebSocketException, InvalidRecord) as error:
                told.sentences.append(f"{_host(server)} does not answer: {_failure(error)}")
            else:
                answers += 1
                hours = (self._context.now() - oldest) / timedelta(hours=1)
                told.sentences.append(f"{_host(server)} answers, and keeps the last {hours:.1f} h")
        if not answers:
            raise UserError(
                f"{'; '.join(told.sentences)} (EMOSTREAM_BLUESKY_JETSTREAM names the servers)"
            )
        told.sentences.append("Jetstream asks for no key and bills nothing")
        return told

    def plan(self) -> Sequence[str]:
        """Says what will be read, and from where."""
        return [f"{self._wanted} from {_host(self._servers[0])}; no key, no cost"]

    def allowances(self) -> Sequence[Allowance]:
        """Gives nothing: nothing is used up."""
        return ()

    def _events(
        self, socket: ClientConnection, server: str, start: int | None, newest: int
    ) -> Iterator[Arrival | Gap | Pause]:
        """Gives the events of one connection, until it is silent for too long."""
        silent, first = 0.0, True
        while not self._context.stop.is_set() and silent < self._patience.silence:
            try:
                data = _receive(socket, self._patience.tick)
            except TimeoutError:
                # Counted in what we waited, so that a slow taker is no silence.
                silent += self._patience.tick
                yield Pause()
                continue
            silent = 0.0
            arrival, seen = self._arrival(data, server, newest)
            if seen is not None:
                if not newest:
                    # A first start: on the disk before it is sent, as nobody knows how long that
                    # takes, and a crash meanwhile must not make the next start begin later.
                    yield Arrival(b"", cursor={"time_us": seen, "server": server})
                    yield Pause()
                if first and start is not None and (gap := _gap(start, seen, server)):
                    yield gap
                newest, first = max(newest, seen), False
            yield arrival

    def _arrival(self, data: bytes, server: str, newest: int) -> tuple[Arrival, int | None]:
        """Reads an event; with it when the server saw it, if that can be told.

        Read once more from a little before, it leaves the cursor where it is.
        """
        sighting = self._context.sighting(STREAM)
        outcomes: list[Outcome] = []
        seen = None
        try:
            payload = parse(data)
            event = bluesky.event(payload)
            seen = None if self._is_future(event) else event.time_us
            outcomes = self._chosen(bluesky.outcomes(payload, sighting))
        except InvalidRecord as error:
            outcomes = [Refusal(str(error))]
        refused = any(isinstance(one, Refusal) for one in outcomes)
        arrival = Arrival(
            data,
            outcomes,
            place=_place(server, data) if refused else "",
            cursor={"time_us": seen, "server": server} if seen and seen > newest else None,
            at=_moment(seen) if seen else None,
        )
        return arrival, seen

    def _is_future(self, event: bluesky.Event) -> bool:
        """Whether the place must not move there; says so once: our own clock may be wrong."""
        future = self._context.in_future(event.time)
        if future and not self._told_of_future:
            self._told_of_future = True
            ahead = (event.time - self._context.now()) / timedelta(minutes=1)
            logger.warning(
                "an event is %.0f min ahead of this machine's clock: where to read on stays behind "
                "it; if the clock is wrong, set it",
                ahead,
            )
        return future

    def _chosen(self, outcomes: Iterator[Outcome]) -> list[Outcome]:
        """Leaves out the posts that are not wanted.

        Never a deletion: whether its post was wanted cannot be told any more.
        """
        chosen = (self._wanted.choose(one) if isinstance(one, Post) else one for one in outcomes)
        return [one for one in chosen if one is not None]

    def _refused(self, error: InvalidStatus, server: str) -> tuple[float | None, str]:
        status = error.response.status_code
        if status in REFUSED:
            raise UserError(
                f"bluesky: {_host(server)} refuses us (HTTP {status}): "
                "EMOSTREAM_BLUESKY_JETSTREAM names the servers"
            ) from None
        wait = retry_after(error.response.headers.get("Retry-After"), self._context.now())
        return wait, f"HTTP {status}"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the filters."""
    filters.add_options(parser)


def make(arguments: argparse.Namespace, settings: Settings, context: Context) -> Bluesky:
    """Makes the source."""
    servers = [one.strip().rstrip("/") for one in settings.bluesky_jetstream.split(",")]
    return Bluesky(servers, filters.from_options(arguments), context)


def _open(server: str, start: int | None) -> ClientConnection:
    """Connects; a pause in reading must not end it, so no pings of ours ask for an answer."""
    query: dict[str, str | int] = {
        "wantedCollections": bluesky.POSTS,
        "maxMessageSizeBytes": LARGEST,
    }
    if start is not None:
        query["cursor"] = start
    return connect(
        f"{server}/subscribe?{urlencode(query)}",
        open_timeout=OPEN_SECONDS,
        close_timeout=1.0,
        ping_interval=None,
        compression=None,  # the servers offer none on this wire
        max_size=4 * LARGEST,
        max_queue=WAITING_FRAMES,
        user_agent_header="emostream",
    )


def _receive(socket: ClientConnection, seconds: float) -> bytes:
    data = socket.recv(timeout=seconds, decode=False)
    return data if isinstance(data, bytes) else data.encode()


def _start(cursor: Cursor | None, server: str) -> int | None:
    """Gives the time to read from, in microseconds."""
    if cursor is None:
        return None
    same = cursor.get("server") == server
    return int(cursor["time_us"]) - (0 if same else REWIND // timedelta(microseconds=1))


def _gap(start: int, first: int, server: str) -> Gap | None:
    since, until = _moment(start), _moment(first)
    if until - since <= TOLERANCE:
        return None
    return Gap(f"{_host(server)} has no events of that time", since, until)


def _moment(time_us: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)


def _place(server: str, data: bytes) -> str:
    """Names an event that cannot be read: the same each time it is."""
    return f"{_host(server)}#{hashlib.sha256(data).hexdigest()[:16]}"


def _host(server: str) -> str:
    return urlsplit(server).netloc


def _failure(error: Exception) -> str:
    if isinstance(error, ConnectionClosed):
        told = error.rcvd
        return f"closed by the server ({told.reason or told.code})" if told else "connection broken"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
