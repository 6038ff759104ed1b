"""The real node, behind a server that alters some of its answers as another cluster would give."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import urllib3

Alter = Callable[[Any], tuple[int, Any]]
"""From the node's answer to status and answer."""


class AlteredNode(ThreadingHTTPServer):
    """`alter` maps the beginning of a path to what becomes of its answers."""

    daemon_threads = True

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = upstream
        self.pool = urllib3.PoolManager(retries=False)
        self.alter: dict[str, Alter] = {}
        self.product: str | None = "Elasticsearch"

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def answers(self, path: str, status: int, body: Any) -> None:
        """Lets a path have this answer."""
        self.alter[path] = lambda _answer: (status, body)

    def changes(self, path: str, change: Callable[[Any], object]) -> None:
        """Lets an answer be changed in place."""

        def changed(answer: Any) -> tuple[int, Any]:
            change(answer)
            return 200, answer

        self.alter[path] = changed


class _Handler(BaseHTTPRequestHandler):
    server: AlteredNode
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one piece, or each answer waits 40 ms for the kernel

    def do_GET(self) -> None:
        headers = {name: self.headers[name] for name in ("Accept",) if name in self.headers}
        answer = self.server.pool.request(
            "GET", f"{self.server.upstream}{self.path}", headers=headers
        )
        status, body = answer.status, json.loads(answer.data)
        for path, alter in self.server.alter.items():
            if self.path.startswith(path):
                status, body = alter(body)
        encoded = json.dumps(body).encode()
        self.send_response(status)
        if self.server.product:
            self.send_header("X-Elastic-Product", self.server.product)
        self.send_header("Content-Type", answer.headers["Content-Type"])
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def log_message(self, *_: Any) -> None:
        """Keeps the test's output quiet."""


@contextmanager
def altered_node(upstream: str) -> Iterator[AlteredNode]:
    node = AlteredNode(upstream)
    thread = threading.Thread(target=node.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield node
    finally:
        node.shutdown()
        thread.join()
        node.server_close()
