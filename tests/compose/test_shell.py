"""The little shell in the compose files does what it says, run by a real shell.

The servers' own programs are stand-ins in a folder of their own, which tell what they were given.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.compose.composefile import PLAIN, ROOT, TLS, load

Services = dict[str, Any]
SECRETS = ("elastic.password", "kibana_system.password", "analyst.password")
OTHERS = (
    "kibana.encryption_key",
    "indexer.key",
    "reader.key",
    "ca.crt",
    "elasticsearch.crt",
    "elasticsearch.key",
    "web.crt",
    "web.key",
)


@dataclass
class Container:
    """Runs a service's shell with the container's folders in a folder of the test."""

    folder: Path
    places: dict[str, Path] = field(default_factory=dict)

    def place(self, path: str) -> Path:
        here = self.folder / "root" / path.strip("/")
        here.mkdir(parents=True)
        self.places[path] = here
        return here

    def stand_in(self, name: str, script: str) -> None:
        program = self.folder / name
        program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        program.chmod(0o755)

    def run(self, command: list[str], **replaced: str) -> subprocess.CompletedProcess[str]:
        shell = ["sh", "-c", *command[1:]] if command[0] == "CMD-SHELL" else command
        text = json.dumps(shell)
        for path, here in self.places.items():
            text = text.replace(path, str(here))
        for old, new in replaced.items():
            text = text.replace(old, new)
        variables = os.environ | {"PATH": f"{self.folder}:{os.environ['PATH']}"}
        return subprocess.run(
            json.loads(text), env=variables, capture_output=True, text=True, check=False
        )


@pytest.fixture
def container(tmp_path: Path) -> Container:
    container = Container(tmp_path)
    secrets = container.place("/secrets")
    for name in SECRETS + OTHERS:
        (secrets / name).write_text(f"the {name}\n", encoding="utf-8")
    return container


def test_kibana_gets_its_secrets_in_the_variables_that_its_settings_name(
    container: Container, services: Services
) -> None:
    container.stand_in("kibana-docker", "env")
    done = container.run(services["kibana"]["command"])
    given = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    settings = yaml.safe_load((ROOT / "docker" / "kibana.yml").read_text(encoding="utf-8"))
    anonymous = settings["xpack.security.authc.providers"]["anonymous.explore"]
    for setting, secret in {
        settings["elasticsearch.password"]: "kibana_system.password",
        settings["xpack.security.encryptionKey"]: "kibana.encryption_key",
        settings["xpack.encryptedSavedObjects.encryptionKey"]: "kibana.encryption_key",
        settings["xpack.reporting.encryptionKey"]: "kibana.encryption_key",
        anonymous["credentials"]["password"]: "analyst.password",
    }.items():
        assert given[setting.removeprefix("${").removesuffix("}")] == f"the {secret}"


def test_kibana_does_not_start_without_a_secret(container: Container, plain: Services) -> None:
    container.stand_in("kibana-docker", "echo started")
    (container.places["/secrets"] / "analyst.password").unlink()
    done = container.run(plain["kibana"]["command"])
    assert done.returncode != 0
    assert "started" not in done.stdout


def test_elasticsearch_starts_with_a_copy_of_its_configuration(
    container: Container, services: Services
) -> None:
    original = container.place("/usr/share/elasticsearch/config")
    (original / "jvm.options.d").mkdir()
    (original / "jvm.options").write_text("-Xss1m\n", encoding="utf-8")
    copy = container.place("/run/elasticsearch")
    container.stand_in("docker-entrypoint.sh", 'echo "entrypoint $*"')
    done = container.run(services["elasticsearch"]["command"])
    assert (done.returncode, done.stdout) == (0, "entrypoint eswrapper\n"), done.stderr
    node = services["elasticsearch"]["environment"]
    assert node["ES_PATH_CONF"] == "/run/elasticsearch/config"
    assert (copy / "config" / "jvm.options").read_text(encoding="utf-8") == "-Xss1m\n"
    named = {value for name, value in node.items() if ".ssl." in name and "." in value}
    assert all((copy / "config" / name).is_file() for name in named)
    assert bool(named) == (node["xpack.security.http.ssl.enabled"] == "true")


def test_setup_hands_out_the_keys_of_stations_and_page_and_no_password(
    container: Container, services: Services
) -> None:
    keys = container.place("/keys")
    container.stand_in("python", 'echo "$*"')
    for _ in range(2):  # the second start finds the first one's read-only files
        done = container.run(services["setup"]["command"])
        assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "-m stream topics"
    handed_out = {path.name for path in keys.iterdir()}
    assert {"indexer.key", "reader.key"} <= handed_out
    assert handed_out <= {"indexer.key", "reader.key", "ca.crt", "web.crt", "web.key"}
    assert (keys / "indexer.key").read_text(encoding="utf-8") == "the indexer.key\n"
    assert (keys / "indexer.key").stat().st_mode & 0o777 == 0o400


def test_setup_hands_out_nothing_where_it_fails(container: Container, plain: Services) -> None:
    keys = container.place("/keys")
    container.stand_in("python", '[ "$2" != indexer ]')
    assert container.run(plain["setup"]["command"]).returncode != 0
    assert list(keys.iterdir()) == []


@dataclass
class Server:
    """Answers every request with one status and body, and keeps what it was asked."""

    port: int
    asked: list[tuple[str, str | None]]


@contextmanager
def serving(status: int, body: str) -> Iterator[Server]:
    asked: list[tuple[str, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["Authorization"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Server(server.server_port, asked)
    finally:
        server.shutdown()
        server.server_close()


def healthy(container: Container, check: list[str], server: Server) -> bool:
    by_port = {f"//localhost:{port}/": f"//127.0.0.1:{server.port}/" for port in (9200, 5601)}
    return container.run(check, **by_port).returncode == 0


@pytest.mark.wire
@pytest.mark.parametrize(
    ("status", "well"), [(200, True), (401, False), (408, False), (503, False)]
)
def test_elasticsearch_is_healthy_once_the_administrator_finds_the_cluster_ready(
    container: Container, plain: Services, status: int, well: bool
) -> None:
    with serving(status, "{}") as server:
        check = plain["elasticsearch"]["healthcheck"]["test"]
        assert healthy(container, check, server) == well
        path, authorization = server.asked[0]
    assert path.startswith("/_cluster/health?wait_for_status=yellow")
    expected = base64.b64encode(b"elastic:the elastic.password").decode()
    assert authorization == f"Basic {expected}"


@pytest.mark.wire
@pytest.mark.parametrize(
    ("status", "level", "well"),
    [(200, "available", True), (200, "degraded", False), (503, "available", False)],
)
def test_kibana_is_healthy_once_it_says_so(
    container: Container, plain: Services, status: int, level: str, well: bool
) -> None:
    body = json.dumps({"status": {"overall": {"level": level}}}, separators=(",", ":"))
    with serving(status, body) as server:
        assert healthy(container, plain["kibana"]["healthcheck"]["test"], server) == well
        assert server.asked == [("/api/status", None)]


def test_with_tls_the_health_checks_differ_only_in_how_they_connect() -> None:
    plain, tls = load(PLAIN), load(PLAIN, TLS)
    for name in ("elasticsearch", "kibana"):
        encrypted = tls[name]["healthcheck"]["test"][1]
        assert "--cacert /secrets/ca.crt" in encrypted
        same = encrypted.replace("--cacert /secrets/ca.crt ", "").replace("https://", "http://")
        assert same == plain[name]["healthcheck"]["test"][1]
        assert tls[name]["healthcheck"] | {"test": []} == plain[name]["healthcheck"] | {"test": []}
