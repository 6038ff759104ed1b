"""Server-sent events from an open answer, read by a thread a little ahead of us.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from queue import Empty, Full, Queue
from threading import Event, Thread

import requests
import urllib3

from ingest.live.mastodon_api import Busy

WAITING_EVENTS = 16
"""Events read ahead. When they are not taken, the socket is not read, and the server waits."""
LARGEST = 4_000_000
"""Bytes of one event; a status has a few thousand."""
PIECE = 65_536
CLOSING_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event: its name, and its data as text."""

    name: str
    data: str


class EventStream(AbstractContextManager["EventStream"]):
    """The events of one answer, one after another."""

    def __init__(self, answer: requests.Response) -> None:
        self._answer = answer
        self._read: Queue[ServerEvent | Busy] = Queue(WAITING_EVENTS)
        self._closed = Event()
        self._thread = Thread(target=self._run, name="mastodon stream", daemon=True)
        self._thread.start()

    def next(self, seconds: float) -> ServerEvent | None:
        """Gives the next event, or None if none came in so many seconds.

        Raises:
            Busy: the stream ended, broke, or said nothing for too long.
        """
        try:
            found = self._read.get(timeout=seconds)
        except Empty:
            return None
        if isinstance(found, Busy):
            raise found
        return found

    def close(self) -> None:
        """Ends the connection, also while the thread reads from it."""
        self._closed.set()
        with suppress(OSError, ValueError, RuntimeError):  # it may have ended by itself
            self._answer.raw.shutdown()
        self._thread.join(CLOSING_SECONDS)
        self._answer.close()

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _run(self) -> None:
        try:
            for event in parsed(self._lines()):
                self._put(event)
            self._put(Busy("the stream ended"))
        except (TimeoutError, urllib3.exceptions.ReadTimeoutError):
            self._put(Busy("the stream went silent"))
        except (OSError, ValueError, urllib3.exceptions.HTTPError):
            self._put(Busy("the stream broke"))

    def _put(self, found: ServerEvent | Busy) -> None:
        while not self._closed.is_set():
            with suppress(Full):
                self._read.put(found, timeout=0.2)
                return

    def _lines(self) -> Iterator[str]:
        held = b""
        while not self._closed.is_set():
            piece = self._answer.raw.read1(PIECE)
            if not piece:
                return
            *whole, held = (held + piece).split(b"\n")
            if len(held) > LARGEST:
                raise ValueError("an event is too large")
            for line in whole:
                yield line.removesuffix(b"\r").decode(errors="replace")


def parsed(lines: Iterator[str]) -> Iterator[ServerEvent]:
    """Puts lines together to events; comments, `:thump` among them, say nothing."""
    name, data, size = "", list[str](), 0
    for line in lines:
        field, _colon, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                yield ServerEvent(name or "message", "\n".join(data))
            name, data, size = "", [], 0
        elif field == "event":
            name = value
        elif field == "data":
            data.append(value)
            size += len(value) + 1
            if size > LARGEST:
                raise ValueError("an event is too large")
