"""A TCP proxy before the real broker that rewrites what it answers, as other brokers would."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Thread

Rewrite = Callable[[bytes], bytes]


@contextmanager
def rewriting(server: str, rewrite: Rewrite) -> Iterator[str]:
    """Gives the address, `host:port`, where every piece of an answer is rewritten."""
    host, _, port = server.rpartition(":")
    listener = socket.create_server(("127.0.0.1", 0))
    opened: list[socket.socket] = []

    def serve() -> None:
        with suppress(OSError):  # that the listener is closed ends it
            while True:
                client, _address = listener.accept()
                upstream = socket.create_connection((host, int(port)))
                opened.extend((client, upstream))
                for pipe in ((client, upstream, bytes), (upstream, client, rewrite)):
                    Thread(target=_pump, args=pipe, daemon=True).start()

    thread = Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for one in opened:
            one.close()


def _pump(source: socket.socket, target: socket.socket, rewrite: Rewrite) -> None:
    with suppress(OSError):
        while piece := source.recv(65_536):
            target.sendall(rewrite(piece))
        target.shutdown(socket.SHUT_RDWR)
