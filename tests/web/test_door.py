from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from urllib3 import BaseHTTPResponse
from urllib3.util import make_headers

from stream.errors import UserError
from stream.settings import Settings
from tests.web.conftest import models
from tests.web.serving import Server, serving
from web import app, keys
from web.allowance import BURST_SECONDS, Allowance, Allowances
from web.keys import Keys


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys") / "keys"


@pytest.fixture(scope="module")
def key(file: Path) -> str:
    return keys.new(file, "mobile-app")


@pytest.fixture(scope="module")
def guarded(file: Path, key: str) -> Iterator[Server]:
    settings = Settings(
        web_keys=file, web_origins="https://friend.example", web_hosts="a, ours.example"
    )
    with serving(app.make(models(), None, settings)) as server:
        yield server


@pytest.fixture(scope="module")
def limited() -> Iterator[Server]:
    with serving(app.make(models(), None, Settings(web_rate=5))) as server:
        yield server


@pytest.mark.wire
def test_without_a_key_only_the_health_is_told(guarded: Server) -> None:
    for path in ("/v1/labels", "/v1/model", "/metrics", "/openapi.json", "/"):
        answer = guarded.get(path)
        assert answer.status == 401, path
        assert answer.json()["title"] == "Unauthorised"
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert guarded.classify(text="a").status == 401
    assert guarded.get("/healthz").status == guarded.get("/readyz").status == 200


@pytest.mark.wire
def test_a_key_opens_as_bearer_and_as_password_and_another_does_not(
    guarded: Server, key: str
) -> None:
    for headers in (
        {"Authorization": f"Bearer {key}"},
        {"Authorization": f"bearer {key}"},
        make_headers(basic_auth=f"anybody:{key}"),
    ):
        assert guarded.get("/v1/labels", headers=headers).status == 200
    for wrong in (
        f"Bearer {key}x", "Bearer", "Basic !", "Basic 4pyT", f"Digest {key}", "Bearer mobile-app",
    ):  # fmt: skip
        assert guarded.get("/v1/labels", headers={"Authorization": wrong}).status == 401


@pytest.mark.wire
def test_a_name_that_another_site_points_at_us_is_refused(guarded: Server, limited: Server) -> None:
    def asked(server: Server, host: str) -> int:
        return server.get("/healthz", headers={"Host": host}).status

    for host in ("localhost", "LOCALHOST.:80", "127.0.0.1:8000", "[::1]:8000", "192.168.0.7"):
        assert asked(guarded, host) == 200, host
    for host in (
        "evil.example",
        "evil.example:8000",
        "127.0.0.1.evil.example",
        "localhost.evil",
        "",
        "a:b:c",
    ):
        assert asked(guarded, host) == 421, host
    assert (asked(guarded, "ours.example"), asked(limited, "ours.example")) == (200, 421)
    refused = guarded.get("/v1/labels", headers={"Host": "evil.example"}).json()
    assert refused["title"] == "Misdirected"
    assert "EMOSTREAM_WEB_HOSTS" in refused["detail"]


@pytest.mark.wire
def test_a_page_of_a_named_site_may_ask_and_of_another_not(guarded: Server) -> None:
    def preflight(origin: str) -> BaseHTTPResponse:
        headers = {
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        }
        return guarded.ask("OPTIONS", "/v1/classify", headers=headers)

    friend, foe = preflight("https://friend.example"), preflight("https://foe.example")
    assert friend.status == 200
    assert friend.headers["Access-Control-Allow-Origin"] == "https://friend.example"
    assert foe.status == 400
    assert "Access-Control-Allow-Origin" not in foe.headers
    assert foe.headers["Content-Type"] == "application/problem+json"
    assert foe.json()["detail"] == "Disallowed CORS origin"
    assert "Origin" in foe.headers["Vary"]


@pytest.mark.wire
def test_whoever_sends_too_much_is_told_when_to_come_again(limited: Server) -> None:
    assert limited.classify(texts=["good"] * 100).status == 200
    answer = limited.classify(text="good")
    assert answer.status == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 11
    assert answer.json()["title"] == "Too many requests"
    assert limited.get("/healthz").status == 200


def test_a_debt_is_paid_off_by_time() -> None:
    now = [0.0]
    one = Allowance(2.0, clock=lambda: now[0])
    one.take(2 * BURST_SECONDS)
    assert one.wait() == 0
    one.take(10)
    assert one.wait() == 5
    now[0] += 5.0
    assert one.wait() == 0
    one.take(1)
    assert one.wait() == 1
    now[0] += 1000
    one.wait()
    one.take(2 * BURST_SECONDS + 1)
    assert one.wait() == 1


def test_many_askers_are_not_remembered_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.allowance.ASKERS", 2)
    all_of_them = Allowances()
    all_of_them.of("a", 1).take(100)
    all_of_them.of("b", 1)
    assert all_of_them.of("a", 1).wait() > 0
    all_of_them.of("c", 1)
    assert all_of_them.of("a", 1).wait() > 0
    all_of_them.of("d", 1)
    all_of_them.of("e", 1)
    assert all_of_them.of("a", 1).wait() == 0


def test_the_file_holds_no_key_and_is_its_owner_s_alone(file: Path, key: str) -> None:
    assert key not in file.read_text(encoding="utf-8")
    assert file.stat().st_mode & 0o077 == 0


def test_a_key_may_have_a_rate_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    first = keys.new(file, "a")
    file.write_text(f"# ours\n\n{file.read_text().strip()} 2.5", encoding="utf-8")
    second = keys.new(file, "b")
    known = Keys(file)
    found = known.of(f"Bearer {first}"), known.of(f"Bearer {second}")
    assert found == (keys.Key("a", 2.5), keys.Key("b", None))


def test_a_file_that_changes_is_read_again_and_a_damaged_one_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "keys"
    first = keys.new(file, "first")
    known = Keys(file)
    second = keys.new(file, "second")
    assert known.of(f"Bearer {second}") == keys.Key("second")
    good = file.read_text(encoding="utf-8")
    caplog.clear()
    for damage in (lambda: file.write_text(good + "neither\n", encoding="utf-8"), file.unlink):
        damage()
        for _ in range(3):
            assert known.of(f"Bearer {first}") and known.of(f"Bearer {second}")
    told = [one.message for one in caplog.records]
    assert len(told) == 2
    assert "keys, line 3: write `name" in told[0]
    assert "cannot be read" in told[1]
    file.write_text(good.splitlines()[1], encoding="utf-8")
    assert known.of(f"Bearer {first}") is None
    assert known.of(f"Bearer {second}")


@pytest.mark.parametrize("line", ["alone", "name abc", "a " + "0" * 64 + " fast", "a b c d"])
def test_a_line_that_is_none_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# one\n{line}\n", encoding="utf-8")
    with pytest.raises(UserError, match="keys, line 2: write `name sha256"):
        Keys(file)


def test_a_file_that_is_missing_or_empty_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"EMOSTREAM_WEB_KEYS: .* cannot be read"):
        Keys(tmp_path / "none")
    (tmp_path / "empty").touch()
    with pytest.raises(UserError, match="holds no key: `python -m web --new-key"):
        Keys(tmp_path / "empty")
    with pytest.raises(UserError, match="a name has letters"):
        keys.new(tmp_path / "k", "two words")
