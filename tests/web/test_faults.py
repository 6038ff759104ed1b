"""Faults of ours, and clients that misbehave on purpose."""

from __future__ import annotations

import logging
import socket
from collections.abc import Sequence
from typing import Any

import pytest

from tests.web.conftest import models
from tests.web.serving import serving
from web import app
from web.bodies import Bodies

pytestmark = pytest.mark.wire

SECRET = "my private words"


def test_a_fault_is_an_answer_and_a_line_of_log_without_the_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loaded = models()
    (batcher,) = loaded.batchers.values()
    predict = batcher._predict

    def faulty(texts: Sequence[str], languages: Sequence[str | None]) -> Any:
        if SECRET in texts:
            raise ValueError(f"cannot tell {texts[0]}")
        return predict(texts, languages)

    batcher._predict = faulty
    with serving(app.make(loaded)) as server, caplog.at_level(logging.DEBUG):
        answer = server.classify(text=SECRET)
        assert (answer.status, answer.json()["status"]) == (500, 500)
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert server.result(text="thank you so much")["primary"] == "gratitude"
        assert 'status="500"' in server.get("/metrics").data.decode()
    assert "a fault of ours at /v1/classify" in caplog.text
    assert "ValueError" in caplog.text
    assert SECRET not in caplog.text


def test_a_body_that_does_not_end_is_given_up() -> None:
    made = app.make(models())
    made.state.bodies = Bodies(seconds=0.2)
    with serving(made) as server, socket.create_connection(("127.0.0.1", server.port)) as slow:
        slow.sendall(
            b"POST /v1/classify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 100\r\n\r\n{"
        )
        assert slow.recv(100).startswith(b"HTTP/1.1 408 ")


def test_only_so_many_bytes_are_read_at_once() -> None:
    made = app.make(models())
    made.state.bodies = Bodies(at_once=150)
    with serving(made) as server, socket.create_connection(("127.0.0.1", server.port)) as holder:
        holder.sendall(
            b"POST /v1/classify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 140\r\nExpect: 100-continue\r\n\r\n"
        )
        assert holder.recv(100).startswith(b"HTTP/1.1 100 ")  # it is being read
        answer = server.classify(text="thank you")
        assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
        holder.sendall(b'{"text": "thank you"}'.ljust(140))
        assert holder.recv(100).startswith(b"HTTP/1.1 200 ")
        assert server.result(text="thank you")["primary"] == "gratitude"
