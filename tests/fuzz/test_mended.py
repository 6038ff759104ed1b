"""What the fuzzer once found, by name: each is refused in one line that names the file or field."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from classifier import artifact
from indexer.bulk import IndexingError, outcome
from ingest import budget, quota
from ingest.ledger import Ledger
from ingest.live import x_rules
from ingest.state import State
from kibana.importing import fetch, put
from kibana.server import Answer
from stream import settings
from stream.errors import UserError
from stream.hashtags import HashtagLabels
from tests.fuzz.targets import _Answering, _artifact

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DEEP = "[" * 2000


@pytest.mark.parametrize(
    "kept",
    [
        *({"day": None}, {"day_posts": "3"}, {"day_posts": 1e400}, {"month": 5}, {"day": "\ud800"}),
        *({"day_posts": -5}, {"month_posts": True}, {"day": "today"}),
    ],
)
def test_a_damaged_budget_is_refused_and_not_begun_anew(kept: object, tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text(json.dumps(kept))
    with pytest.raises(UserError, match=r"x\.json: is no ledger of a crawl: move it away"):
        budget.Budget(budget.Limits(0.005), Ledger(file), lambda: NOW)


@pytest.mark.parametrize(
    "kept",
    [
        *({"calls": {}}, {"day": ""}, {"day": "2026-11-21", "calls": None}),
        *({"day": "2026-11-21", "calls": {"": 1}}, {"day": "2026-13-21"}),
        {"day": "2026-11-21", "closed_until": {"units": "soon"}},
        {"day": "2026-11-21", "calls": {"videos.list": -5}},
    ],
)
def test_a_damaged_quota_is_refused_and_not_begun_anew(kept: object, tmp_path: Path) -> None:
    file = tmp_path / "youtube.json"
    file.write_text(json.dumps(kept))
    with pytest.raises(UserError, match=r"youtube\.json: is no ledger of a crawl: move it away"):
        quota.Quota(Ledger(file), {quota.UNITS: 10}, lambda: NOW)


def test_a_ledger_that_is_damaged_while_we_count_is_refused_too(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    spent = budget.Budget(budget.Limits(0.005, posts_per_day=10), Ledger(file), lambda: NOW)
    file.write_text('{"day": 5}')
    with pytest.raises(UserError, match="is no ledger"):
        spent.reserve()


@pytest.mark.parametrize(
    "kept",
    ["[]", DEEP, '{"cursor": 5}', '{"source": 5}', '{"ledgers": []}', '{"ledgers": {"a": 1}}'],
)
def test_a_state_that_is_none_is_refused(kept: str, tmp_path: Path) -> None:
    (tmp_path / "crawl.json").write_text(kept)
    with pytest.raises(UserError, match=r"crawl\.json: is no state of a crawl: move it away"):
        State.open(tmp_path, "crawl", "x")


def test_a_cursor_with_half_a_surrogate_pair_is_kept_and_read_again(tmp_path: Path) -> None:
    with State.open(tmp_path, "crawl", "x") as state:
        state.save({"token": "\ud800"})
    with State.open(tmp_path, "crawl", "x") as state:
        assert state.cursor == {"token": "\ud800"}


def test_toml_that_is_nested_too_deeply_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.toml"
    file.write_text("a = " + DEEP)
    monkeypatch.setenv("EMOSTREAM_SETTINGS", str(file))
    for read in (
        lambda: HashtagLabels.load(file),
        lambda: x_rules.declared(file),
        settings.load_settings.__wrapped__,
    ):
        with pytest.raises(UserError, match=r"a\.toml: nested too deeply"):
            read()


def test_settings_that_are_no_utf_8_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.toml"
    file.write_bytes(b'kafka = "\xff"')
    monkeypatch.setenv("EMOSTREAM_SETTINGS", str(file))
    with pytest.raises(UserError, match=r"a\.toml or .* is not UTF-8"):
        settings.load_settings.__wrapped__()


@pytest.mark.parametrize(
    "item", [{}, {"index": None}, {"index": {}}, {"index": {"status": 400, "error": "bad"}}, None]
)
def test_an_item_that_is_none_of_elasticsearchs_stops_the_station(item: object) -> None:
    with pytest.raises(IndexingError, match="not Elasticsearch"):
        outcome(item)  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize(
    "answer",
    [
        {"success": True, "successResults": 5},
        {"success": True, "successResults": [{}]},
        {"success": False, "errors": "all"},
        {"success": False, "errors": [{"error": None}]},
    ],
)
def test_an_import_answered_by_something_else_is_one_line(answer: object) -> None:
    with pytest.raises(UserError, match="is it a Kibana"):
        put(_Answering(Answer(200, json.dumps(answer).encode())), b"{}")


def test_an_export_answered_by_something_else_is_one_line() -> None:
    for body in (DEEP.encode(), b"5", b'{"id": 1}', b'"id"'):
        with pytest.raises(UserError, match="is it a Kibana"):
            fetch(_Answering(Answer(200, body)), [])
    with pytest.raises(UserError, match="refused the export"):
        fetch(_Answering(Answer(400, b'{"attributes": {"objects": [5]}}')), [])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small artifact that is whole."""
    return Path(shutil.copytree(_artifact(), tmp_path / "artifact"))


@pytest.mark.parametrize("content", [DEEP, '{"emotion": 5}', '{"emotion": {"0": "joy"}}'])
def test_labels_of_another_shape_are_refused(content: str, folder: Path) -> None:
    (folder / "labels.json").write_text(content)
    artifact.write_manifest(folder)
    with pytest.raises(artifact.ArtifactError, match=r"labels\.json: expected"):
        artifact.load(folder)


@pytest.mark.parametrize("number", ["1" * 400, "-1", "1e400", "NaN", "null", "[]"])
def test_a_temperature_that_is_none_is_refused(number: str, tmp_path: Path) -> None:
    whole = artifact.SHIPPED / "calibration.json"
    content = json.loads(whole.read_text())
    head = next(iter(content))
    content[head]["temperature"] = "HERE"
    file = tmp_path / "calibration.json"
    file.write_text(json.dumps(content).replace('"HERE"', number))
    with pytest.raises(artifact.ArtifactError, match=r"calibration\.json: expected"):
        artifact._calibration(file)


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "", "..", "plots/..", "a" * 5000])
def test_a_manifest_may_name_no_file_that_cannot_be(name: str, folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][name] = {"bytes": 0, "sha256": ""}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(artifact.ArtifactError):
        artifact.load(folder)
