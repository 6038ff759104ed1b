"""docs/queries.md is whole: its contents, its fields, and the queries that the summary prints."""

import json
import re
import shlex
from typing import Any

import pytest

from indexer import summary, templates
from stream.settings import Settings
from tests.queries.oracle import ANSWERS
from tests.queries.page import TEXT, Question, questions

TITLES = [one.title for one in questions()]


def anchor(title: str) -> str:
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def test_every_question_has_an_answer_to_compare_with() -> None:
    assert set(TITLES) == set(ANSWERS)
    assert len(TITLES) >= 18


def test_the_contents_list_every_question_in_order() -> None:
    contents = re.findall(r"^- \[(.+)\]\(#(.+)\)$", TEXT, re.M)
    assert contents == [(title, anchor(title)) for title in TITLES]


def test_every_field_on_the_page_is_in_the_mapping() -> None:
    known = set(templates.fields())
    groups = {name.rpartition(".")[0] for name in known}
    named = set(re.findall(r"\bemostream(?:\.[a-z_]+)+", TEXT))
    assert named <= known | groups
    assert "emostream.emotion.primary" in named


@pytest.mark.parametrize("question", questions(), ids=lambda one: one.title)
def test_no_form_needs_what_only_a_full_cluster_has(question: Question) -> None:
    for form in (question.dev_tools, question.curl, question.python):
        assert not re.search(r"script|moving_fn|_sql|_query|_reindex", form.replace("_search", ""))


def test_the_summary_prints_queries_of_this_page() -> None:
    printed = summary.ready_queries(Settings(), "joy").splitlines()
    sent = [sent_by(line) for line in printed if line.startswith("curl ")]
    asked = {one.title: sent_by(one.curl) for one in questions()}
    assert sent == [
        asked["Which posts show a feeling most?"],
        asked["How do emotions change from hour to hour?"],
        asked["Is one platform happier than another?"],
    ]
    assert printed[-1].endswith("docs/queries.md")


def sent_by(command: str) -> Any:
    words = shlex.split(command)
    return json.loads(words[words.index("-d") + 1])
