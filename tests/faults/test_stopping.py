"""A station that is asked to stop has ended ten seconds later, whatever hangs; its code tells."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from indexer import templates
from stack import Stack
from stream.broker import KafkaWriter, create_topics
from stream.cli import INTERRUPTED, LEFT_BUSY
from stream.settings import Settings
from stream.topics import CLASSIFIED
from tests.faults.proxy import Proxy, proxy
from tests.faults.station import Line, wait_until
from tests.faults.test_node import MARCH

pytestmark = pytest.mark.stack

ROOT = Path(__file__).parents[2]
GRACE_SECONDS = 10.0
READY = "indexing posts.classified"


@dataclass
class Process:
    """`python -m indexer run`, its log in a file."""

    log: Path
    process: "subprocess.Popen[bytes]"

    def says(self, words: str) -> bool:
        text = self.log.read_text(encoding="utf-8", errors="replace")
        assert self.process.poll() is None or words in text, text
        return words in text

    def ask(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def ended(self, since: float) -> tuple[int, float]:
        """Gives the exit code, and the seconds that it took."""
        code = self.process.wait(timeout=60)
        return code, time.monotonic() - since


@dataclass
class Stations:
    """Starts indexers, and leaves none behind."""

    weak: Stack
    folder: Path
    processes: list[Process] = field(default_factory=list)

    def start(self, **settings: str) -> Process:
        log = self.folder / f"{len(self.processes)}.log"
        environment = os.environ | {
            "EMOSTREAM_KAFKA": self.weak.kafka,
            "EMOSTREAM_ELASTICSEARCH": self.weak.elasticsearch,
            "EMOSTREAM_RETRY_SECONDS": "5",
            "EMOSTREAM_SESSION_SECONDS": "6",
            **settings,
        }
        with log.open("wb") as stream:
            command = [sys.executable, "-m", "indexer", "run"]
            process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=stream, stderr=stream
            )
        self.processes.append(Process(log, process))
        return self.processes[-1]


@pytest.fixture
def stations(weak: Stack, node: Elasticsearch, tmp_path: Path) -> Iterator[Stations]:
    stations = Stations(weak, tmp_path)
    templates.create(node, MARCH)
    create_topics(Settings(kafka=weak.kafka, elasticsearch=weak.elasticsearch))
    yield stations
    for one in stations.processes:
        one.process.kill()
        one.process.wait()


def put(line: Line, *names: str) -> None:
    """Puts posts on the topic that the command reads."""
    with KafkaWriter(line.settings) as writer:
        assert writer.write(CLASSIFIED, line.posts(names)) == []
    line.sent |= {f"x:{name}" for name in names}


@pytest.mark.case(30)
def test_a_station_that_waits_for_records_ends_at_once_with_code_0(stations: Stations) -> None:
    station = stations.start()
    wait_until(lambda: station.says(READY), "the start")
    asked = time.monotonic()
    station.ask()
    code, seconds = station.ended(asked)
    assert (code, seconds < GRACE_SECONDS / 2) == (0, True)


@pytest.mark.case(30)
def test_a_station_that_waits_for_the_node_ends_at_once_and_commits_nothing(
    stations: Stations, line: Line, between: Proxy
) -> None:
    station = stations.start(EMOSTREAM_ELASTICSEARCH=between.address)
    wait_until(lambda: station.says(READY), "the start")
    between.close()  # nobody listens there any more
    put(line, "waits")
    wait_until(lambda: station.says("trying again"), "a refusal")
    asked = time.monotonic()
    station.ask()
    code, seconds = station.ended(asked)
    assert (code, seconds < GRACE_SECONDS / 2) == (0, True)
    stations.start()
    wait_until(lambda: set(line.documents()) == line.sent, "what was not committed")


@pytest.mark.case(30)
def test_whatever_hangs_a_station_has_ended_ten_seconds_later_and_nothing_is_lost(
    stations: Stations, line: Line, between: Proxy, weak: Stack
) -> None:
    """One in a bulk request without answer, one in its setup, one whose broker is frozen."""
    with proxy(weak.elasticsearch) as silent:
        silent.lose = b""
        in_setup = stations.start(EMOSTREAM_ELASTICSEARCH=silent.address)
        between.lose = b"POST /_bulk"
        in_bulk = stations.start(EMOSTREAM_ELASTICSEARCH=between.address)
        wait_until(lambda: in_bulk.says(READY), "the start")
        put(line, *(f"hangs-{number}" for number in range(50)))
        assert between.lost.wait(60), "no bulk request was sent"
        assert silent.lost.wait(60), "no request was sent by the setup"
        at_kafka = stations.start()
        wait_until(lambda: at_kafka.says(READY), "the start")
        os.kill(weak.pid("kafka"), signal.SIGSTOP)
        try:
            asked = time.monotonic()
            for one in stations.processes:
                one.ask()
            ends = [one.ended(asked) for one in (in_setup, in_bulk, at_kafka)]
        finally:
            os.kill(weak.pid("kafka"), signal.SIGCONT)
    assert [code for code, _seconds in ends[:2]] == [LEFT_BUSY] * 2
    assert ends[2][0] in (0, LEFT_BUSY)
    assert max(seconds for _code, seconds in ends) < GRACE_SECONDS
    assert in_bulk.says("still busy 8 s after the request to stop")
    stations.start()
    wait_until(lambda: set(line.documents()) == line.sent, "what was not committed")


@pytest.mark.case(30)
def test_asked_twice_a_station_ends_at_once_though_its_request_hangs(
    stations: Stations, line: Line, between: Proxy
) -> None:
    between.lose = b"POST /_bulk"
    station = stations.start(EMOSTREAM_ELASTICSEARCH=between.address)
    wait_until(lambda: station.says(READY), "the start")
    put(line, "twice")
    assert between.lost.wait(60), "no bulk request was sent"
    station.ask()
    time.sleep(0.5)  # two signals at the same moment are one
    asked = time.monotonic()
    station.ask()
    code, seconds = station.ended(asked)
    assert (code, seconds < GRACE_SECONDS / 2) == (INTERRUPTED, True)
