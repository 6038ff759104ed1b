"""Names come together by kind, whoever recognised them; links give their hosts."""

from typing import Any

import pytest

from indexer.entities import by_kind, hosts
from stream.posts import ContextAnnotation, Entity
from stream.structs import ClassifiedPost, struct_of
from tests.indexer.records import classified


def about(domain: str, entity: str) -> ContextAnnotation:
    return ContextAnnotation(domain=domain, entity=entity)


def named(recognised: tuple[Entity, ...] = (), **fields: Any) -> ClassifiedPost:
    return struct_of(classified(**fields).model_copy(update={"entities": recognised}))


def test_the_platforms_and_the_recognisers_names_come_together_by_kind() -> None:
    post = named(
        (Entity(type="Person", text="Ilja Tarn"), Entity(type="Place", text="Saltmere")),
        entities=(Entity(type="Person", text="Mira", probability=0.9),),
        context=(about("Sports Team", "Rovers"),),
    )
    assert by_kind(post) == {
        "organisation": ["Rovers"],
        "person": ["Mira", "Ilja Tarn"],
        "place": ["Saltmere"],
    }


def test_a_name_in_capitals_is_the_same_name_and_the_platforms_own_spelling_stays() -> None:
    post = named(
        (Entity(type="Person", text="mira solenne"),),
        entities=(Entity(type="Person", text="MIRA SOLENNE"),),
        context=(about("Musician", "Mira Solenne"), about("Person", "Mira Solenne")),
    )
    assert by_kind(post) == {"person": ["Mira Solenne"]}


def test_a_domain_that_is_no_kind_of_name_gives_none() -> None:
    post = named(context=(about("Sports Events", "Derby"), about("Music Genre", "Pop")))
    assert by_kind(post) == {}


def test_a_type_that_we_do_not_know_is_other() -> None:
    post = named(entities=(Entity(type="Event", text="the derby"),))
    assert by_kind(post) == {"other": ["the derby"]}


@pytest.mark.parametrize(
    ("link", "host"),
    [
        ("https://www.Example.org:8443/a?b", ["example.org"]),
        ("http://user:secret@example.org/", ["example.org"]),
        ("example.org/no/scheme", []),
        ("https://[broken", []),
        ("", []),
    ],
)
def test_a_link_gives_its_host_and_nothing_else(link: str, host: list[str]) -> None:
    assert hosts([link]) == host


def test_each_host_is_there_once() -> None:
    assert hosts(["https://a.example/1", "https://b.example", "https://www.a.example/2"]) == [
        "a.example",
        "b.example",
    ]
