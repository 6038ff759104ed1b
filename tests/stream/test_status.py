"""A station answers over HTTP, says nothing it should not, and is held up by nobody."""

import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

import pytest
from pydantic import ValidationError

from stream import status
from stream.errors import Backpressure, UserError
from stream.health import STALE_SECONDS
from stream.metrics import Counters
from stream.settings import Settings, host_and_port
from stream.status import Status, serving

ANY = Settings(metrics="0")


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def ask(address: str | None, path: str, method: str = "GET") -> tuple[int, str]:
    assert address
    connection = http.client.HTTPConnection(address, timeout=10)
    connection.request(method, path)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def asked(address: str | None, path: str) -> tuple[int, dict[str, Any]]:
    code, body = ask(address, path)
    return code, json.loads(body)


@contextmanager
def counters_served(**checks: Callable[[], None]) -> Iterator[Status]:
    with serving(ANY, [Counters("test")]) as told:
        told.started(checks)
        yield told


def fail(error: Exception) -> None:
    raise error


def test_a_station_lives_as_long_as_each_of_its_loops_turns() -> None:
    clock = Clock()
    one, other = Counters("one", clock), Counters("other", clock)
    with serving(ANY, [one, other]) as told:
        clock.seconds = STALE_SECONDS
        code, said = asked(told.address, "/livez")
        assert (code, said["alive"]) == (200, True)
        assert said["loops"]["one"] == {"seconds_since_turn": STALE_SECONDS}
        one.turn()
        clock.seconds += 1
        code, said = asked(told.address, "/livez")
        assert (code, said["alive"]) == (503, False)
        other.turn()
        assert asked(told.address, "/livez")[0] == 200


def test_a_station_is_ready_when_it_has_started_and_every_check_is_well() -> None:
    with serving(ANY, [Counters("test")]) as told:
        code, said = asked(told.address, "/readyz")
        assert (code, said["checks"]["start"]["ok"]) == (503, False)
        told.started({"broker": lambda: None})
        assert asked(told.address, "/readyz") == (
            200,
            {"ready": True, "checks": {"broker": {"ok": True}}},
        )


@pytest.mark.parametrize("error", [UserError("no broker answers"), Backpressure("not now")])
def test_a_check_that_fails_is_named_with_its_reason(error: Exception) -> None:
    with counters_served(broker=lambda: None, node=lambda: fail(error)) as told:
        code, said = asked(told.address, "/readyz")
    assert code == 503
    assert said["checks"] == {"broker": {"ok": True}, "node": {"ok": False, "reason": str(error)}}


def test_many_questions_ask_the_servers_behind_once() -> None:
    calls = []
    with counters_served(broker=lambda: calls.append(1)) as told:
        for _ in range(10):
            assert asked(told.address, "/readyz")[0] == 200
    assert len(calls) == 1


def test_a_check_that_hangs_holds_up_no_question_and_is_not_asked_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(status, "ANSWER_SECONDS", 0.1)
    monkeypatch.setattr(status, "KEPT_SECONDS", 0.0)
    answers, calls = Event(), []

    def hang() -> None:
        calls.append(1)
        answers.wait(60)

    with counters_served(broker=hang) as told:
        for _ in range(3):
            code, said = asked(told.address, "/readyz")
            assert code == 503
            assert said["checks"]["broker"]["reason"] == "no answer within 0.1 s"
        assert len(calls) == 1
        answers.set()
        while asked(told.address, "/readyz")[0] == 503:
            assert len(calls) < 10


def test_the_metrics_are_text_and_other_paths_and_methods_are_refused_without_an_echo() -> None:
    with counters_served() as told:
        code, page = ask(told.address, "/metrics?name[]=x")
        assert code == 200
        assert 'emostream_records_received_total{station="test"} 0.0' in page
        assert ask(told.address, "/metrics", "HEAD") == (200, "")
        for path, method, refused in (("/secret", "GET", 404), ("/secret", "POST", 501)):
            code, page = ask(told.address, path, method)
            assert code == refused
            assert "secret" not in page


def test_without_the_setting_nothing_listens() -> None:
    with serving(Settings(), [Counters("test")]) as told:
        told.started({})
        assert told.address is None


def test_a_port_alone_listens_on_this_machine_only() -> None:
    assert host_and_port("9464") == ("127.0.0.1", 9464)
    assert host_and_port("0.0.0.0:9464") == ("0.0.0.0", 9464)
    assert host_and_port("[::1]:9464") == ("::1", 9464)
    with counters_served() as told:
        assert told.address and told.address.startswith("127.0.0.1:")


@pytest.mark.parametrize("address", ["here", "host:", "host:70000", "-1", "1.5", "²"])
def test_an_address_that_is_none_is_refused_by_name(address: str) -> None:
    with pytest.raises(ValidationError, match=r"metrics\n.*must be a port, or host:port"):
        Settings(metrics=address)


def test_two_stations_on_one_port_are_told_so() -> None:
    with counters_served() as told:
        assert told.address
        port = told.address.rpartition(":")[2]
        taken = rf"EMOSTREAM_METRICS={port}: cannot listen there \(Address already in use\)"
        with pytest.raises(UserError, match=taken), serving(Settings(metrics=port), []):
            pass


def test_clients_that_say_nothing_are_hung_up_on_and_then_others_are_heard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(status, "REQUEST_SECONDS", 0.5)
    with counters_served() as told:
        assert told.address
        host, port = told.address.split(":")
        silent = [socket.create_connection((host, int(port))) for _ in range(24)]
        deadline = time.monotonic() + 30
        while True:
            try:
                assert ask(told.address, "/livez")[0] == 200
                break
            except (ConnectionError, http.client.HTTPException):
                assert time.monotonic() < deadline
                time.sleep(0.02)
        for one in silent:
            one.settimeout(10)
            assert one.recv(1) == b""
            one.close()


def test_a_client_that_trickles_is_hung_up_on_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "REQUEST_SECONDS", 0.5)
    with counters_served() as told:
        assert told.address
        host, port = told.address.split(":")
        began = time.monotonic()
        with socket.create_connection((host, int(port))) as client:
            client.settimeout(0.05)
            with pytest.raises(ConnectionError):
                while time.monotonic() - began < 30:
                    client.sendall(b"G")
                    try:
                        assert client.recv(1) == b""
                        raise ConnectionError
                    except TimeoutError:
                        continue


def test_a_client_that_hangs_does_not_hold_the_shutdown_up() -> None:
    with counters_served() as told:
        assert told.address
        host, port = told.address.split(":")
        hanging = socket.create_connection((host, int(port)))
        hanging.sendall(b"GET /metrics HTTP/1.1\r\n")
        ending = time.monotonic()
    assert time.monotonic() - ending < status.REQUEST_SECONDS / 2
    hanging.close()
