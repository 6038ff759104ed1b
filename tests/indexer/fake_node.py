"""A local server that answers bulk requests as Elasticsearch does, or fails as it can."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import orjson

from indexer.templates import mapping

Answer = tuple[int, Any]
Responder = Callable[[list[str]], Answer | None]
"""Gives the answer to a bulk request on these ids; None cuts the connection."""


def accept(ids: list[str]) -> Answer:
    return items(dict.fromkeys(ids, 201))


def items(statuses: dict[str, int], error_type: str = "es_rejected_execution_exception") -> Answer:
    return 200, {
        "items": [
            {"index": {"status": status}}
            if status < 300
            else {"index": {"status": status, "error": {"type": error_type, "reason": "busy"}}}
            for status in statuses.values()
        ]
    }


def whole(status: int) -> Responder:
    """The whole request fails with this status."""
    body = {"error": {"type": "some_exception", "reason": "no"}, "status": status}
    return lambda _ids: (status, body)


def cut(_ids: list[str]) -> None:
    return None


class FakeNode(ThreadingHTTPServer):
    """Answers the nth bulk request with the nth responder, then accepts everything."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script: list[Responder] = []
        self.requests: list[list[str]] = []
        self.ended: list[list[str]] = []
        """The same, in the order in which they were answered."""
        self.released = Event()
        self.product: str | None = "Elasticsearch"

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def slow(self, ids: list[str]) -> Answer:
        """Answers only when the test is over."""
        self.released.wait()
        return accept(ids)


class _Handler(BaseHTTPRequestHandler):
    server: FakeNode
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self._respond()

    def do_PUT(self) -> None:
        self._respond()

    def do_GET(self) -> None:
        self._respond()

    def _respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0]
        if path == "/_bulk":
            answer = self._bulk(body)
        elif path.endswith("/_mget"):
            answer = 200, {}  # nothing that was asked for is on record
        elif path.startswith("/_index_template/"):
            template = {"index_template": {"_meta": mapping()["_meta"]}}
            answer = 200, {"index_templates": [template]}
        elif path.endswith("/_mapping"):
            answer = 200, {}
        else:
            answer = 404, {"error": f"the fake node knows no {path}"}
        if answer is None:
            self.close_connection = True
            return
        status, content = answer
        encoded = orjson.dumps(content)
        self.send_response(status)
        if self.server.product:
            self.send_header("X-Elastic-Product", self.server.product)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def _bulk(self, body: bytes) -> Answer | None:
        actions = [orjson.loads(line) for line in body.splitlines()[::2]]
        ids = [action["index"]["_id"] for action in actions]
        server = self.server
        server.requests.append(ids)
        respond = server.script.pop(0) if server.script else accept
        answer = respond(ids)
        server.ended.append(ids)
        return answer

    def log_message(self, *_: Any) -> None:
        """Keeps the test's output quiet."""


@contextmanager
def fake_node() -> Iterator[FakeNode]:
    node = FakeNode()
    thread = Thread(target=node.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield node
    finally:
        node.released.set()
        node.shutdown()
        thread.join()
        node.server_close()
