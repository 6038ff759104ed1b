"""A Jetstream server that speaks the v1 wire: https://github.com/bluesky-social/jetstream.

It replays from the cursor on, inclusively; a cursor older than what it keeps is clamped silently,
and one from the future means what none does: only what comes from now on.
"""

import json
import socket
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from threading import Condition, Thread
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

DID = "did:plc:fakefakefakefake"
POSTS = "app.bsky.feed.post"
MILLISECOND, SECOND = 1000, 1_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class FakeBluesky:
    """Everything that was ever published, told to whoever connects."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.requests: list[dict[str, list[str]]] = []
        """The query of each connection that was asked for."""
        self.sent = 0
        """Frames that went out."""
        self.began = self.time_us = self._present()
        self._events: list[tuple[int, str | bytes]] = []
        self._answers: list[tuple[int, Mapping[str, str]]] = []
        self._kept_from = 0
        self._posts = self._era = 0
        self._stalled = self._closed = self._hanging = False
        self.fresh = False
        """Whether a first crawl gets only what comes after it connected, as the server does it."""
        self.secret: str | None = None
        self._changed = Condition()
        self._server: Server = serve(
            self._tell, "127.0.0.1", 0, process_request=self._refuse, compression=None
        )
        self._thread = Thread(target=self._server.serve_forever, daemon=True)

    @property
    def address(self) -> str:
        """What EMOSTREAM_BLUESKY_JETSTREAM would be."""
        host, port = self._server.socket.getsockname()
        return f"ws://{host}:{port}"

    def publish(self, texts: Sequence[str], **record: Any) -> list[str]:
        """Publishes a post for each text; gives their native ids."""
        return [self._post(text, record) for text in texts]

    def late(self, text: str, seconds: float) -> str:
        """Publishes a post that its author's device wrote so long ago."""
        written = self._now() - timedelta(seconds=seconds)
        return self._post(text, {"createdAt": written.isoformat()})

    def early(self, text: str, seconds: float) -> str:
        """Publishes a post that the server stamps so much later; what follows is of now."""
        return self._post(text, {}, time_us=self._present() + int(seconds * SECOND))

    def delete(self, native_id: str) -> None:
        """Deletes a post."""
        self.tell(self.commit("delete", native_id.rpartition("/")[2]))

    def update(self, native_id: str, text: str) -> None:
        """Changes a post."""
        self.tell(self.commit("update", native_id.rpartition("/")[2], {"text": text}))

    def malformed(self) -> None:
        """Sends what no Jetstream should."""
        self._add('{"did": "' + DID + '", "time_us"')

    def send_bytes(self, data: bytes) -> None:
        """Sends a frame of any bytes."""
        self._add(data)

    def account(self, status: str) -> None:
        """Tells that the account is gone."""
        self.tell({"kind": "account", "account": {"active": False, "did": DID, "status": status}})

    def commit(
        self, operation: str, rkey: str, record: dict[str, Any] | None = None, **fields: str
    ) -> dict[str, Any]:
        """Makes a commit event, without its time."""
        made: dict[str, Any] = {"rev": "3r", "operation": operation, "collection": POSTS}
        made |= {"rkey": rkey, **fields}
        if record is not None:
            made |= {"record": {"$type": POSTS, **record}, "cid": "bafy"}
        return {"kind": "commit", "commit": made}

    def tell(self, event: dict[str, Any]) -> None:
        """Sends an event; it is of now, and a millisecond after those of this second at least."""
        present, after = self._present(), self.time_us + MILLISECOND
        time_us = after if present < after < present + SECOND else present
        event = {"did": DID, "time_us": time_us, **event}
        self._add(json.dumps(event), event["time_us"])

    def drop_connections(self) -> None:
        """Cuts every connection, without a word."""
        with self._changed:
            self._era += 1
            self._changed.notify_all()

    def answer_next(self, status: int, headers: Mapping[str, str] | None = None) -> None:
        """Refuses the next connection so."""
        self._answers.append((status, headers or {}))

    def stall(self) -> None:
        """Says nothing more on the connections there are; they stay open."""
        with self._changed:
            self._stalled = True
            self._changed.notify_all()

    def hang(self) -> None:
        """Takes each connection from now on, and never answers."""
        self._hanging = True

    def forget_before(self, native_id: str) -> None:
        """No longer gives what was before this post."""
        rkey = native_id.rpartition("/")[2]
        with self._changed:
            self._kept_from = next(n for n, (_at, e) in enumerate(self._events) if rkey in str(e))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._server.shutdown()
        self._thread.join()

    def _post(self, text: str, record: dict[str, Any], **stamp: int) -> str:
        self._posts += 1
        rkey = f"3k{self._posts:011d}"
        post = self.commit("create", rkey, {"text": text, "langs": ["en"], **record})
        self.tell({**post, **stamp})
        return f"{DID}/{rkey}"

    def _present(self) -> int:
        return (self._now() - EPOCH) // timedelta(microseconds=1)

    def _add(self, event: str | bytes, time_us: int | None = None) -> None:
        with self._changed:
            self.time_us = time_us or self.time_us + MILLISECOND
            self._events.append((self.time_us, event))
            self._changed.notify_all()

    def _refuse(self, _connection: ServerConnection, request: Request) -> Response | None:
        self.requests.append(parse_qs(urlsplit(request.path).query))
        with self._changed:
            self._changed.wait_for(lambda: self._closed or not self._hanging)
        if urlsplit(request.path).path != "/subscribe":
            return Response(404, "Not Found", Headers(), b"")
        if not self._answers:
            return None
        status, headers = self._answers.pop(0)
        headers = {**headers, "Content-Length": "0", "Connection": "close"}
        phrase = HTTPStatus(status).phrase if status != 420 else "Enhance Your Calm"
        return Response(status, phrase, Headers(headers), b"")

    def _tell(self, connection: ServerConnection) -> None:
        asked = parse_qs(urlsplit(connection.request.path if connection.request else "").query)
        with self._changed:
            era, self._stalled = self._era, False
            at = self._first(asked.get("cursor"))
        try:
            while (event := self._next(at, era)) is not None:
                connection.send(event)
                at += 1
                self.sent += 1
        except ConnectionClosed:
            return
        if era != self._era:
            connection.socket.shutdown(socket.SHUT_RDWR)

    def _first(self, cursor: list[str] | None) -> int:
        if cursor is None or int(cursor[0]) > self._present() + SECOND:
            return len(self._events)
        kept = range(self._kept_from, len(self._events))
        return next((n for n in kept if self._events[n][0] >= int(cursor[0])), len(self._events))

    def _next(self, at: int, era: int) -> str | bytes | None:
        """Waits for an event; None when the connection is to end."""
        with self._changed:
            while not self._closed and era == self._era:
                if at < len(self._events) and not self._stalled:
                    return self._events[at][1]
                self._changed.wait(0.05)
        return None
