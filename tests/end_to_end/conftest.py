"""The whole line as its users run it: real servers, every station its own process."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from stack import Stack
from stream.audit.account import Account
from tests.law import assert_law, assert_law_by_hand

ROOT = Path(__file__).parents[2]
DEADLINE_SECONDS = 120.0
SETTINGS = {"EMOSTREAM_SESSION_SECONDS": "2"}
"""Who comes after a station that was killed need not wait long for its partitions."""


@dataclass
class Pipeline:
    """Starts, kills and watches stations against the stack."""

    stack: Stack
    folder: Path
    settings: dict[str, str] = field(default_factory=lambda: dict(SETTINGS))
    stations: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    since: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {
            "EMOSTREAM_KAFKA": self.stack.kafka,
            "EMOSTREAM_ELASTICSEARCH": self.stack.elasticsearch,
            **self.settings,
        }

    def run(self, *command: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """Runs one command to its end."""
        return subprocess.run(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env=self.environment,
            input=text,
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
            check=False,
        )

    def start(self, station: str) -> None:
        """Starts a station; its log is kept for a failing test to show."""
        with (self.folder / f"{station}.log").open("ab") as log:
            self.stations[station] = subprocess.Popen(
                [sys.executable, "-m", station, "run"],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
            )

    def kill(self, station: str) -> None:
        """As kill -9: the station gets no chance to tidy up."""
        process = self.stations.pop(station)
        assert process.poll() is None, self.log(station)
        process.kill()
        process.wait()

    def stop(self, station: str) -> int:
        """Asks a station to stop and gives its exit code."""
        process = self.stations.pop(station)
        process.send_signal(signal.SIGTERM)
        return process.wait(timeout=30)

    def log(self, station: str) -> str:
        return (self.folder / f"{station}.log").read_text(errors="replace")

    def replay(self, path: Path, *flags: str) -> dict[str, Any]:
        """Replays a file and gives the counts it reports."""
        report = self.folder / f"{path.stem}.report.json"
        done = self.run("ingest", "replay", str(path), "--report", str(report), *flags)
        assert done.returncode == 0, done.stderr
        counts: dict[str, Any] = json.loads(report.read_text())
        return counts | {"path": str(report)}

    def summary(self, report: dict[str, Any]) -> subprocess.CompletedProcess[str]:
        """Waits until every post is accounted for and gives what the summary says."""
        return self.run("indexer", "summary", "--report", report["path"], "--wait", "90")

    def assert_law(self) -> Account:
        """Fails unless all that was collected since the test began is accounted for."""
        account = assert_law(self.stack, self.since)
        assert_law_by_hand(self.stack, self.since)
        return account

    def count(self, crawl: str) -> int:
        """Counts the documents of one crawl that a search finds now."""
        import urllib.error
        import urllib.parse
        import urllib.request

        query = urllib.parse.quote(f'emostream.origin.crawl:"{crawl}"')
        address = f"{self.stack.elasticsearch}/emotions"
        try:
            refresh = urllib.request.Request(f"{address}/_refresh", method="POST")
            urllib.request.urlopen(refresh, timeout=10).close()
            with urllib.request.urlopen(f"{address}/_count?q={query}", timeout=10) as answer:
                return int(json.load(answer)["count"])
        except urllib.error.HTTPError as error:
            if error.code == 404:  # no document yet, so no index behind the alias
                return 0
            raise

    def wait_for(self, crawl: str, at_least: int) -> int:
        """Waits until a number of documents of a crawl are there."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while (count := self.count(crawl)) < at_least:
            for station, process in self.stations.items():
                assert process.poll() is None, self.log(station)
            assert time.monotonic() < deadline, f"{count} of {at_least} documents"
            time.sleep(0.05)
        return count


@pytest.fixture
def pipeline(stack: Stack, tmp_path: Path) -> Iterator[Pipeline]:
    pipeline = Pipeline(stack, tmp_path)
    yield pipeline
    for process in pipeline.stations.values():
        process.kill()
        process.wait()
