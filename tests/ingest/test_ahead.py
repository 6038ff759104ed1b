"""Lines of an open answer come as they are sent, and its end is told."""

import threading
import time
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue

import pytest
import requests

from ingest.ahead import Ahead, Ended

pytestmark = pytest.mark.wire

Open = Callable[..., Ahead[bytes]]
SECONDS = 20.0


class Sending:
    """A server that sends what it is told to, in chunks; None ends the answer."""

    def __init__(self) -> None:
        self.said: Queue[bytes | None] = Queue()
        self.compressed = False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._server.block_on_close = False
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self.said.put(None)
        self._server.shutdown()
        self._server.server_close()


def _handler(sending: Sending) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            if sending.compressed:
                self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            packer = zlib.compressobj(wbits=31)
            while (piece := sending.said.get()) is not None:
                if sending.compressed:
                    piece = packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH)
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    return Handler


@pytest.fixture
def sending() -> Iterator[Sending]:
    server = Sending()
    yield server
    server.close()


@pytest.fixture
def opened(sending: Sending) -> Open:
    def opened(silence: float = SECONDS, waiting: int = 10, longest: int = 1000) -> Ahead[bytes]:
        answer = requests.get(sending.address, stream=True, timeout=(SECONDS, silence))
        return Ahead(answer, iter, waiting=waiting, longest=longest)

    return opened


def end_of(ahead: Ahead[bytes]) -> str:
    with pytest.raises(Ended) as ended:
        while ahead.next(SECONDS) is not None:
            pass
    return str(ended.value)


@pytest.mark.parametrize("compressed", [False, True])
def test_each_line_comes_when_it_is_sent_and_the_end_is_told_again_and_again(
    sending: Sending, opened: Open, compressed: bool
) -> None:
    sending.compressed = compressed
    ahead = opened()
    assert ahead.next(0.0) is None
    for line in (b"one", b"", b"two"):
        for piece in (line[:1], line[1:] + b"\n"):
            if piece:
                sending.said.put(piece)
        assert ahead.next(SECONDS) == line
    sending.said.put(b"half a line")
    sending.said.put(None)
    assert end_of(ahead) == end_of(ahead) == "the stream ended"


def test_silence_ends_it(opened: Open) -> None:
    assert end_of(opened(silence=0.2)) == "the stream went silent"


def test_a_line_without_end_is_not_held(sending: Sending, opened: Open) -> None:
    ahead = opened()
    for _ in range(3):
        sending.said.put(b"x" * 500)
    assert end_of(ahead) == "the stream broke (ValueError)"


def test_what_had_come_is_still_given_after_the_close(sending: Sending, opened: Open) -> None:
    ahead = opened()
    sending.said.put(b"one\ntwo\nthree\n")
    assert ahead.next(SECONDS) == b"one"
    until = time.monotonic() + SECONDS
    while ahead._queue.qsize() < 2:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert list(ahead.rest()) == [b"two", b"three"]
