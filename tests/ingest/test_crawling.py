"""`python -m ingest SOURCE` and `check` as their users type them."""

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest import platforms, waiting
from stream import cli
from tests.ingest.command import ROOT, Ingest
from tests.ingest.live.crawler import wait_for


@pytest.fixture
def ingest(tmp_path: Path) -> Iterator[Ingest]:
    ingest = Ingest(tmp_path)
    yield ingest
    ingest.end_all()


def test_a_dry_run_prints_records_says_its_plan_and_moves_nothing_but_the_budget(
    ingest: Ingest, tmp_path: Path
) -> None:
    code, out, errors = ingest.run(
        "memory", "--posts", "3", "--dry-run", "--limit", "2", "--report", tmp_path / "r.json"
    )
    assert code == 0
    assert [json.loads(line)["native_id"] for line in out] == ["0", "1"]
    assert errors[0] == "memory: asks every 5 s"
    assert re.match(r"memory-\d{8}T\d{6}-[0-9a-f]{4}: 2 posts, 0 deletions, ", errors[-1])
    assert not (tmp_path / "state" / "memory.json").exists()
    (ledger,) = (tmp_path / "state" / "ledgers").glob("memory-*.json")
    assert json.loads(ledger.read_text()) == {"used": 1}
    report = json.loads((tmp_path / "r.json").read_text())
    assert (report["posts"], report["gaps"], report["allowances"][0]["used"]) == (2, [], 1)


def test_hashtag_labels_and_an_archive_that_replay_reads_back(
    ingest: Ingest, tmp_path: Path
) -> None:
    folder = tmp_path / "archive"
    options = ("--posts", "2", "--limit", "2", "--dry-run", "--crawl", "c1")
    code, out, _ = ingest.run(
        *("memory", "--text", "we won #happy", "--hashtag-labels", "--archive", folder, *options)
    )
    assert code == 0
    told = [json.loads(line) for line in out]
    assert [(one["text"], one["distant_labels"]) for one in told] == [("we won", ["joy"])] * 2
    assert {one["origin"]["crawl"] for one in told} == {"c1"}
    code, out, _ = ingest.run("replay", folder, "--dry-run")
    assert code == 0
    again = [json.loads(line) for line in out]
    assert [one["native_id"] for one in again] == [one["native_id"] for one in told]
    assert {one["text"] for one in again} == {"we won #happy"}


def test_check_says_what_the_platform_allows(ingest: Ingest) -> None:
    assert ingest.run("check", "memory") == (0, ["memory: answers", "requests 0 requests"], [])


def test_a_source_can_do_something_else_than_crawl(ingest: Ingest) -> None:
    assert ingest.run("memory", "--posts", "3", "--count") == (0, ["3 posts"], [])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["memory", "--status", "401", "--dry-run"], "error: memory: refused us with status 401"),
        (["memory", "--posts", "-1", "--dry-run"], "error: --posts: must not be negative"),
        (["memory", "--limit", "0"], "argument --limit: 0: must be a whole number, 1 or more"),
        (["memory", "--for", "0"], "argument --for: 0: must be a number of seconds, more than 0"),
        (["memory", "--for", "inf"], "argument --for: inf: must be a number of seconds"),
        (["memory", "--name", "../x"], "argument --name: ../x: must be up to 64 of"),
        (["memory", "--crawl", "a/b"], "argument --crawl: a/b: must be up to 64 of"),
        (["memory", "--report", "no/such/a.json"], "error: no/such/a.json: its folder does not"),
        (["memory", "--hashtag-labels", "no.toml"], "error: no.toml: cannot be read: No such file"),
        (["memory", "--archive", "README.md", "--dry-run"], "README.md: cannot be archived to"),
        (["memory", "--archive", "", "--dry-run"], "error: --archive: names no place: a folder"),
        (["check"], "the following arguments are required: SOURCE"),
        (["myspace"], "invalid choice: 'myspace' (choose from 'replay', "),
    ],
)
def test_what_the_user_can_mend_is_one_line_and_exit_code_2(
    ingest: Ingest, arguments: list[str], said: str
) -> None:
    code, _, errors = ingest.run(*arguments)
    assert code == 2
    assert said in "\n".join(errors)
    assert "Traceback" not in "\n".join(errors)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_and_meanwhile_no_second_one_of_its_name_starts(
    ingest: Ingest, number: signal.Signals
) -> None:
    running = ingest.start("memory", "--posts", "1", "--dry-run")
    wait_for(running.has_shown)
    code, _, errors = ingest.run("memory")
    assert code == 2
    assert errors[-1].startswith("error: a crawl named memory is running already")
    assert ingest.run("check", "memory")[0] == 0
    began = time.monotonic()
    os.kill(running.pid, number)
    assert running.ended() == 0
    assert time.monotonic() - began < 10
    assert ": 1 posts, 0 deletions" in running.errors.read_text()


def test_while_a_crawl_runs_a_dry_run_of_its_name_shows_records_and_touches_nothing_of_it(
    ingest: Ingest, tmp_path: Path
) -> None:
    running = ingest.start("memory", "--posts", "1", "--dry-run")
    wait_for(running.has_shown)
    trial = ("memory", "--posts", "1", "--limit", "1", "--dry-run")
    code, out, _ = ingest.run(*trial)
    assert (code, len(out)) == (0, 1)
    code, _, errors = ingest.run(*trial, "--archive", tmp_path / "archive")
    assert code == 2
    assert errors[-1].startswith("error: --archive: the crawl named memory is running")
    assert not (tmp_path / "archive").exists()
    os.kill(running.pid, signal.SIGTERM)
    assert running.ended() == 0


def test_a_source_that_does_not_let_go_is_left_where_it_is(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.DRAIN_SECONDS < 10
    monkeypatch.setattr(cli, "DRAIN_SECONDS", 0.5)
    running = ingest.start("memory", "--posts", "1", "--hang", "--dry-run")
    wait_for(lambda: running.has_said("hangs"))
    os.kill(running.pid, signal.SIGTERM)
    assert running.ended() == cli.LEFT_BUSY
    assert "error: still busy 0.5 s after the request to stop" in running.errors.read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    "arguments", [["check", "memory", "--silent"], ["memory", "--count", "--silent"]]
)
def test_a_signal_ends_what_is_asked_outside_a_crawl(
    ingest: Ingest, number: signal.Signals, arguments: list[str]
) -> None:
    running = ingest.start(*arguments)
    wait_for(lambda: (ingest.folder / "state" / "memory.lock").exists())
    began = time.monotonic()
    os.kill(running.pid, number)
    assert running.ended() == 130
    assert time.monotonic() - began < 10
    assert running.errors.read_text() == "interrupted\n"


def test_what_is_asked_outside_a_crawl_has_a_minute(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "ANSWER_SECONDS", 0.2)
    code, _, errors = ingest.run("check", "memory", "--silent")
    assert code == 2
    assert errors == ["error: the platform did not answer in a minute: try again later"]


def test_a_station_that_waits_is_alive(ingest: Ingest, tmp_path: Path) -> None:
    running = ingest.start("memory", "--dry-run")
    file, seen = tmp_path / "health" / "ingest", set[float]()

    def beaten() -> bool:
        if file.exists():
            seen.add(file.stat().st_mtime)
        return len(seen) >= 3

    try:
        wait_for(beaten)
    finally:
        os.kill(running.pid, signal.SIGKILL)
        running.ended()


def test_the_help_has_the_common_options_and_the_platforms_own(ingest: Ingest) -> None:
    code, out, _ = ingest.run("memory", "--help")
    assert code == 0
    shown = "\n".join(out)
    for option in ("--name", "--crawl", "--limit", "--for", "--dry-run", "--report", "--archive"):
        assert option in shown
    assert "--hashtag-labels" in shown
    assert "--posts" in shown


def test_the_page_on_sources_names_every_platform_and_every_common_option(
    ingest: Ingest,
) -> None:
    page = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
    for name in platforms.names():
        assert f"python -m ingest {name}" in page
    _, out, _ = ingest.run("memory", "--help")
    common = "\n".join(out).split("options of every source:")[1]
    for option in re.findall(r"^  (--[a-z-]+)", common, re.MULTILINE):
        assert f"`{option}" in page


def test_every_platform_is_a_command_with_a_line_of_help(ingest: Ingest) -> None:
    code, out, _ = ingest.run("--help")
    assert code == 0
    shown = " ".join(" ".join(out).split())
    for platform in platforms.every():
        assert platform.NAME in shown
        assert " ".join(platform.HELP.split()) in shown
    assert "memory a platform in memory" in shown
