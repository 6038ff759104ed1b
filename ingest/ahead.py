"""What an open answer gives, line by line, read by a thread a little ahead of us."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Generic, TypeVar

import requests
import urllib3

PIECE = 65_536
Item = TypeVar("Item")


class Ended(Exception):
    """The answer is over; the message says why."""


class Ahead(Generic[Item]):
    """The items of one open answer, one after another.

    A thread reads them into a short queue. A full queue stops the thread, so TCP holds the server
    back and nothing piles up here. While the thread reads, silence for longer than the time-out of
    the answer's socket ends it.
    """

    def __init__(
        self,
        answer: requests.Response,
        read: Callable[[Iterator[bytes]], Iterator[Item]],
        *,
        waiting: int,
        longest: int,
    ) -> None:
        """Begins to read.

        Args:
            answer: open; closed when all is read.
            read: makes items of its lines, which come without their end.
            waiting: the most items that wait for us.
            longest: bytes of a line; a longer one is not held, and ends the answer.
        """
        self._answer, self._read, self._longest = answer, read, longest
        self._queue: Queue[Item | Ended] = Queue(waiting)
        self._closed = Event()
        self._ended: Ended | None = None
        Thread(target=self._run, name="stream", daemon=True).start()

    def next(self, seconds: float) -> Item | None:
        """Gives the next item, or None if none came in so many seconds.

        Raises:
            Ended: the answer ended, broke, or said nothing for too long.
        """
        if self._ended is None:
            try:
                one = self._queue.get(timeout=seconds) if seconds else self._queue.get_nowait()
            except Empty:
                return None
            if not isinstance(one, Ended):
                return one
            self._ended = one
        raise self._ended

    def close(self) -> None:
        """Ends it; the items already here can still be taken."""
        self._closed.set()
        # It may have ended by itself: then there is no socket, or no connection, any more.
        with suppress(OSError, ValueError, RuntimeError, AttributeError):
            self._answer.raw.shutdown()  # wakes the thread, which closes the rest

    def rest(self) -> Iterator[Item]:
        """Closes it and gives the items that had come until then."""
        self.close()
        with suppress(Ended):
            while (one := self.next(0.0)) is not None:
                yield one

    def _run(self) -> None:
        why = "the stream ended"
        try:
            for one in self._read(self._lines()):
                if not self._put(one):
                    break
        except (TimeoutError, urllib3.exceptions.ReadTimeoutError):
            why = "the stream went silent"
        # ValueError, AttributeError: a line that is too long, or closed under our hands.
        except (OSError, ValueError, AttributeError, urllib3.exceptions.HTTPError) as error:
            why = f"the stream broke ({type(error).__name__})"
        finally:
            self._answer.close()
            self._put(Ended(why))

    def _put(self, one: Item | Ended) -> bool:
        while not self._closed.is_set():
            with suppress(Full):
                self._queue.put(one, timeout=0.2)
                return True
        with suppress(Full):
            self._queue.put_nowait(one)
        return False

    def _lines(self) -> Iterator[bytes]:
        held = bytearray()
        while piece := self._answer.raw.read1(PIECE, decode_content=True):
            *whole, rest = piece.split(b"\n")
            for line in whole:
                yield bytes(held + line)
                held.clear()
            held += rest
            if len(held) > self._longest:
                raise ValueError("a line is too long")
