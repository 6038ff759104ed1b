"""What operators are told to watch is what the stations serve."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import yaml

from classifier.counters import ClassifierCounters
from indexer.counters import BulkCounters, IndexerCounters
from ingest.counters import IngestCounters
from ingest.crawl import Crawl
from ingest.sending import Sender
from ingest.sources import Arrival, Pause
from ingest.state import State
from stream.metrics import Sample
from tests.ingest.doubles import MemoryDestination
from tests.ingest.test_crawl import Script

DOCS = Path(__file__).parents[2] / "docs"
METRIC = re.compile(r"\bemostream_[a-z_]+\b")
PARTS = ("_bucket", "_sum", "_count")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Sample]:
    """Every metric that any station can serve, by the name that Prometheus gives it."""
    classifier = ClassifierCounters("classifier", model="a model")
    classifier.steps["write"].errors["Backpressure"] += 1
    classifier.progress.read(0, 1, 0)
    classifier.progress.polled({0: 2})
    sender = Sender(MemoryDestination(), "c1", Event())
    ingest = IngestCounters(sender)
    with State.open(tmp_path_factory.mktemp("state"), "c1", "script") as state:
        source = Script(Arrival(b"", at=datetime.now(UTC)), Pause())
        Crawl(source, sender, state, stop=Event(), turn=ingest.watch).run()
    loops = (classifier, IndexerCounters("indexer"), BulkCounters("indexer-letters"), ingest)
    samples = [one for loop in loops for one in loop.samples()]
    return {one.name + ("_total" if one.kind == "counter" else ""): one for one in samples}


def names(text: str) -> set[str]:
    return set(METRIC.findall(text))


def rules() -> list[dict[str, Any]]:
    loaded = yaml.safe_load((DOCS / "monitoring" / "alerts.yml").read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = [rule for group in loaded["groups"] for rule in group["rules"]]
    return found


def test_the_page_describes_each_metric_with_its_type_and_labels(served: dict[str, Sample]) -> None:
    page = (DOCS / "operations.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(emostream_\w+)` \| (\w+) \|([^|]*)\|", page, re.MULTILINE)
    described = {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}
    assert described == {
        name: (one.kind, set(one.labels) - {"station"}) for name, one in served.items()
    }


def test_names_follow_prometheus_conventions(served: dict[str, Sample]) -> None:
    for name, one in served.items():
        assert re.fullmatch(r"emostream(_[a-z]+)+", name)
        assert not one.name.endswith("_total")
        assert one.meaning


def test_alerts_and_dashboard_ask_only_for_what_is_served(served: dict[str, Sample]) -> None:
    known = set(served) | {
        name + part for name, one in served.items() if one.kind == "histogram" for part in PARTS
    }
    for rule in rules():
        assert names(rule["expr"]) <= known
        assert names(rule["expr"]) or "job=" in rule["expr"]
    dashboard = (DOCS / "monitoring" / "dashboard.json").read_text(encoding="utf-8")
    assert names(dashboard) <= known
    asked = names(dashboard) | {name for rule in rules() for name in names(rule["expr"])}
    unseen = {name for name in served if not any(one.startswith(name) for one in asked)}
    # For the curious only; everything else is on the dashboard or wakes somebody.
    assert unseen == {
        "emostream_classifier_model_info",
        "emostream_classifier_posts_total",
        "emostream_indexer_bulk_bytes_total",
        "emostream_ingest_records_per_second",
        "emostream_ingest_records_total",
        "emostream_records_received_total",
    }


def test_rates_are_of_counters_and_histograms_alone(served: dict[str, Sample]) -> None:
    dashboard = json.loads((DOCS / "monitoring" / "dashboard.json").read_text(encoding="utf-8"))
    asked = [one["expr"] for panel in dashboard["panels"] for one in panel["targets"]]
    for expression in [*asked, *(rule["expr"] for rule in rules())]:
        assert expression.count("(") == expression.count(")")
        for name in re.findall(r"(?:rate|increase)\((\w+)", expression):
            assert name.endswith(("_total", *PARTS))
        for name in re.findall(r"deriv\((\w+)", expression):
            assert served[name].kind == "gauge"


def test_each_alert_says_what_is_wrong_and_what_to_do() -> None:
    assert len({rule["alert"] for rule in rules()}) == len(rules()) > 5
    for rule in rules():
        assert set(rule["annotations"]) == {"summary", "what_to_do"}
        assert rule["labels"]["severity"] in {"page", "ticket"}
