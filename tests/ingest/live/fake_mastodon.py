"""A Mastodon server: instance, timelines, streams, as docs.joinmastodon.org describes them."""

import json
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

TOKEN = "a-token-of-the-test"


class FakeMastodon:
    """One instance with one talkative user."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.requests: list[tuple[str, dict[str, str]]] = []
        """Path and parameters of each request."""
        self.authorizations: list[str | None] = []
        self.sent = 0
        """Events that went out."""
        self.streaming: str | None = None
        """Another address of the streams, as the instance states it."""
        self.token: str | None = TOKEN
        """What a stream asks for; None: streams are open to everyone."""
        self.shows_timeline = True
        self.limits: list[dict[str, str]] = []
        """Headers of the next answers."""
        self._now = now
        self._statuses: list[dict[str, Any]] = []
        self._events: list[str] = []
        self._answers: list[tuple[int, Mapping[str, str]]] = []
        self._count = self._era = 0
        self._stalled = self._closed = self._hanging = False
        self.fresh = False
        """Whether a first crawl begins with the moment, as the source does it."""
        self.secret: str | None = TOKEN
        self._changed = Condition()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                with suppress(OSError):
                    outer._answer(self)

            def log_message(self, *_arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def address(self) -> str:
        """What EMOSTREAM_MASTODON would be."""
        return f"http://{self.name}"

    @property
    def name(self) -> str:
        host, port = self._server.server_address[:2]
        return f"{host!s}:{port}"

    def id_now(self, ago: float = 0.0) -> str:
        """Gives an id as Mastodon makes them: milliseconds, then 16 bits that count here."""
        self._count += 1
        return str(int((self._now().timestamp() - ago) * 1000) << 16 | self._count % 65_536)

    def publish(self, texts: Sequence[str], **fields: Any) -> list[str]:
        """Publishes a status for each text; gives their ids as our records have them."""
        return [self._publish(text, fields) for text in texts]

    def late(self, text: str, seconds: float) -> str:
        """Shows a status from another server; its id is of when it was written there."""
        return self._publish(text, {"id": self.id_now(seconds)})

    def early(self, text: str, seconds: float) -> str:
        """Shows a post whose time is so much later than now."""
        return self.late(text, -seconds)

    def edit(self, native_id: str, text: str) -> None:
        """Changes a status."""
        status = self._status(native_id)
        status |= {"content": f"<p>{text}</p>", "edited_at": self._now().isoformat()}
        self.send("status.update", json.dumps(status))

    def delete(self, native_id: str) -> None:
        """Deletes a status."""
        status = self._status(native_id)
        self._statuses.remove(status)
        self.send("delete", status["id"])

    def malformed(self) -> None:
        """Shows a status that is none, to who asks and to who listens."""
        status = {"id": self.id_now(), "content": 7}
        self._statuses.append(status)
        self.send("update", json.dumps(status))

    def send(self, name: str, data: str) -> None:
        """Sends an event to who listens now."""
        self.send_raw(f"event: {name}\ndata: {data}\n\n")

    def send_raw(self, text: str) -> None:
        """Sends anything to who listens now."""
        with self._changed:
            self._events.append(text)
            self._changed.notify_all()

    def drop_connections(self) -> None:
        """Cuts every stream, without a word."""
        with self._changed:
            self._era += 1
            self._changed.notify_all()

    def answer_next(self, status: int, headers: Mapping[str, str] | None = None) -> None:
        """Answers the next request so."""
        self._answers.append((status, headers or {}))

    def stall(self) -> None:
        """Says nothing more on the streams there are, no thump either."""
        with self._changed:
            self._stalled = True

    def hang(self) -> None:
        """Takes each request from now on, and never answers."""
        self._hanging = True

    def forget_before(self, native_id: str) -> None:
        """No longer has what was before this status."""
        at = self._statuses.index(self._status(native_id))
        del self._statuses[:at]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _publish(self, text: str, fields: dict[str, Any]) -> str:
        status = {
            "id": self.id_now(),
            "created_at": self._now().astimezone(UTC).isoformat(),
            "uri": "https://fake.example/users/eve/statuses/1",
            "url": "https://fake.example/@eve/1",
            "content": "<p>" + text.replace("\n", "<br>") + "</p>",
            "visibility": "public",
            "language": "en",
            "reblog": None,
            "account": {"id": "1", "acct": "eve", "url": "https://fake.example/@eve"},
            "tags": [],
            "mentions": [],
            **fields,
        }
        self._statuses.append(status)
        self.send("update", json.dumps(status))
        return f"{self.name}/{status['id']}"

    def _status(self, native_id: str) -> dict[str, Any]:
        return next(one for one in self._statuses if native_id.endswith("/" + one["id"]))

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        asked = dict(parse_qsl(parts.query))
        self.requests.append((parts.path, asked))
        self.authorizations.append(handler.headers["Authorization"])
        with self._changed:
            self._changed.wait_for(lambda: self._closed or not self._hanging)
            at = len(self._events)
        if self._answers:
            status, headers = self._answers.pop(0)
            self._json(handler, status, {"error": "no"}, headers)
        elif parts.path == "/api/v2/instance":
            urls = {"streaming": self.streaming or f"ws://{self.name}"}
            self._json(handler, 200, {"version": "4.5.1", "configuration": {"urls": urls}})
        elif parts.path.startswith("/api/v1/timelines/"):
            status = 200 if self.shows_timeline else 401
            self._json(
                handler, status, self._page(asked), self.limits.pop(0) if self.limits else {}
            )
        elif parts.path.startswith("/api/v1/streaming/"):
            if self.token and handler.headers["Authorization"] != f"Bearer {self.token}":
                self._json(handler, 401, {"error": "Missing access token"})
            else:
                self._stream(handler, at)
        else:
            self._json(handler, 404, {"error": "Record not found"})

    def _page(self, asked: dict[str, str]) -> list[dict[str, Any]]:
        """The page that follows `min_id`, or the newest; the newest first, in both."""
        limit = min(int(asked.get("limit", 20)), 40)
        if "min_id" not in asked:
            return self._statuses[: -limit - 1 : -1]
        newer = [one for one in self._statuses if int(one["id"]) > int(asked["min_id"])]
        return sorted(newer, key=lambda one: int(one["id"]))[:limit][::-1]

    def _json(
        self,
        handler: BaseHTTPRequestHandler,
        status: int,
        body: Any,
        headers: Mapping[str, str] = {},
    ) -> None:
        data = json.dumps(body).encode()
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Type", "application/json; charset=utf-8")
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    def _stream(self, handler: BaseHTTPRequestHandler, at: int) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        with self._changed:
            era, self._stalled = self._era, False
        self._chunk(handler, ":)\n")
        while (event := self._next(at, era)) is not None:
            self._chunk(handler, event)
            at += event != ":thump\n"
            self.sent += event != ":thump\n"
        handler.close_connection = True
        if era != self._era:
            handler.connection.shutdown(socket.SHUT_RDWR)

    def _chunk(self, handler: BaseHTTPRequestHandler, text: str) -> None:
        data = text.encode()
        handler.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def _next(self, at: int, era: int) -> str | None:
        """Waits for an event, and gives a thump where none comes; None when it is to end."""
        waited = 0
        with self._changed:
            while not self._closed and era == self._era:
                if not self._stalled:
                    if at < len(self._events):
                        return self._events[at]
                    if waited:
                        return ":thump\n"
                self._changed.wait(0.05)
                waited += 1
        return None
