"""The commands as a person or CI runs them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kibana import __main__ as command
from kibana import building
from stream.errors import UserError
from stream.settings import load_settings
from tests.kibana.edited import File
from tests.kibana.fake_kibana import FakeKibana

ROOT = Path(__file__).parents[2]


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["kibana", *arguments])
    return command.main()


@pytest.fixture
def file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Another file in the place of the committed one."""
    other = tmp_path / "emotions.ndjson"
    monkeypatch.setattr(building, "FILE", other)
    return other


def test_build_writes_the_file_that_its_check_wants(
    monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    assert run(monkeypatch, "build", "--check") == 1
    assert run(monkeypatch, "build") == 0
    assert run(monkeypatch, "build", "--check") == 0
    file.write_text(file.read_text() + "\n")
    assert run(monkeypatch, "build", "--check") == 1


def test_check_prints_each_fault_and_fails(
    monkeypatch: pytest.MonkeyPatch, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    faulty = File()
    faulty.column("words", "word")["sourceField"] = "words"
    file.write_text(faulty.text())
    assert run(monkeypatch, "check") == 1
    assert capsys.readouterr().out.splitlines() == [
        "Emotions now / Which words show it? / word: there is no field words",
        "emotions.ndjson: 1 faults",
    ]


def test_check_without_a_file_says_how_to_make_one(
    monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    with pytest.raises(UserError, match="python -m kibana build"):
        run(monkeypatch, "check")


def test_a_file_that_is_not_utf_8_is_one_line(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    file.write_bytes(b"\xff\xfe{}")
    with pytest.raises(UserError, match="is not UTF-8"):
        run(monkeypatch, "check")


@pytest.mark.parametrize("cut", [5_000, None])
def test_a_faulty_file_is_not_imported(
    monkeypatch: pytest.MonkeyPatch, file: Path, cut: int | None
) -> None:
    faulty = File()
    faulty.column("words", "word")["sourceField"] = "words"
    file.write_text(faulty.text()[:cut])
    with pytest.raises(UserError, match="nothing was imported"):
        run(monkeypatch, "import")


@pytest.mark.parametrize("since", ["yesterday", "now", "now-", "now-2x", "2026-13-01"])
def test_a_time_that_is_none_is_refused(
    monkeypatch: pytest.MonkeyPatch, since: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(monkeypatch, "check", "--es", "--since", since)
    assert "must be a time such as now-7d" in capsys.readouterr().err


@pytest.mark.wire
def test_import_waits_imports_and_says_where_to_look(kibana: FakeKibana) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kibana", "import", "--wait", "5"],
        cwd=ROOT,
        env=os.environ | {"EMOSTREAM_KIBANA": kibana.address},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == f"{kibana.address}/app/dashboards#/view/emostream-now"
    assert len(kibana.objects) == 12


@pytest.mark.wire
def test_a_refused_import_is_exit_code_2_and_one_line(kibana: FakeKibana) -> None:
    kibana.login = ("elastic", "hunter2")
    done = subprocess.run(
        [sys.executable, "-m", "kibana", "import"],
        cwd=ROOT,
        env=os.environ | {"EMOSTREAM_KIBANA": kibana.address},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: Kibana at ")
    assert done.stderr.count("\n") == 1


@pytest.mark.wire
def test_export_tells_what_somebody_changed(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    kibana: FakeKibana,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("EMOSTREAM_KIBANA", kibana.address)
    load_settings.cache_clear()
    exported = tmp_path / "exported.ndjson"
    assert run(monkeypatch, "import") == 0
    assert run(monkeypatch, "export", str(exported)) == 0
    assert exported.read_text(encoding="utf-8") == building.built()
    kibana.objects["tag", "emostream"]["attributes"]["color"] = "#000000"
    assert run(monkeypatch, "export", str(exported)) == 1
    assert "tag emostream: color" in capsys.readouterr().out
    load_settings.cache_clear()
