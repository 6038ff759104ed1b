"""What keeps a crawl from going on is named before anybody starts it."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from ingest.checks import checks
from ingest.context import utc_now
from ingest.ledger import Ledger
from ingest.quota import SEARCHES, UNITS, Quota
from ingest.state import State
from stream.doctor.findings import Finding
from stream.settings import Settings


def codes(findings: Iterator[Finding]) -> list[str]:
    return [one.code for one in findings]


def test_a_folder_that_is_not_there_yet_raises_nothing_and_is_not_made(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "crawls"
    assert list(checks(Settings(state_dir=folder), 0)) == []
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_which_no_file_can_be_kept_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert codes(checks(Settings(state_dir=tmp_path / "file"), 0)) == ["state-dir-not-writable"]
    assert codes(checks(Settings(state_dir=tmp_path / "file" / "x"), 0)) == [
        "state-dir-not-writable"
    ]


def test_a_folder_that_may_only_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # The tests may run as root, who may write everywhere: the system's answer is given for it.
    may = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK and may(path, mode))
    assert codes(checks(Settings(state_dir=tmp_path), 0)) == ["state-dir-not-writable"]


@pytest.mark.parametrize(
    ("source", "token"),
    [
        ("x", {"x_bearer_token": SecretStr("t")}),
        ("youtube", {"youtube_api_key": SecretStr("k")}),
        ("mastodon", {"mastodon": "https://example.org"}),
        ("bluesky", {}),
    ],
)
def test_a_crawl_without_its_token_is_named_until_it_has_it(
    tmp_path: Path, source: str, token: dict[str, object]
) -> None:
    with State.open(tmp_path, "mine", source) as state:
        state.save({"at": 1})
    if token:
        (found,) = checks(Settings(state_dir=tmp_path), 0)
        assert (found.code, "mine" in found.sentence) == ("token-missing", True)
        assert f"EMOSTREAM_{next(iter(token)).upper()}" in found.sentence
    assert list(checks(Settings(state_dir=tmp_path, **token), 0)) == []  # type: ignore[arg-type]


def test_a_state_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text("[]")
    assert codes(checks(Settings(state_dir=tmp_path), 0)) == ["state-damaged"]


def test_a_quota_that_is_used_up_is_named_and_one_that_is_not_raises_nothing(
    tmp_path: Path,
) -> None:
    with State.open(tmp_path, "mine") as state:
        ledger = Ledger.of(state, "youtube", "key")
        quota = Quota(ledger, {UNITS: 10, SEARCHES: 1}, utc_now)
        quota.spend("videos.list")
        settings = Settings(state_dir=tmp_path, youtube_units_a_day=10, youtube_searches_a_day=1)
        assert list(checks(settings, 0)) == []
        quota.spend("search.list")
        (found,) = checks(settings, 0)
    assert (found.code, "searches" in found.sentence) == ("quota-used-up", True)


@pytest.mark.parametrize("content", ["[]", json.dumps({"day": "never", "calls": {}})])
def test_a_ledger_that_is_none_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "ledgers").mkdir()
    (tmp_path / "ledgers" / "youtube-0.json").write_text(content)
    assert codes(checks(Settings(state_dir=tmp_path), 0)) == ["ledger-damaged"]
