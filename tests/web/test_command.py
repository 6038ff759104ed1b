"""`python -m web` as a person runs it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import urllib3
from pydantic import ValidationError

from stack import certificates
from stack.secrets import Folder
from stream.errors import UserError
from stream.settings import Settings
from tests.web.serving import Server
from web import __main__ as command

ROOT = Path(__file__).parents[2]


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "web", *arguments],
        cwd=ROOT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@contextmanager
def started(*arguments: str, **variables: str) -> Iterator[tuple[subprocess.Popen[str], Server]]:
    command = [sys.executable, "-m", "web", "--port", "0", *arguments]
    environment = os.environ | variables
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr
            line = process.stderr.readline()
            found = re.search(r"https?://127\.0\.0\.1:(\d+)$", line.strip())
            assert found, line
            yield process, Server(int(found[1]))
        finally:
            process.kill()


@pytest.mark.wire
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_serves_the_page_and_stops_when_asked(how: signal.Signals) -> None:
    # Nothing answers at this address: the page and the API need no index.
    with started(EMOSTREAM_ELASTICSEARCH="http://127.0.0.1:1") as (process, server):
        assert server.result(text="thank you so much")["primary"] == "gratitude"
        page = server.get("/")
        assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        asked = server.get("/v1/classify")
        assert (asked.status, asked.headers["Allow"]) == (405, "POST")
        missing = server.get("/nothing")
        assert (missing.status, missing.json()["title"]) == (404, "Not found")
        checks = server.get("/readyz").json()
        assert checks["ready"] is True
        assert checks["checks"]["elasticsearch"]["ok"] is False
        process.send_signal(how)
        assert process.wait(60) == 0
        assert process.stderr
        assert process.stderr.read() == ""


@pytest.mark.wire
def test_with_a_certificate_it_speaks_tls(tmp_path: Path) -> None:
    certificates.make(Folder(tmp_path), ["localhost"])
    names = ("--certificate", "localhost.crt", "--certificate-key", "localhost.key")
    arguments = [part if part[:2] == "--" else str(tmp_path / part) for part in names]
    with started(*arguments) as (_process, server):
        trust = urllib3.PoolManager(ca_certs=str(tmp_path / "ca.crt"), retries=False)
        answer = trust.request("GET", f"https://localhost:{server.port}/healthz")
        assert answer.data == b"ok\n"


@pytest.mark.wire
def test_a_new_key_opens_a_guarded_server_and_settings_are_taken(tmp_path: Path) -> None:
    file = str(tmp_path / "keys")
    made = run("--new-key", "me", EMOSTREAM_WEB_KEYS=file)
    assert (made.returncode, made.stderr) == (0, "")
    key = made.stdout.strip()
    with started(EMOSTREAM_WEB_KEYS=file, EMOSTREAM_WEB_ORIGINS="*") as (_process, server):
        assert server.get("/").status == 401
        headers = {"Authorization": f"Bearer {key}", "Origin": "https://any.example"}
        answer = server.get("/v1/labels", headers=headers)
        assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, "*")


def test_a_port_that_is_taken_is_said_before_anything_slow_is_done() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run("--port", str(taken.getsockname()[1]), PYTHONPROFILEIMPORTTIME="1")
    assert "Address already in use" in done.stderr
    assert re.search(r"\| +stream\.settings\n", done.stderr)
    for slow in ("numpy", "torch", "web.app"):
        assert not re.search(rf"\| +{re.escape(slow)}\n", done.stderr)


def test_what_a_person_can_mend_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run("--port", port)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == f"error: --host 127.0.0.1 --port {port}: Address already in use\n"


@pytest.mark.parametrize(
    ("arguments", "keys", "said"),
    [
        (["--new-key", "me"], "", "EMOSTREAM_WEB_KEYS is not set"),
        (["--certificate", "/none"], "", "give both or none"),
        (["--certificate", "/none", "--certificate-key", "/none"], "", "No such file"),
        (["--host", "nowhere.invalid"], "", "--host nowhere.invalid --port 0: "),
        ([], "/none", "EMOSTREAM_WEB_KEYS: /none cannot be read: No such file"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_served(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], keys: str, said: str
) -> None:
    monkeypatch.setattr("sys.argv", ["python -m web", "--port", "0", *arguments])
    monkeypatch.setattr(command, "set_up_logs", lambda _name: None)
    monkeypatch.setattr(command, "load_settings", lambda: Settings(web_keys=keys or None))
    with pytest.raises(UserError, match=re.escape(said)):
        command.main()


@pytest.mark.parametrize("origins", ["elsewhere", "https://a.example/", "https://a.example,b"])
def test_origins_are_checked_at_the_start(origins: str) -> None:
    with pytest.raises(ValidationError, match="must be https://host"):
        Settings(web_origins=origins)
    assert Settings(web_origins="https://a.example, http://localhost:3000").web_origins
