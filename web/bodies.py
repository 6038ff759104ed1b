"""Bodies of requests: bounded in size, in time and in number, so that nobody fills the memory."""

import asyncio
from collections.abc import Iterable

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from web.problems import Problem

JSON = b"application/json"

MAX_BYTES = 4_000_000

MAX_BYTES_AT_ONCE = 200_000_000
"""Of all bodies that are being read or answered."""

SECONDS = 20.0
"""For a body to arrive; who sends it a byte a second would hold a place for days."""


class Bodies:
    """Reads bodies, so many bytes of them at once."""

    def __init__(self, at_once: int = MAX_BYTES_AT_ONCE, seconds: float = SECONDS) -> None:
        self._free, self._seconds = at_once, seconds

    async def read(self, scope: Scope, receive: Receive) -> bytes:
        """Reads the body of a request.

        Raises:
            Problem: it is larger than 4 MB, not said to be JSON, too slow, or one too many.
            ClientDisconnect: whoever asked has gone.
        """
        size = _size(scope["headers"])
        if size > self._free:
            headers = {"Retry-After": "1"}
            raise Problem(429, "too much is being read; come again in 1 s", headers=headers)
        self._free -= size
        try:
            async with asyncio.timeout(self._seconds):
                return await _read(receive)
        except TimeoutError:
            raise Problem(408, f"the body did not arrive in {self._seconds:g} s") from None
        finally:
            self._free += size


def _size(headers: Iterable[tuple[bytes, bytes]]) -> int:
    """How long a body may be: as long as it is said to be, else as long as any."""
    kind = said = b""
    for name, value in headers:  # of those given twice the first counts
        if name == b"content-type":
            kind = kind or value
        elif name == b"content-length":
            said = said or value
    if kind != JSON:
        kind = kind.partition(b";")[0].strip().lower()
        if kind != JSON and not kind.endswith(b"+json"):
            raise Problem(415, "send application/json")
    size = int(said[:12]) if said.isdigit() else MAX_BYTES
    if size > MAX_BYTES:
        raise _too_large()
    return size


async def _read(receive: Receive) -> bytes:
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_BYTES:
            raise _too_large()
        parts.append(part)
        more = message.get("more_body", False)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _too_large() -> Problem:
    return Problem(413, f"the body is larger than {MAX_BYTES:,} bytes: send fewer texts at once")
