"""An application served for real, on a free port, in a thread of this process."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import urllib3
import uvicorn
from starlette.types import ASGIApp


class Server:
    """Where it is, and how to ask it."""

    def __init__(self, port: int) -> None:
        self.port, self.url = port, f"http://127.0.0.1:{port}"
        self._pool = urllib3.PoolManager(maxsize=64, retries=False, timeout=60)

    def ask(self, method: str, path: str, **more: Any) -> urllib3.BaseHTTPResponse:
        """Sends a request; more is what `urllib3.request` takes."""
        return self._pool.request(method, self.url + path, **more)

    def get(self, path: str, **more: Any) -> urllib3.BaseHTTPResponse:
        """Asks for a path."""
        return self.ask("GET", path, **more)

    def classify(self, **question: Any) -> urllib3.BaseHTTPResponse:
        """Sends a question."""
        return self.ask("POST", "/v1/classify", json=question)

    def result(self, **question: Any) -> dict[str, Any]:
        """Gives the result of one text."""
        answer = self.classify(**question)
        assert answer.status == 200, answer.data
        (result,) = answer.json()["results"]
        found: dict[str, Any] = result
        return found


@contextmanager
def serving(app: ASGIApp) -> Iterator[Server]:
    """Serves until the block ends."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(app, ws="none", log_config=None, access_log=False, server_header=False)
    )
    thread = Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield Server(listening.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
