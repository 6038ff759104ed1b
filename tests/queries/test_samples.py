"""After `make demo` no question of docs/queries.md is without an answer."""

import subprocess
import sys
from datetime import UTC, datetime
from threading import Event

import pytest
from elasticsearch import Elasticsearch

from classifier.predictor import Predictor
from classifier.service import classified
from indexer.letters import LettersSink
from indexer.sink import ElasticsearchSink
from ingest.inputs import find
from ingest.reading import read
from ingest.sightings import Sighting
from stack import Stack
from stream.codec import decode_classified, read_collected
from stream.dead_letters import DeadLetter
from stream.index import ALIAS
from stream.posts import Origin
from stream.records import Item, Received
from tests.indexer.records import LIMITS
from tests.queries import asking
from tests.queries.page import ROOT, Question, questions

pytestmark = pytest.mark.stack

SAMPLES = "ingest/samples"


@pytest.fixture(scope="module")
def demo(filled: Elasticsearch) -> None:
    """Puts the samples into the indices as `make demo` does, without the topics between."""
    replay = subprocess.run(
        [sys.executable, "-m", "ingest", "replay", SAMPLES, "--shift-to-now", "--dry-run"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    collected = [
        Item(read_collected(line), Received("posts.collected", 0, number, None, line))
        for number, line in enumerate(replay.stdout.splitlines())
    ]
    posts = [
        Item(decode_classified(one.record.value), one.received)
        for one in classified(Predictor.load(), collected)
    ]
    assert not ElasticsearchSink(filled, LIMITS, Event()).write(posts)
    letters = [Item(one, Received("posts.dead-letter", 0, 0, b"", b"")) for one in broken()]
    assert not LettersSink(filled, LIMITS, Event()).write(letters)
    filled.indices.refresh(index=f"{ALIAS}*")


def broken() -> list[DeadLetter]:
    now = datetime.now(UTC)
    sighting = Sighting(Origin(crawl="demo"), now, now)
    inputs = find([str(ROOT / SAMPLES / "broken")], Event(), lambda: None)
    return [one for one in read(inputs, lambda _source: sighting) if isinstance(one, DeadLetter)]


@pytest.mark.parametrize("question", questions(), ids=lambda one: one.title)
def test_the_samples_have_an_answer(
    question: Question, demo: None, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ES", stack.elasticsearch)
    rows = asking.by_python(question.python)
    assert rows
    assert all(row[-1] is not None for row in rows)
