"""Answers that many viewers share: each made once while all wait for it, and kept for a moment."""

import asyncio
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any

from web.problems import Problem

MOST = 200
"""Answers kept, or being made."""

THREADS = 4
"""Made at once, so that viewers cannot flood Elasticsearch."""


class Cache:
    """Runs blocking functions in a few threads; used from one event loop."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="live")
        self._answers: dict[Hashable, asyncio.Task[Any]] = {}
        self._until: dict[Hashable, float] = {}

    async def get(self, key: Hashable, seconds: float, make: Callable[[], Any]) -> Any:
        """Gives what `make` gives, or gave not long ago.

        It is kept for so many seconds, or for as long as it took to make: what is slow is asked
        for less often. A failure is told to all who wait, and not kept.

        Raises:
            Problem: too many different answers are asked for at once.
        """
        task = self._answers.get(key)
        if task is None or (task.done() and self._until.get(key, 0) < monotonic()):
            self._make_room()
            task = self._answers[key] = asyncio.create_task(self._made(key, seconds, make))
        # Whoever stops waiting must not take the answer from the others.
        return await asyncio.shield(task)

    def close(self) -> None:
        """Lets the threads go; what they still do nobody waits for."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _made(self, key: Hashable, seconds: float, make: Callable[[], Any]) -> Any:
        began = monotonic()
        answer = await asyncio.get_running_loop().run_in_executor(self._threads, make)
        took = monotonic() - began
        self._until[key] = monotonic() + max(seconds, took)
        return answer

    def _make_room(self) -> None:
        now = monotonic()
        for key in [key for key, task in self._answers.items() if task.done()]:
            if self._until.get(key, 0) < now:
                del self._answers[key]
                self._until.pop(key, None)
        if len(self._answers) >= MOST:
            raise Problem(503, "too many views are asked for at once", headers={"Retry-After": "2"})
