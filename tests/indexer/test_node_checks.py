"""Each fault of Elasticsearch itself, before the real node or made on a fake one, is named."""

import socket
import ssl
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from pydantic import SecretStr

from indexer import templates
from indexer.checks import of_cluster
from indexer.documents import FAMILY
from stack import Stack, certificates
from stack.secrets import Folder
from stream.elastic import connect
from stream.settings import Settings
from tests.indexer.altered_node import AlteredNode, altered_node
from tests.indexer.conftest import empty

pytestmark = pytest.mark.stack

HOUR_MS = 3_600_000
EMPTY: dict[str, Any] = {}


def codes(address: str, **settings: Any) -> list[str]:
    return [one.code for one in of_cluster(Settings(elasticsearch=address, **settings))]


@pytest.fixture(scope="module")
def standing(stack: Stack) -> Iterator[str]:
    """The node as setup leaves it, with a month; nothing here changes it."""
    with connect(Settings(elasticsearch=stack.elasticsearch)) as client:
        empty(client)
        templates.set_up(client)
        templates.create(client, f"{FAMILY}-2026.03")
        yield stack.elasticsearch
        empty(client)


@pytest.fixture
def altered(standing: str) -> Iterator[AlteredNode]:
    with altered_node(standing) as node:
        yield node


def test_a_node_that_nobody_alters_raises_nothing(altered: AlteredNode) -> None:
    assert codes(altered.address) == []


@pytest.mark.parametrize(("version", "found"), [("8.19.2", 1), ("10.0.0", 1), ("9.5.3", 0)])
def test_a_node_of_another_major_version_is_named_and_asked_no_more(
    altered: AlteredNode, version: str, found: int
) -> None:
    altered.changes("/_nodes/http", lambda body: _each(body, version=version))
    assert codes(altered.address) == ["elasticsearch-wrong-version"] * found


@pytest.mark.parametrize(("hours", "found"), [(-1, 1), (1, 1), (0, 0)])
def test_a_clock_that_is_off_is_named(altered: AlteredNode, hours: int, found: int) -> None:
    at = int(1000 * time.time()) + hours * HOUR_MS
    altered.changes("/_nodes/stats/process", lambda body: _each(body, timestamp=at))
    assert codes(altered.address) == ["clock-skew"] * found


def test_a_node_with_little_memory_is_named(altered: AlteredNode) -> None:
    jvm = {"mem": {"heap_max_in_bytes": 256 * 2**20}}
    altered.changes("/_nodes/jvm", lambda body: _each(body, jvm=jvm))
    assert codes(altered.address) == ["heap-too-small"]


@pytest.mark.parametrize(
    ("free", "low", "flood", "severity"),
    [
        (90, "85%", "95%", None),
        (10, "85%", "95%", "warning"),
        (4, "85%", "95%", "problem"),
        (10, "0.85", "0.95", "warning"),
        (40, "50gb", "1gb", "warning"),
        (60, "50gb", "1gb", None),
        (40, "50gb", "45gb", "problem"),
    ],
)
def test_a_disk_below_a_watermark_is_named_and_below_the_last_it_is_a_problem(
    altered: AlteredNode, free: int, low: str, flood: str, severity: str | None
) -> None:
    watermark = "cluster.routing.allocation.disk.watermark."
    levels = {watermark + "low": low, watermark + "high": flood, watermark + "flood_stage": flood}
    altered.answers("/_cluster/settings", 200, {"defaults": {}, "persistent": levels})
    disk = {"total": {"total_in_bytes": 100 * 2**30, "available_in_bytes": free * 2**30}}
    altered.changes("/_nodes/stats/fs", lambda body: _each(body, fs=disk))
    found = list(of_cluster(Settings(elasticsearch=altered.address)))
    assert [(one.code, one.severity) for one in found] == (
        [("disk-watermark", severity)] if severity else []
    )


def test_of_a_large_disk_a_share_is_no_more_than_its_headroom(altered: AlteredNode) -> None:
    watermark = "cluster.routing.allocation.disk.watermark.low"
    levels = {watermark: "85%", f"{watermark}.max_headroom": "200GB"}
    altered.answers("/_cluster/settings", 200, {"defaults": levels})
    disk = {"total": {"total_in_bytes": 10 * 2**40, "available_in_bytes": 300 * 2**30}}
    altered.changes("/_nodes/stats/fs", lambda body: _each(body, fs=disk))
    assert codes(altered.address) == []


@pytest.mark.parametrize(("days", "expected"), [(3, ["key-expires-soon"]), (30, []), (None, [])])
def test_a_key_that_ends_soon_is_named(
    altered: AlteredNode, days: int | None, expected: list[str]
) -> None:
    key: dict[str, Any] = {"id": "k1", "name": "emostream-indexer"}
    altered.answers("/_security/_authenticate", 200, {"username": "elastic", "api_key": key})
    ends = {} if days is None else {"expiration": int(1000 * time.time()) + days * 24 * HOUR_MS}
    altered.answers("/_security/api_key?id=k1", 200, {"api_keys": [key | ends]})
    assert codes(altered.address, elasticsearch_api_key=SecretStr("abc")) == expected


def test_a_key_that_has_ended_is_told_from_one_that_never_was(altered: AlteredNode) -> None:
    def refusal(reason: str) -> dict[str, Any]:
        return {"error": {"type": "security_exception", "reason": reason}, "status": 401}

    key = {"elasticsearch_api_key": SecretStr("abc")}
    ended = "unable to authenticate: [ApiKey] API key: api key is expired"
    altered.answers("/", 401, refusal(ended))
    assert codes(altered.address, **key) == ["key-expired"]
    altered.answers("/", 401, refusal("unable to authenticate user"))
    assert codes(altered.address, **key) == ["credentials-refused"]


def test_what_is_forbidden_is_left_out_and_the_rest_is_asked(altered: AlteredNode) -> None:
    altered.answers("/_nodes/stats/fs", 403, {"error": {"type": "security_exception"}})
    altered.changes("/_nodes/jvm", lambda b: _each(b, jvm={"mem": {"heap_max_in_bytes": 1}}))
    assert codes(altered.address) == ["heap-too-small", "elasticsearch-forbids"]


def test_a_node_that_answers_with_a_fault_is_named(altered: AlteredNode) -> None:
    altered.answers("/_cluster/health", 503, {"error": {"type": "no_master"}, "status": 503})
    assert codes(altered.address) == ["elasticsearch-unreachable"]


@pytest.mark.parametrize("status", [200, 404])
def test_a_server_that_is_no_elasticsearch_is_named(altered: AlteredNode, status: int) -> None:
    altered.product = None
    altered.answers("/", status, EMPTY)
    assert codes(altered.address) == ["not-elasticsearch"]


def test_a_node_that_is_not_there_or_does_not_answer_is_named_within_seconds() -> None:
    assert codes("http://127.0.0.1:1") == ["elasticsearch-unreachable"]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert codes(address) == ["elasticsearch-unreachable"]
        assert time.monotonic() - began < 30  # and not REQUEST_SECONDS for every question


def test_a_certificate_that_nobody_vouches_for_is_named_and_with_its_authority_it_is_taken(
    tmp_path: Path,
) -> None:
    folder = Folder(tmp_path)
    certificates.make(folder, ["localhost"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "localhost.crt", tmp_path / "localhost.key")
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        address = f"https://localhost:{server.server_address[1]}"
        assert codes(address) == ["tls-mistrusted"]
        # It answers every request with 501 then: the handshake was well.
        trusted = codes(address, elasticsearch_ca_file=tmp_path / "ca.crt")
        assert trusted == ["elasticsearch-unreachable"]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _each(body: Any, **changes: Any) -> None:
    for node in body["nodes"].values():
        node.update(changes)
