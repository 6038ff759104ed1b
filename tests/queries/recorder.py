"""A listener between whoever asks and the node: passes everything on and keeps what was said."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

NOT_PASSED_ON = {"host", "connection", "content-length", "accept-encoding"}
POINT_IN_TIME = re.compile(r"[\w=+/-]{60,}")


@dataclass(frozen=True)
class Call:
    """One request and its answer, without what differs between two askings of the same."""

    method: str
    path: str
    body: Any
    status: int
    answer: Any
    authorization: str | None = field(compare=False)


class Recorder(ThreadingHTTPServer):
    """Listens in front of a node; `calls` are what was asked since somebody took them."""

    def __init__(self, node: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.node = urlsplit(node)
        self.calls: list[Call] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def taken(self) -> list[Call]:
        calls, self.calls = self.calls, []
        return calls


class _Handler(BaseHTTPRequestHandler):
    server: Recorder
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._pass_on()

    def do_POST(self) -> None:
        self._pass_on()

    def do_DELETE(self) -> None:
        self._pass_on()

    def _pass_on(self) -> None:
        asked = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {k: v for k, v in self.headers.items() if k.lower() not in NOT_PASSED_ON}
        node = HTTPConnection(self.server.node.hostname or "", self.server.node.port, timeout=30)
        node.request(self.command, self.path, asked, headers)
        found = node.getresponse()
        said = found.read()
        node.close()
        self.server.calls.append(
            Call(
                self.command,
                self.path.removesuffix("?pretty"),  # the layout of the answer, nothing else
                stable(json.loads(asked)) if asked else None,
                found.status,
                stable(json.loads(said)),
                self.headers.get("Authorization"),
            )
        )
        self.send_response(found.status)
        for name in ("Content-Type", "X-elastic-product"):
            self.send_header(name, found.headers[name])
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: Any) -> None:
        """Keeps the test's output quiet."""


@contextmanager
def recording(node: str) -> Iterator[Recorder]:
    """Listens in front of the node at this address."""
    recorder = Recorder(node)
    thread = Thread(target=recorder.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield recorder
    finally:
        recorder.shutdown()
        thread.join()
        recorder.server_close()


def stable(said: Any) -> Any:
    """Leaves out durations and moments of asking; calls every point in time by the same name."""
    if isinstance(said, dict):
        moving = {"took"}
        if "to_as_string" in said:  # the answer's range of dates is counted from the moment
            moving |= {"from", "to", "from_as_string", "to_as_string"}
        return {name: stable(value) for name, value in said.items() if name not in moving}
    if isinstance(said, list):
        return [stable(value) for value in said]
    if isinstance(said, str) and POINT_IN_TIME.fullmatch(said):
        return "a point in time"
    return said
