"""The events of Mastodon's streams: server-sent events.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

from collections.abc import Iterator
from dataclasses import dataclass

WAITING_EVENTS = 16
"""Events read ahead. When they are not taken, the socket is not read, and the server waits."""
LARGEST = 4_000_000
"""Bytes of one event; a status has a few thousand."""


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event: its name, and its data as text."""

    name: str
    data: str


def events(lines: Iterator[bytes]) -> Iterator[ServerEvent]:
    """Gives the events in the lines of an answer."""
    return parsed(line.removesuffix(b"\r").decode(errors="replace") for line in lines)


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
