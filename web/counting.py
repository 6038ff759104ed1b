"""What is counted of requests, and the end of every fault of ours: an answer and a line of log."""

import logging
import time
from collections import Counter
from collections.abc import Collection, Iterator

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stream import logs
from stream.metrics import Histogram, Sample
from web.problems import Problem

logger = logging.getLogger(__name__)

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
OTHER = "other"
"""The page's files, and paths that are not there: a label for each would be one an attacker's."""
METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS"})
GONE = 499
"""Whoever asked went before there was an answer; the number is nginx's."""


class Requests:
    """Counts of requests since the start."""

    def __init__(self, paths: Collection[str]) -> None:
        self._paths = frozenset(paths)
        self._answers: Counter[tuple[str, str, int]] = Counter()
        self._seconds: dict[str, Histogram] = {}

    def place(self, path: str) -> str:
        """Gives the path of a route of ours, else `other`."""
        return path if path in self._paths else OTHER

    def add(self, method: str, path: str, status: int, seconds: float) -> None:
        """Counts one; the path is from `place`."""
        method = method if method in METHODS else OTHER
        self._answers[method, path, status] += 1
        of = self._seconds.get(path)
        if of is None:
            of = self._seconds[path] = Histogram(SECONDS)
        of.observe(seconds)

    def samples(self) -> Iterator[Sample]:
        """Gives everything that is counted here."""
        for (method, path, status), times in list(self._answers.items()):
            yield Sample(
                "emostream_http_requests", "counter", "requests, by answer",
                times, {"method": method, "path": path, "status": str(status)},
            )  # fmt: skip
        for path, seconds in list(self._seconds.items()):
            yield Sample(
                "emostream_http_seconds", "histogram", "from a request to the end of its answer",
                seconds, {"path": path},
            )  # fmt: skip


class Counting:
    """Counts each request and how long it took; outermost, so that no fault passes it."""

    def __init__(self, app: ASGIApp, requests: Requests) -> None:
        self._app, self._requests = app, requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on and its answer back."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, place = 0, self._requests.place(scope["path"])

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        began = time.perf_counter()
        try:
            await self._app(scope, receive, counted)
        except ClientDisconnect:
            pass
        except Exception as error:  # noqa: BLE001 - the end of every request
            # Not `logger.exception`: what a library says in an error may quote a text.
            logger.error("a fault of ours at %s:\n%s", place, logs.trace(error))  # noqa: TRY400
            if not status:
                problem = Problem(500, "the fault is ours; the log says more")
                await problem.response()(scope, receive, counted)
        finally:
            taken = time.perf_counter() - began
            self._requests.add(scope["method"], place, status or GONE, taken)
