"""The whole line, seen over HTTP while it works, and nobody's words in any of its logs."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from indexer import templates
from indexer.documents import FAMILY
from stream.broker import KafkaWriter
from stream.elastic import connect
from stream.records import Outgoing
from stream.settings import Settings
from stream.topics import CLASSIFIED, COLLECTED
from tests.end_to_end.conftest import DEADLINE_SECONDS, ROOT, Pipeline

pytestmark = pytest.mark.end_to_end

WORD = "xyzzyplugh"
"""In every text, name, id of a payload and secret of this test: no log line may have it."""

CRAWL = "seen-from-outside"
POSTS = 40
PLACE = re.compile(r"metrics and health at http://([\d.:]+)/metrics")


def post(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "kind": "post",
        "platform": "text",
        "native_id": f"seen{number}",
        "text": f"what a lovely {WORD} day, thank you",
        "created_at": "2026-11-14T08:18:29Z",
        "author": {"id": "1", "name": WORD, "display_name": WORD},
        **fields,
    }


def lines() -> Iterator[str]:
    """Posts that are well, and one of each kind that is not."""
    for number in range(POSTS):
        yield json.dumps(post(number))
    gone = {"kind": "deletion", "platform": "text", "native_id": "seen0"}
    yield json.dumps(gone | {"deleted_at": "2026-11-15T08:18:29Z"})
    yield json.dumps(post(900, created_at=WORD))
    yield json.dumps(post(901, counts={"likes": WORD}))
    yield json.dumps(post(902, **{WORD: WORD}))
    yield json.dumps(post(903, language=[WORD]))
    yield json.dumps({WORD: {WORD: [WORD]}})
    yield json.dumps([WORD])
    yield f'{{"kind": "post", "text": "{WORD}'


class Line:
    """The three stations, talkative, with a secret in each setting that takes one."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        secret = ("X_BEARER_TOKEN", "MASTODON_TOKEN", "YOUTUBE_API_KEY", "KIBANA_PASSWORD")
        secrets = {f"EMOSTREAM_{name}": WORD for name in (*secret, "ELASTICSEARCH_API_KEY")}
        pipeline.settings = secrets | {
            "EMOSTREAM_LOG_LEVEL": "DEBUG",
            "EMOSTREAM_LOG_FORMAT": "ecs",
            "EMOSTREAM_METRICS": "0",
            "EMOSTREAM_KAFKA_PASSWORD": WORD,
        }
        for station in ("classifier", "indexer"):
            pipeline.start(station)
        with (pipeline.folder / "ingest.log").open("wb") as log:
            self.ingest = subprocess.Popen(
                [sys.executable, "-m", "ingest", "replay", "-", "--crawl", CRAWL],
                cwd=ROOT,
                env=pipeline.environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )
        pipeline.stations["ingest"] = self.ingest

    def ask(self, station: str, path: str) -> tuple[int, str]:
        place = wait_for(lambda: PLACE.search(self.pipeline.log(station)))
        connection = http.client.HTTPConnection(place[1], timeout=20)
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def is_ready(self, station: str) -> bool:
        return self.ask(station, "/readyz")[0] == 200

    def metrics(self, station: str) -> dict[tuple[str, ...], float]:
        """Name and label values, but the station's, to value."""
        code, page = self.ask(station, "/metrics")
        assert code == 200
        assert WORD not in page
        return {
            (one.name, *(value for _name, value in sorted(one.labels.items()))): one.value
            for family in text_string_to_metric_families(page)
            for one in family.samples
        }


def wait_for(found: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (it := found()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return it


@pytest.fixture
def line(pipeline: Pipeline) -> Line:
    return Line(pipeline)


def test_counts_health_and_logs_tell_all_but_what_people_wrote(line: Line) -> None:
    pipeline = line.pipeline
    stdin = line.ingest.stdin
    assert stdin
    for station in ("ingest", "classifier", "indexer"):
        wait_for(partial(line.is_ready, station))
    before = line.metrics("indexer")
    stdin.write("".join(one + "\n" for one in lines()).encode())
    stdin.flush()
    wait_for(lambda: line.metrics("ingest")["emostream_records_sent_total", "ingest"] > POSTS)

    # What no station of ours writes, on the topics themselves.
    settings = Settings(kafka=pipeline.stack.kafka)
    with KafkaWriter(settings) as writer:
        for topic in (COLLECTED, CLASSIFIED):
            bad = [WORD.encode(), json.dumps({"kind": WORD, WORD: 1}).encode()]
            writer.write(topic, [Outgoing(WORD, value, WORD) for value in bad])

    def behind() -> float:
        seen = line.metrics("indexer")
        done = seen["emostream_indexer_posts_total", "indexed", "indexer"]
        return POSTS - 1 - (done - before["emostream_indexer_posts_total", "indexed", "indexer"])

    wait_for(lambda: behind() <= 0)
    wait_for(
        lambda: (
            line.metrics("indexer")["emostream_records_discarded_total", "receiving", "indexer"]
            >= 2
        )
    )
    _each_station_has_counted(line)
    _a_foreign_template_makes_the_indexer_unready(line, settings)

    stdin.close()
    assert line.ingest.wait(timeout=DEADLINE_SECONDS) == 0, pipeline.log("ingest")
    pipeline.stations.pop("ingest")
    for station in ("classifier", "indexer"):
        assert pipeline.stop(station) == 0, pipeline.log(station)
    _the_logs_are_clean(pipeline)


def _each_station_has_counted(line: Line) -> None:
    ingest, classifier = line.metrics("ingest"), line.metrics("classifier")
    assert ingest["emostream_ingest_records_total", "post", "ingest"] == POSTS
    assert ingest["emostream_ingest_records_total", "deletion", "ingest"] == 1
    assert ingest["emostream_records_discarded_total", "receiving", "ingest"] >= 5
    assert classifier["emostream_classifier_posts_total", "classifier"] >= POSTS
    assert classifier["emostream_classifier_model_seconds_total", "classifier"] > 0
    assert classifier["emostream_records_discarded_total", "receiving", "classifier"] >= 2
    assert [key for key in classifier if key[0] == "emostream_classifier_model_info"]
    assert classifier["emostream_step_seconds_count", "classifier", "write"] >= 1
    for station in ("classifier", "indexer"):
        wait_for(partial(_has_caught_up, line, station))
        assert line.ask(station, "/livez")[0] == 200
    indexer = line.metrics("indexer")
    assert indexer["emostream_indexer_bulk_requests_total", "indexer"] >= 1
    assert indexer["emostream_indexer_bulk_bytes_total", "indexer"] > 1000
    assert indexer["emostream_records_received_total", "indexer-letters"] >= 5


def _has_caught_up(line: Line, station: str) -> bool:
    seen = line.metrics(station)
    lags = [value for key, value in seen.items() if key[0] == "emostream_lag_records"]
    ages = [v for key, v in seen.items() if key[0] == "emostream_oldest_unacknowledged_seconds"]
    return bool(lags) and not any(lags) and not any(ages)


def _a_foreign_template_makes_the_indexer_unready(line: Line, settings: Settings) -> None:
    there = Settings(elasticsearch=line.pipeline.stack.elasticsearch)
    with connect(there) as client:
        body = templates.declared(FAMILY)
        newer = body | {"version": 10_000, "_meta": body["_meta"] | {"version": 10_000}}
        headers = {"accept": "application/json", "content-type": "application/json"}
        client.perform_request("PUT", f"/_index_template/{FAMILY}", headers=headers, body=newer)
        try:
            wait_for(lambda: not line.is_ready("indexer"))
            checks = json.loads(line.ask("indexer", "/readyz")[1])["checks"]
            assert checks["broker"] == {"ok": True}
            assert "version 10000" in checks["node"]["reason"]
        finally:
            templates.put(client, [FAMILY])
        wait_for(lambda: line.is_ready("indexer"))


def _the_logs_are_clean(pipeline: Pipeline) -> None:
    for station in ("ingest", "classifier", "indexer"):
        entries = pipeline.log(station).splitlines()
        assert [entry for entry in entries if WORD in entry] == []
        read = [json.loads(entry) for entry in entries]
        assert {one["service"]["name"] for one in read} == {station}
        assert "debug" in {one["log.level"] for one in read} or station != "indexer"
        assert any("dead letter from" in one["message"] for one in read)
