"""One open stream of X: its lines, read by a thread, no faster than they are taken."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, Full, Queue
from threading import Event, Thread

import requests
import urllib3

STALL_SECONDS = 30.0
"""X sends a newline at least every 20 seconds; after so long without one the stream is dead."""
QUEUED_LINES = 100
"""Lines that wait for us; beyond, we stop reading and TCP holds X back."""
MAX_LINE = 1_000_000
"""Bytes of one line: far more than a post with everything expanded."""


@dataclass(frozen=True, slots=True)
class _Ended:
    """The stream is over."""

    why: str


class Connection:
    """One open stream: a thread reads its lines into a short queue.

    A full queue stops the thread, so TCP holds X back and nothing piles up here. While the thread
    reads, silence for longer than the stall time ends the stream.
    """

    def __init__(self, response: requests.Response) -> None:
        self._response = response
        self._queue: Queue[bytes | _Ended] = Queue(QUEUED_LINES)
        self._closed = Event()
        self.ended = ""
        """Why it is over; empty while it is not."""
        Thread(target=self._read, name="x stream", daemon=True).start()

    def line(self, timeout: float) -> bytes | None:
        """Gives the next line that is no keep-alive; None after so many seconds, or at the end."""
        if self.ended:
            return None
        try:
            one = self._queue.get(timeout=timeout) if timeout else self._queue.get_nowait()
        except Empty:
            return None
        if isinstance(one, _Ended):
            self.ended = one.why
            return None
        return one

    def close(self) -> None:
        """Ends it; the lines already here can still be read."""
        self._closed.set()
        # It may have ended by itself: then there is no socket, or no connection, any more.
        with suppress(OSError, ValueError, RuntimeError, AttributeError):
            self._response.raw.shutdown()  # wakes the thread, which closes the rest

    def rest(self) -> Iterator[bytes]:
        """Closes it and gives the lines that had come until then."""
        self.close()
        while (one := self.line(0)) is not None:
            yield one

    def _read(self) -> None:
        why = "X closed the stream"
        try:
            for line in _lines(self._response.iter_content(512)):
                if line.strip() and not self._put(line):
                    break
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            timed_out = "timed out" in str(error).lower()
            why = "silent for too long" if timed_out else f"broken off ({type(error).__name__})"
        except (OSError, ValueError, AttributeError):  # closed under our hands
            why = "broken off"
        finally:
            self._response.close()
            self._put(_Ended(why))

    def _put(self, one: bytes | _Ended) -> bool:
        while not self._closed.is_set():
            with suppress(Full):
                self._queue.put(one, timeout=0.5)
                return True
        with suppress(Full):
            self._queue.put_nowait(one)
        return False


def _lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Cuts at newlines; what X sends between two posts to keep the connection is an empty line."""
    held = bytearray()
    for piece in pieces:
        *whole, rest = piece.split(b"\n")
        for line in whole:
            yield bytes(held + line)
            held.clear()
        held += rest
        if len(held) > MAX_LINE:
            raise requests.exceptions.ChunkedEncodingError("a line without an end")
