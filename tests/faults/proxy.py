"""A TCP proxy between a client and a server that can do to their connection what networks do."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from urllib.parse import urlsplit

PIECE = 65_536


class Proxy:
    """Passes bytes both ways until told otherwise.

    Attributes:
        lose: the answer to a request that holds these bytes is lost, and the client waits in vain;
            with no bytes at all every answer is.
        delay: seconds that each piece of an answer waits.
        rate: bytes a second towards the server; None is as fast as it takes them.
    """

    def __init__(self, server: tuple[str, int]) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.lose: bytes | None = None
        self.delay = 0.0
        self.rate: int | None = None
        self.lost = Event()
        """Set when the server has been sent a request whose answer is lost."""
        Thread(target=self._accept, daemon=True).start()

    @property
    def host(self) -> str:
        """Where it listens, as host:port."""
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def address(self) -> str:
        """Where it listens, as a URL."""
        return f"http://{self.host}"

    def cut(self) -> int:
        """Breaks every connection off, as a reset does; gives how many there were."""
        with self._lock:
            cut, self._sockets = self._sockets, set()
        for one in cut:
            _reset(one)
        return len(cut) // 2

    def close(self) -> None:
        """Listens no more."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _address = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._server, timeout=5)
            except OSError:
                _reset(client)
                continue
            server.settimeout(None)
            with self._lock:
                self._sockets |= {client, server}
            deaf = Event()  # no answer reaches this client any more
            Thread(target=self._ask, args=(client, server, deaf), daemon=True).start()
            Thread(target=self._answer, args=(server, client, deaf), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket, deaf: Event) -> None:
        with suppress(OSError):
            while piece := client.recv(PIECE):
                if self.lose is not None and self.lose in piece:
                    deaf.set()
                if self.rate:
                    time.sleep(len(piece) / self.rate)
                server.sendall(piece)
                if deaf.is_set():
                    self.lost.set()
        self._end(client, server)

    def _answer(self, server: socket.socket, client: socket.socket, deaf: Event) -> None:
        with suppress(OSError):
            while piece := server.recv(PIECE):
                if self.delay:
                    time.sleep(self.delay)
                if not deaf.is_set():
                    client.sendall(piece)
        self._end(server, client)

    def _end(self, source: socket.socket, sink: socket.socket) -> None:
        with self._lock:
            self._sockets -= {source, sink}
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def _reset(one: socket.socket) -> None:
    with suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        one.shutdown(socket.SHUT_RDWR)
    one.close()


@contextmanager
def proxy(server: str) -> Iterator[Proxy]:
    """Runs a proxy to a server, given as host:port or URL, while the block lasts."""
    parts = urlsplit(server if "//" in server else f"//{server}")
    assert parts.hostname and parts.port
    one = Proxy((parts.hostname, parts.port))
    try:
        yield one
    finally:
        one.close()
