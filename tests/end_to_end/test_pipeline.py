"""Every post sent is in the index once, with what the classifier says of it, whatever dies."""

import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest

from classifier.predictor import Predictor
from indexer.queries import all_documents, refresh
from stream.audit.law import Fate
from stream.elastic import connect
from stream.settings import Settings
from tests.end_to_end.conftest import ROOT, Pipeline

pytestmark = pytest.mark.end_to_end

SIZE = 5427
"""Texts in the largest public test set that is replayed by hand; ours has as many."""


@pytest.fixture(scope="module")
def test_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file in the shape of GoEmotions (text, label ids, id) of texts written for the project."""
    dry = subprocess.run(
        [sys.executable, "-m", "ingest", "replay", "ingest/samples", "--dry-run"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    records = [json.loads(line) for line in dry.stdout.splitlines()]
    texts = [record["text"] for record in records if record["kind"] == "post"]
    # Joined in pairs there are enough of them, each its own text.
    pairs = itertools.islice(itertools.permutations(texts, 2), 0, None, 7)
    lines = (
        " ".join(" ".join(pair).split()) + f"\t27\tt{number:05}"
        for number, pair in enumerate(itertools.islice(pairs, SIZE))
    )
    path = tmp_path_factory.mktemp("set") / "test.tsv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def texts_by_id(test_set: Path) -> dict[str, str]:
    rows = (line.split("\t") for line in test_set.read_text(encoding="utf-8").splitlines())
    return {row[2]: row[0] for row in rows}


def assert_index_equals_classifier(pipeline: Pipeline, crawl: str, test_set: Path) -> None:
    """Compares every document of the crawl with the classifier's word on its text."""
    expected = texts_by_id(test_set)
    es = connect(Settings(elasticsearch=pipeline.stack.elasticsearch))
    refresh(es)
    documents = [hit["_source"] for hit in all_documents(es, crawl=crawl)]
    assert len(documents) == len(expected)
    found = {document["event"]["id"].rsplit(":", 1)[-1]: document for document in documents}
    assert set(found) == set(expected), "an id is missing or doubled"
    ids = sorted(expected)
    predictor = Predictor.load()
    for native_id, prediction in zip(
        ids, predictor.predict([expected[one] for one in ids]), strict=True
    ):
        document = found[native_id]
        ours = document["emostream"]
        assert document["message"] == expected[native_id]
        assert ours["emotion"]["probability"] == prediction.probabilities
        assert ours["emotion"].get("labels", []) == list(prediction.emotions)
        assert ours["emotion"].get("primary") == prediction.primary
        assert ours["polarity"]["score"] == prediction.polarity.score
        assert ours["polarity"]["probability"] == prediction.polarity.probabilities
        assert ours["model"] == prediction.model


@pytest.mark.case(31)
def test_a_whole_test_set_is_indexed_exactly_as_the_classifier_says(
    pipeline: Pipeline, test_set: Path
) -> None:
    pipeline.start("classifier")
    pipeline.start("indexer")
    report = pipeline.replay(test_set)
    assert (report["unique_ids"], report["dead_letters"]) == (SIZE, 0)
    summary = pipeline.summary(report)
    assert summary.returncode == 0, summary.stdout + summary.stderr
    assert_index_equals_classifier(pipeline, report["crawl"], test_set)

    # The same file again, as another crawl: newer observations of the same posts, no new documents.
    again = pipeline.replay(test_set, "--crawl", "again")
    assert pipeline.summary(again).returncode == 0
    assert pipeline.count(report["crawl"]) == 0
    assert pipeline.count("again") == SIZE
    assert pipeline.assert_law().fates == {Fate.INDEXED: SIZE}
    assert pipeline.stop("classifier") == 0
    assert pipeline.stop("indexer") == 0


@pytest.mark.parametrize("victim", ["classifier", "indexer"])
@pytest.mark.case(22)
def test_kill_9_in_mid_stream_loses_nothing_and_doubles_nothing(
    pipeline: Pipeline, test_set: Path, victim: str
) -> None:
    pipeline.settings["EMOSTREAM_BATCH_RECORDS"] = "50"  # so that there is a middle to hit
    crawl = f"kill-{victim}"
    report = pipeline.replay(test_set, "--crawl", crawl)
    pipeline.start("classifier")
    pipeline.start("indexer")
    for step in (500, 2500):
        indexed = pipeline.wait_for(crawl, at_least=step)
        assert indexed < SIZE, "the stream was over before the kill"
        pipeline.kill(victim)
        pipeline.start(victim)
    summary = pipeline.summary(report)
    assert summary.returncode == 0, summary.stdout + summary.stderr
    assert_index_equals_classifier(pipeline, crawl, test_set)
    assert pipeline.assert_law().fates == {Fate.INDEXED: SIZE}


@pytest.mark.case(16)
def test_the_samples_and_the_broken_lines_are_all_accounted_for(pipeline: Pipeline) -> None:
    pipeline.start("classifier")
    pipeline.start("indexer")
    samples = ROOT / "ingest" / "samples"
    report_path = pipeline.folder / "samples.json"
    done = pipeline.run(
        "ingest",
        "replay",
        str(samples),
        str(samples / "broken"),
        "--shift-to-now",
        "--report",
        str(report_path),
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(report_path.read_text())
    assert report["posts"] >= 600
    assert report["dead_letters"] >= 10
    assert report["deletions"] >= 1
    summary = pipeline.summary(report | {"path": str(report_path)})
    assert summary.returncode == 0, summary.stdout + summary.stderr
    assert "accounted for" in summary.stdout
    assert summary.stdout.count("curl ") >= 3
    account = pipeline.assert_law()
    assert account.posts == report["unique_ids"]
    assert account.of_inputs == report["dead_letters"]


def test_posts_that_never_arrive_make_the_summary_fail(pipeline: Pipeline) -> None:
    report_path = pipeline.folder / "lost.json"
    done = pipeline.run("ingest", "replay", "-", "--report", str(report_path), text="a b\nc d\n")
    assert done.returncode == 0, done.stderr
    summary = pipeline.run("indexer", "summary", "--report", str(report_path), "--wait", "1")
    assert summary.returncode == 1
    assert "2 of 2 posts are neither indexed nor deleted nor dead letters" in summary.stdout
