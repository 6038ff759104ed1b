"""A client that asks over and over: `python -m tests.web.bench.client PORT CONNECTIONS SECONDS`.

HTTP/1.1 by hand on uvloop, about 15 µs a request, so that on a core of its own it is not what is
measured. Each connection sends its next request when it has its answer (a closed loop); one that
the server closes is opened again, and that time counts.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import cast

import uvloop

from tests.web.texts import texts

WARM_UP = 1.0
"""Seconds before the first answer that counts."""
OK = b"HTTP/1.1 200"


def requests() -> list[bytes]:
    """One request for each sample post."""
    bodies = [json.dumps({"text": text}).encode() for text in texts()]
    head = b"POST /v1/classify HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return [head + b"Content-Length: %d\r\n\r\n%s" % (len(body), body) for body in bodies]


class Run:
    """What all connections share."""

    def __init__(self, port: int, seconds: float) -> None:
        self.port, self.asked = port, requests()
        self.start = time.perf_counter() + WARM_UP
        self.end = self.start + seconds
        self.times: list[float] = []
        self.answered = self.refused = 0

    async def connect(self, place: int) -> None:
        """Opens a connection that asks from the place-th request on, until the end."""
        loop = asyncio.get_running_loop()
        while time.perf_counter() < self.end:
            began, gone = time.perf_counter(), loop.create_future()
            await loop.create_connection(
                lambda: Asker(self, place, began, gone),  # noqa: B023 - it is made at once
                "127.0.0.1",
                self.port,
            )
            place = await gone


class Asker(asyncio.Protocol):
    """One connection."""

    def __init__(self, run: Run, place: int, began: float, gone: asyncio.Future[int]) -> None:
        self._run, self._place, self._began, self._gone = run, place, began, gone
        self._data = b""
        self._first = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one but says not
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._data += data
        end = self._data.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._data[:end].lower()
        at = head.index(b"\r\ncontent-length:") + 17
        size = int(head[at : head.find(b"\r\n", at) if head.find(b"\r\n", at) > 0 else end])
        if len(self._data) < end + 4 + size:
            return
        now = time.perf_counter()
        self._run.answered += 1
        if self._data.startswith(OK) and now < self._run.end:
            if self._began > self._run.start:
                self._run.times.append(now - self._began)
        elif now < self._run.end:
            self._run.refused += 1
        self._data = b""
        if now > self._run.end or b"\r\nconnection: close" in head:
            self._transport.close()
        else:
            self._ask()

    def connection_lost(self, _error: Exception | None) -> None:
        if not self._gone.done():
            self._gone.set_result(self._place)

    def _ask(self) -> None:
        if not self._first:
            self._began = time.perf_counter()
        self._first = False
        self._place += 1
        self._transport.write(self._run.asked[self._place % len(self._run.asked)])


async def main(port: int, connections: int, seconds: float) -> dict[str, float]:
    """Asks; gives the requests a second and the quantiles of their times in milliseconds."""
    run = Run(port, seconds)
    await asyncio.gather(*(run.connect(37 * number) for number in range(connections)))
    times = sorted(run.times)
    if not times:
        raise SystemExit(f"no answer in {seconds:g} s; {run.refused} refused")
    return {
        "requests": len(times),
        "answered": run.answered,  # the first second's, too
        "refused": run.refused,
        "per_second": round(len(times) / seconds),
        "p50_ms": round(1e3 * times[len(times) // 2], 3),
        "p99_ms": round(1e3 * times[int(len(times) * 0.99)], 3),
    }


if __name__ == "__main__":
    port, connections, seconds = sys.argv[1:]
    print(json.dumps(uvloop.run(main(int(port), int(connections), float(seconds)))))
