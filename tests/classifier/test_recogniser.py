"""Which recogniser is asked, and about which texts."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from classifier.recogniser import Found, load, recognised
from stream.errors import UserError
from stream.posts import Entity


class First:
    """Takes a text's first word for a person, and remembers what it was asked."""

    name = "first@1"

    def __init__(self, *languages: str) -> None:
        self.languages = languages
        self.asked: list[str] = []

    def recognise(self, texts: Sequence[str]) -> list[Found]:
        self.asked += texts
        return [(Entity(type="Person", text=text.split()[0]),) for text in texts]


def test_no_setting_no_recogniser() -> None:
    assert load(None) is None


def test_it_is_asked_about_its_language_and_what_is_too_short_to_tell() -> None:
    recogniser = First("en")
    found = recognised(recogniser, ["Mira sang", "Guten Tag", "Ilja"], ["en", "de", "und"])
    assert found == [
        (Entity(type="Person", text="Mira"),),
        None,
        (Entity(type="Person", text="Ilja"),),
    ]
    assert recogniser.asked == ["Mira sang", "Ilja"]


def test_one_of_all_languages_is_asked_about_every_text() -> None:
    recogniser = First()
    recognised(recogniser, ["Mira", "Guten Tag"], ["en", "de"])
    assert recogniser.asked == ["Mira", "Guten Tag"]


def test_without_a_text_to_read_it_is_not_asked() -> None:
    assert recognised(First("en"), ["Guten Tag"], ["de"]) == [None]
    assert recognised(First("en"), [], []) == []


def test_a_class_of_one_s_own_is_a_recogniser() -> None:
    made = load("python:tests.classifier.own_recogniser.Shouting")
    assert made is not None
    assert recognised(made, ["we love ACME"], ["en"]) == [
        (Entity(type="Organization", text="ACME"),)
    ]


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("spacy", "must be spacy:MODEL or python:MODULE.NAME"),
        ("spacy:", "must be spacy:MODEL or python:MODULE.NAME"),
        ("flair:ner", "must be spacy:MODEL or python:MODULE.NAME"),
        ("python:nothing", "must be spacy:MODEL or python:MODULE.NAME"),
        ("python:.relative", "must be spacy:MODEL or python:MODULE.NAME"),
        ("python:no_such.Thing", "no_such cannot be imported: No module named 'no_such'"),
        (
            "python:tests.classifier.own_recogniser.Thing",
            "the module tests.classifier.own_recogniser has no Thing",
        ),
        (
            "python:tests.classifier.own_recogniser.settings",
            "is no class or function that makes a recogniser",
        ),
        ("python:builtins.dict", "what builtins.dict makes has no `name`"),
        (
            "python:tests.classifier.own_recogniser.Failing",
            "own_recogniser.Failing cannot be made: RuntimeError: no weights$",
        ),
        (
            "python:tests.classifier.own_recogniser.one_language",
            'its `languages` must be a tuple of texts, as \\("en",\\)',
        ),
        (
            "python:tests.classifier.own_recogniser.nameless",
            "its `name` must be a text of up to 512 characters",
        ),
        ("python:tests.classifier.broken_recogniser.Any", "cannot be imported: ValueError: broken"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(setting: str, said: str) -> None:
    with pytest.raises(UserError, match=f"^EMOSTREAM_RECOGNISER: .*{said}"):
        load(setting)


PERSON = Entity(type="Person", text="Mira")


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([], "gives no list with an answer for each text"),
        ([(PERSON,)] * 2, "gives no list with an answer for each text"),
        (iter([(PERSON,)]), "gives no list with an answer for each text"),
        ([None], "gives no tuple of entities for a text"),
        ([PERSON], "gives no tuple of entities for a text"),
        ([({"type": "Person", "text": "Mira"},)], "gives what is no stream.posts.Entity"),
        ([(Entity(type="Alien", text="Mira"),)], "gives a type that is none of Person, Place"),
    ],
)
def test_an_answer_that_is_none_is_one_line_that_names_the_setting(answers: Any, said: str) -> None:
    class Mistaken(First):
        def recognise(self, texts: Sequence[str]) -> list[Found]:
            given: list[Found] = answers
            return given

    with pytest.raises(UserError, match=f"^EMOSTREAM_RECOGNISER: first@1 {said}"):
        recognised(Mistaken(), ["Mira sang"], ["en"])


def test_without_the_library_the_line_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "classifier.spacy_recogniser", raising=False)
    monkeypatch.setitem(sys.modules, "spacy", None)
    with pytest.raises(UserError, match=r"spaCy is not installed: pip install .*\[entities\]"):
        load("spacy:en_core_web_sm")


def test_the_recogniser_that_the_page_shows_works() -> None:
    page = (Path(__file__).parents[2] / "docs" / "entities.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(code, "docs/entities.md", "exec"), names)
    assert recognised(names["Shouting"](), ["we love ACME"], ["de"]) == [
        (Entity(type="Organization", text="ACME"),)
    ]
