"""A station seen from outside, over HTTP: `/metrics`, `/livez`, `/readyz`.

Read only, and without a word of any record or secret. The server has threads of its own, few of
them and each with a deadline, so that no client can hold the station up; the loop knows nothing of
it. Nothing listens where EMOSTREAM_METRICS is unset.
"""

import json
import logging
import socket
import socketserver
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import BoundedSemaphore, Lock, Thread, Timer
from typing import Any, Protocol

from stream import exposition
from stream.broker import BrokerCheck
from stream.errors import Backpressure, UserError
from stream.health import STALE_SECONDS
from stream.metrics import Sample
from stream.settings import Settings, host_and_port

logger = logging.getLogger(__name__)

CONNECTIONS = 16
"""Answered at once; one more is closed unheard."""
REQUEST_SECONDS = 10.0
"""From accepting a connection to closing it, whatever the client does."""
KEPT_SECONDS = 2.0
"""For so long the answer of the checks stands: questions cannot burden the servers behind."""
CHECK_SECONDS = 2.0
"""How long a check should wait for a server."""
ANSWER_SECONDS = 3.0
"""How long a question waits for a check, whatever that does."""
TEXT = "text/plain; version=0.0.4; charset=utf-8"
JSON = "application/json"

Check = Callable[[], None]
"""Returns where all is well; raises UserError or Backpressure with the reason where it is not."""


class Loop(Protocol):
    """A loop of a station, as far as others see it: `stream.metrics.Counters`, most often."""

    station: str

    @property
    def turn_age(self) -> float:
        """Seconds since it last turned."""
        ...

    def samples(self) -> Iterable[Sample]:
        """Gives what it has counted."""
        ...


class Status:
    """What there is to tell of a station: its loops, and the checks that make it ready."""

    def __init__(self, loops: Sequence[Loop]) -> None:
        self._loops = loops
        self._checks: Mapping[str, _Asked] | None = None
        self._lock = Lock()
        self._kept: tuple[float, dict[str, str | None]] | None = None
        self.closing = ExitStack()
        """What is closed when nothing is served any more."""
        self.address: str | None = None
        """Where it can be asked, `host:port`, if anywhere."""

    def started(self, checks: Mapping[str, Check], broker: Settings | None = None) -> None:
        """Says that the station has started; from now on it is ready when all checks are well.

        Args:
            checks: what must be well, by name.
            broker: where one must answer, if it needs one.

        Raises:
            UserError: no broker answers.
        """
        if broker and self.address:
            checks = {"broker": self.closing.enter_context(BrokerCheck(broker)), **checks}
        with self._lock:
            self._checks = {name: _Asked(check) for name, check in checks.items()}
            self._kept = None

    def metrics(self) -> bytes:
        """Gives all counts in Prometheus' text format."""
        return exposition.text(lambda: (one for loop in self._loops for one in loop.samples()))

    def live(self) -> tuple[bool, dict[str, Any]]:
        """Tells whether every loop turns."""
        ages = {loop.station: loop.turn_age for loop in self._loops}
        alive = all(age <= STALE_SECONDS for age in ages.values())
        told = {name: {"seconds_since_turn": round(age, 1)} for name, age in ages.items()}
        return alive, {"alive": alive, "stale_after_seconds": STALE_SECONDS, "loops": told}

    def ready(self) -> tuple[bool, dict[str, Any]]:
        """Tells whether all that the station needs is there, and what is not."""
        with self._lock:
            if self._kept is None or time.monotonic() - self._kept[0] > KEPT_SECONDS:
                self._kept = (time.monotonic(), self._faults())
            faults = self._kept[1]
        ready = not any(faults.values())
        told = {
            name: {"ok": fault is None} | ({"reason": fault} if fault else {})
            for name, fault in faults.items()
        }
        return ready, {"ready": ready, "checks": told}

    def _faults(self) -> dict[str, str | None]:
        if self._checks is None:
            return {"start": "not done yet"}
        return {name: asked.fault() for name, asked in self._checks.items()}


class _Asked:
    """A check in a thread of its own: a server that does not answer holds no question up."""

    def __init__(self, check: Check) -> None:
        self._check = check
        self._thread: Thread | None = None
        self._fault: str | None = None

    def fault(self) -> str | None:
        """Gives the reason why it is not well, if it is not."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = Thread(target=self._ask, daemon=True, name="check")
            self._thread.start()
        self._thread.join(ANSWER_SECONDS)
        silent = f"no answer within {ANSWER_SECONDS:g} s"
        return silent if self._thread.is_alive() else self._fault

    def _ask(self) -> None:
        self._fault = "could not be asked"
        try:
            self._check()
        except (UserError, Backpressure) as error:
            self._fault = str(error)
        else:
            self._fault = None


@contextmanager
def serving(settings: Settings, loops: Sequence[Loop]) -> Iterator[Status]:
    """Answers over HTTP, where EMOSTREAM_METRICS says, for as long as the block lasts.

    Raises:
        UserError: the address cannot be listened on.
    """
    status = Status(loops)
    if settings.metrics is None:
        yield status
        return
    host, port = host_and_port(settings.metrics)
    try:
        server = _Server(host, port, status)
    except OSError as error:
        raise UserError(
            f"EMOSTREAM_METRICS={settings.metrics}: cannot listen there ({error.strerror}): each "
            "station on a host needs a port of its own; with port 0 it finds a free one"
        ) from None
    status.address = server.address
    logger.info("metrics and health at http://%s/metrics, /livez, /readyz", status.address)
    Thread(target=server.serve_forever, args=(0.1,), daemon=True, name="status").start()
    try:
        yield status
    finally:
        server.shutdown()
        server.server_close()
        status.closing.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a client that hangs must not hold the shutdown up
    request_queue_size = CONNECTIONS

    def __init__(self, host: str, port: int, status: Status) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.status = status
        self._free = BoundedSemaphore(CONNECTIONS)
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        # Not HTTPServer's, which asks the name service for the host's name: that may take seconds.
        socketserver.TCPServer.server_bind(self)

    @property
    def address(self) -> str:
        host, port = self.server_address[:2]
        name = host.decode() if isinstance(host, bytes | bytearray) else host
        return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        # A time limit on each read alone would let a client send a byte now and then for ever.
        deadline = Timer(REQUEST_SECONDS, _hang_up, [request])
        deadline.daemon = True
        deadline.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            deadline.cancel()
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        # What a client does to its connection is no news.
        logger.debug("a question about the status ended early")


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version, sys_version = "emostream", ""
    timeout = REQUEST_SECONDS
    error_message_format = "%(code)d\n"
    error_content_type = TEXT

    def do_GET(self) -> None:
        status = self.server.status
        match self.path.partition("?")[0]:
            case "/metrics":
                self._answer(200, TEXT, status.metrics())
            case "/livez":
                self._verdict(*status.live())
            case "/readyz":
                self._verdict(*status.ready())
            case _:
                self._answer(404, TEXT, b"/metrics, /livez, /readyz\n")

    do_HEAD = do_GET  # noqa: N815 - the name of the method it answers

    def _verdict(self, well: bool, told: Mapping[str, Any]) -> None:
        self._answer(200 if well else 503, JSON, json.dumps(told).encode() + b"\n")

    def _answer(self, code: int, kind: str, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        # A request line is a stranger's words.
        pass


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:  # it has hung up itself
        return
