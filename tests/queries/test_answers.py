"""Every question of docs/queries.md, asked in its three forms, has the answer that we count."""

import json
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from indexer.letters import LettersSink
from indexer.sink import ElasticsearchSink
from stream.index import ALIAS
from stream.records import Item, Received
from tests.indexer.records import LIMITS, items
from tests.queries import asking
from tests.queries.oracle import ANSWERS
from tests.queries.page import Question, prepared, questions
from tests.queries.posts import Known, known
from tests.queries.recorder import Recorder, stable

pytestmark = pytest.mark.stack

LIKE = "Which posts are like this one?"
UNORDERED = {
    "How do I get everything into a data frame?",
    # Two shifts, or two scores, may be equal.
    "What changed since yesterday?",
    "Which words stand behind anger?",
    "Which hashtags do happy posts carry?",
}


@pytest.fixture(scope="module")
def told(filled: Elasticsearch) -> Known:
    """Puts known posts, deletions and dead letters into the indices as the stations do."""
    drawn = known()
    assert not ElasticsearchSink(filled, LIMITS, Event()).write(
        items(*drawn.posts, *drawn.deletions)
    )
    received = Received("posts.dead-letter", 0, 0, b"key", b"letter")
    letters = [Item(one, received) for one in drawn.letters]
    assert not LettersSink(filled, LIMITS, Event()).write(letters)
    filled.indices.refresh(index=f"{ALIAS}*")
    return drawn


@pytest.mark.parametrize("question", questions(), ids=lambda one: one.title)
def test_three_forms_ask_the_same_and_the_answer_is_right(
    question: Question, told: Known, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ES", recorder.address)
    printed = asking.by_curl(question.curl, recorder.address)
    curl = recorder.taken()
    asking.by_dev_tools(question.dev_tools, recorder.address)
    dev_tools = recorder.taken()
    rows = asking.by_python(question.python)
    assert curl == dev_tools == recorder.taken()
    assert all(call.status == 200 for call in curl)
    searched = next(call.answer for call in curl if call.path.endswith("_search"))
    assert stable(json.loads(printed)) == searched
    assert_same(question.title, rows, ANSWERS[question.title](told))


def test_the_reader_s_key_goes_with_every_request_where_the_page_says_how(
    told: Known, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    key = tmp_path / "reader.key"
    key.write_text("a-readers-key\n")
    key.chmod(0o600)
    monkeypatch.setenv("READER_KEY", str(key))
    monkeypatch.setenv("ES", recorder.address)
    whole = questions()[-1]
    said = prepared("sh", "secured") + whole.curl
    asking.by_curl(said, recorder.address, READER_KEY=str(key))
    curl = recorder.taken()
    asking.by_python(whole.python, "secured")
    sent = [call.authorization for call in (*curl, *recorder.taken())]
    assert sent == ["ApiKey a-readers-key"] * 6


def assert_same(title: str, rows: list[tuple[Any, ...]], expected: list[tuple[Any, ...]]) -> None:
    """Compares rows; order counts where the question promises one, and floats have 32 bits."""
    assert expected, f"{title}: nothing in the known posts is an answer"
    if title == LIKE:  # the scores are of each month's words
        assert {row[0] for row in rows} == {row[0] for row in expected}
        return
    if title in UNORDERED:
        rows, expected = sorted(rows, key=str), sorted(expected, key=str)
    assert [row[0] for row in rows] == [row[0] for row in expected]
    for row, wanted in zip(rows, expected, strict=True):
        assert [
            pytest.approx(one, rel=1e-4, abs=1e-6) if type(one) is float else one for one in wanted
        ] == (list(row))
