"""`python -m ingest replay` as its users type it."""

import gzip
import json
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from tests import forks

ROOT = Path(__file__).parents[2]
TWEET = b'{"id": "5", "text": "hi", "created_at": "2026-11-14T12:00:00Z"}\n'


def replay(*arguments: str | Path, data: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    return forks.run("ingest", "replay", *map(str, arguments), given=data)


def test_a_dry_run_prints_posts_and_one_line_for_each_dead_letter(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson.gz").write_bytes(gzip.compress(TWEET + b"broken\n"))
    (tmp_path / "b.txt").write_bytes("so früh\n".encode())
    done = replay(tmp_path, "--dry-run", "--crawl", "c1", "--report", tmp_path / "sent.json")
    assert done.returncode == 0
    posts = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(post["platform"], post["text"]) for post in posts] == [
        ("x", "hi"),
        ("text", "so früh"),
    ]
    letter, counts = done.stderr.decode().splitlines()
    assert letter == f"{tmp_path}/a.ndjson.gz:2: not JSON: Expecting value (character 1)"
    assert counts.startswith("c1: 2 posts, 0 deletions, 1 dead letters, 0 repeated ids in ")
    report = json.loads((tmp_path / "sent.json").read_text())
    assert report.pop("seconds") >= 0
    assert datetime.fromisoformat(report.pop("started_at")).tzinfo is not None
    assert report == {
        "crawl": "c1",
        "posts": 2,
        "deletions": 0,
        "dead_letters": 1,
        "unique_ids": 2,
        "repeated": 0,
    }


def test_standard_input_may_be_text_json_or_gzip_and_shifted() -> None:
    assert json.loads(replay("-", "--dry-run", data=b"what a day!").stdout)["text"] == "what a day!"
    data = gzip.compress(TWEET + TWEET)
    done = replay("-", "--dry-run", "--shift-to-now", "--crawl", "replay-7", data=data)
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert first["native_id"] == second["native_id"] == "5~7"
    assert b"2 posts, 0 deletions, 0 dead letters, 1 repeated ids" in done.stderr


def test_the_time_of_texts_can_be_given() -> None:
    done = replay("-", "--dry-run", "--at", "2026-11-14T20:00:00+01:00", data=b"what a day!")
    assert json.loads(done.stdout)["created_at"] == "2026-11-14T19:00:00Z"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no/such/file.ndjson"], "error: no/such/file.ndjson: no such file or directory"),
        (["docs/decisions", "--dry-run"], "no file to replay"),
        (["-", "--report", "no/such/folder/a.json"], "its folder does not exist"),
        (["-", "--rate", "-1"], "argument --rate: -1: must be a number of posts a second, 0 or"),
        (["-", "--rate", "nan"], "argument --rate: nan: must be a number of posts a second"),
        (["-", "--rate", "abc"], "argument --rate: abc: must be a number of posts a second"),
        (["-", "--limit", "0"], "argument --limit: 0: must be a whole number, 1 or more"),
        (["-", "--limit", "2.5"], "argument --limit: 2.5: must be a whole number, 1 or more"),
        (["-", "--at", "2026-11-14"], "2026-11-14T20:00:00Z (it has no time zone)"),
        (["-", "--at", "soon"], "argument --at: soon: must be a time with its zone"),
        (["-", "--platform", "My Diary"], "argument --platform: My Diary: must be a letter and"),
        (["-", "--language", "en_GB"], "argument --language: en_GB: must be a BCP 47 code"),
        (["-", "--crawl", "a/b"], "argument --crawl: a/b: must be up to 64 of A-Z"),
        ([], "required: PATH"),
    ],
)
def test_what_the_user_can_mend_is_one_line_and_exit_code_2(
    arguments: list[str], said: str
) -> None:
    done = replay(*arguments, data=b"")
    assert done.returncode == 2
    last = done.stderr.decode().splitlines()[-1]
    assert said in last
    assert b"Traceback" not in done.stderr


def test_a_table_without_a_text_stops_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello\n")
    (tmp_path / "b.csv").write_text("id,label\n1,2\n")
    done = replay(tmp_path, "--dry-run")
    assert done.returncode == 2
    assert done.stdout == b""
    assert b"error: b.csv: its first line names no column with text" in done.stderr


def test_a_missing_broker_is_said_in_one_line(tmp_path: Path) -> None:
    done = forks.run("ingest", "replay", "-", given=b"what a day!", EMOSTREAM_KAFKA="127.0.0.1:9")
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith(b"error: no Kafka broker answers at 127.0.0.1:9")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_with_its_counts(number: signal.Signals) -> None:
    running = subprocess.Popen(
        [sys.executable, "-m", "ingest", "replay", "-", "--dry-run"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert running.stdin
    assert running.stdout
    running.stdin.write(TWEET)
    running.stdin.flush()
    # The post is shown although the pipe stays open: an idle pipe holds nothing back.
    assert json.loads(running.stdout.readline())["native_id"] == "5"
    running.send_signal(number)
    _, errors = running.communicate(timeout=60)
    assert running.returncode == 0
    assert b": 1 posts, 0 deletions" in errors


def test_the_help_shows_every_option_and_examples() -> None:
    shown = replay("--help").stdout.decode()
    for option in ("--rate", "--loop", "--shift-to-now", "--at", "--crawl", "--language"):
        assert option in shown
    for option in ("--platform", "--limit", "--report", "--dry-run", "examples:"):
        assert option in shown


def test_the_help_says_what_a_repeated_replay_adds() -> None:
    shown = " ".join(replay("--help").stdout.decode().split())
    assert "a repeated replay adds no posts: each replaces itself. Only texts and rows" in shown
    assert "without a time take the time of the replay" in shown
