"""The doctor runs every part's checks, says what they found, and is as its page says."""

import ast
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from stream.__main__ import main as stream_main
from stream.checks import of_health, of_settings
from stream.doctor import command as doctor_command
from stream.doctor import findings as doctor
from stream.doctor.findings import Finding, examine, problem, warning
from stream.settings import Settings

ROOT = Path(__file__).parents[2]
MODULES = [
    *ROOT.glob("*/*checks.py"),
    *(ROOT / "stream" / "doctor").glob("*.py"),
    ROOT / "indexer" / "node.py",
]


def codes(findings: Iterator[Finding] | list[Finding]) -> list[str]:
    return [one.code for one in findings]


def declared() -> dict[str, str]:
    """Every code in the program, with its severities."""
    found: dict[str, set[str]] = {}
    for module in MODULES:
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
                first, name = node.args[0], node.func.id
                if isinstance(first, ast.Constant) and name in ("problem", "warning", "make"):
                    severities = {"problem", "warning"} if name == "make" else {name}
                    found.setdefault(str(first.value), set()).update(severities)
    return {code: " or ".join(sorted(of)) for code, of in found.items()}


def test_the_page_lists_every_code_with_its_severity_and_no_other() -> None:
    page = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
    assert dict(re.findall(r"^\| `([a-z-]+)` \| ([a-z ]+) \|", page, re.M)) == declared()


def test_there_are_more_than_twenty_codes_and_a_test_of_faults_expects_each() -> None:
    expected = {
        node.value
        for test in (ROOT / "tests").glob("*/test_*.py")
        if "checks" in test.name or "doctor" in test.name
        for node in ast.walk(ast.parse(test.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant)
    }
    assert len(declared()) > 20
    assert declared().keys() - expected == set()


def test_what_two_parts_find_is_said_once_and_each_part_is_asked() -> None:
    def one(_settings: Settings, _watch: float) -> Iterator[Finding]:
        yield problem("a", "both.", "mend")

    def two(_settings: Settings, watch: float) -> Iterator[Finding]:
        yield problem("a", "both.", "mend")
        yield warning("b", f"{watch:g}", "mend")

    found = examine(Settings(), {"one": one, "two": two}, watch=7)
    assert [(one.code, one.severity, one.sentence) for one in found] == [
        ("a", "problem", "both."),
        ("b", "warning", "7"),
    ]


def test_a_part_that_hangs_is_left_and_what_it_had_found_is_kept() -> None:
    release = Event()

    def hanging(_settings: Settings, _watch: float) -> Iterator[Finding]:
        yield problem("a", "first.", "mend")
        release.wait()

    found = examine(Settings(), {"one": hanging}, watch=0, limit=0.2)
    release.set()
    assert codes(found) == ["a", "check-unfinished"]


def test_a_fault_of_a_check_is_told_by_its_place_and_the_rest_is_told_too() -> None:
    def broken(_settings: Settings, _watch: float) -> Iterator[Finding]:
        yield problem("a", "first.", "mend")
        raise KeyError("a person's text")

    def sound(_settings: Settings, _watch: float) -> Iterator[Finding]:
        yield warning("b", "second.", "mend")

    found = examine(Settings(), {"one": broken, "two": sound}, watch=0)
    assert codes(found) == ["a", "check-failed", "b"]
    assert "one stopped at stream/test_doctor.py:" in found[1].sentence
    assert "KeyError" in found[1].sentence
    assert "a person's text" not in str(found)


def test_problems_are_told_first_and_alone_make_the_exit_code() -> None:
    slow, gone = warning("slow", "It is slow.", "wait"), problem("gone", "It is gone.", "get it")
    assert doctor_command.told([slow, gone], ["indexer"]) == [
        "problem  gone: It is gone.",
        "         → get it",
        "warning  slow: It is slow.",
        "         → wait",
        "skipped  indexer: not installed here",
        "1 problem, 1 warning",
    ]
    assert doctor_command.told([], []) == ["no problems, no warnings"]
    assert [doctor_command.exit_code(of) for of in ([], [slow], [slow, gone])] == [0, 0, 1]


def test_for_programs_it_is_json() -> None:
    told = json.loads(doctor_command.as_json([problem("gone", "It is gone.", "get it")], ["x"]))
    assert told == {
        "findings": [
            {"code": "gone", "severity": "problem", "sentence": "It is gone.", "mend": "get it"}
        ],
        "skipped": ["x"],
    }


@pytest.mark.parametrize("named", ["no_such_package", "afar.no_such_module"])
def test_a_station_whose_packages_are_missing_is_skipped_by_name_and_a_broken_one_is_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, named: str
) -> None:
    (tmp_path / "afar").mkdir()
    (tmp_path / "afar" / "__init__.py").touch()
    (tmp_path / "afar" / "checks.py").write_text(f"import {named}\n")
    monkeypatch.delitem(sys.modules, "afar", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(doctor, "STATIONS", ("afar",))
    if named == "no_such_package":
        found, missing = doctor.parts()
        assert ([*found], missing) == (["stream"], ["afar"])
    else:
        with pytest.raises(ModuleNotFoundError, match=named):
            doctor.parts()


def test_with_nothing_there_the_command_says_so_within_seconds_and_makes_nothing(
    tmp_path: Path,
) -> None:
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "stream", "doctor", "--json"],
        cwd=tmp_path,
        env={
            "PATH": "",
            "PYTHONPATH": str(ROOT),
            "EMOSTREAM_KAFKA": "127.0.0.1:1",
            "EMOSTREAM_ELASTICSEARCH": "http://127.0.0.1:1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert (done.stderr, list(tmp_path.iterdir())) == ("", [])
    found = [one["code"] for one in json.loads(done.stdout)["findings"]]
    assert found == ["kafka-unreachable", "elasticsearch-unreachable"]
    assert time.monotonic() - began < 60  # no server is waited for: each question has its limit


@pytest.mark.parametrize("given", ["abc", "-1", "nan", "601"])
def test_a_time_to_watch_that_is_none_is_said_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], given: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["stream", "doctor", f"--watch={given}"])
    with pytest.raises(SystemExit) as end:
        stream_main()
    assert end.value.code == 2
    told = capsys.readouterr().err
    assert f"argument --watch: {given}: must be a number of seconds, 0 to 600" in told


def test_settings_that_cannot_be_read_are_exit_code_2(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "stream", "doctor"],
        cwd=tmp_path,
        env={"PATH": "", "PYTHONPATH": str(ROOT), "EMOSTREAM_BATCH_RECORDS": "none"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "batch_records" in done.stderr


def test_a_variable_that_is_no_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOSTREAM_KAFAK", "there:1")
    (found,) = of_settings(Settings())
    assert (found.code, "EMOSTREAM_KAFAK" in found.sentence) == ("settings-unknown", True)


def test_a_crash_point_that_was_left_set_is_named() -> None:
    (found,) = of_settings(Settings(crash_at="indexer.written"))
    assert (found.code, "indexer.written" in found.sentence) == ("crash-point-set", True)


def test_a_settings_file_with_a_secret_that_others_may_read_is_named_and_never_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "emostream.toml"
    file.write_text('elasticsearch_api_key = "hidden"\n')
    file.chmod(0o644)
    (found,) = of_settings(Settings())
    assert (found.code, "hidden" in str(found)) == ("settings-file-open", False)
    file.chmod(0o600)
    assert list(of_settings(Settings())) == []
    file.write_text("batch_records = 7\n")
    file.chmod(0o644)
    assert list(of_settings(Settings())) == []


def test_a_loop_that_turns_no_more_is_named(tmp_path: Path) -> None:
    (tmp_path / "indexer").touch()
    assert list(of_health(tmp_path)) == []
    long_ago = time.time() - 3600
    os.utime(tmp_path / "indexer", (long_ago, long_ago))
    (found,) = of_health(tmp_path)
    assert (found.code, "indexer" in found.sentence) == ("health-stale", True)


def test_every_station_has_checks() -> None:
    found, missing = doctor.parts()
    assert ([*found], missing) == (["stream", *doctor.STATIONS], [])
