"""Which posts an address asks for."""

from datetime import UTC, datetime

import pytest

from web.live.filters import Filters
from web.problems import Problem


def clauses(**given: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = Filters.of(given).query()["bool"]["filter"]
    return found


def test_nothing_asked_is_every_post() -> None:
    assert clauses() == []
    assert clauses(platform="", q="") == []


def test_each_filter_is_a_field_of_the_document() -> None:
    assert clauses(platform="x", comment_class="sadness") == [
        {"term": {"event.provider": "x"}},
        {"term": {"emostream.comment_class": "sadness"}},
    ]


def test_a_name_is_looked_for_among_people_places_and_things() -> None:
    (clause,) = clauses(name="Veyra")
    should = clause["bool"]["should"]  # type: ignore[index]
    assert {"term": {"emostream.entities.place": "Veyra"}} in should
    assert len(should) == 5


def test_hashtags_and_handles_of_a_search_are_fields_of_their_own() -> None:
    tag, handle, text = clauses(q='great "last night" #HarbourDerby @suki #')
    assert tag == {"term": {"tags": "harbourderby"}}
    assert handle == {"term": {"related.user": "suki"}}
    search = text["simple_query_string"]
    assert search["query"] == 'great "last night" #'  # type: ignore[index]


def test_a_time_is_iso_or_milliseconds() -> None:
    asked = Filters.of({"start": "1795100400000", "end": "2026-11-20T00:00:00Z"})
    assert asked.start == datetime(2026, 11, 19, 15, tzinfo=UTC)
    assert asked.query()["bool"]["filter"] == [
        {
            "range": {
                "@timestamp": {
                    "gte": "2026-11-19T15:00:00.000+00:00",
                    "lt": "2026-11-20T00:00:00.000+00:00",
                }
            }
        }
    ]


def test_one_filter_can_be_left_out() -> None:
    asked = Filters.of({"platform": "x", "emotion": "joy"})
    assert asked.query("emotion")["bool"]["filter"] == [{"term": {"event.provider": "x"}}]
    assert asked.time_only()["bool"]["filter"] == []


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"zork": "1"}, "zork"),
        ({"since": "1y"}, "since"),
        ({"start": "yesterday"}, "start"),
        ({"start": "2026-11-20T00:00:00"}, "start"),
        ({"start": "999999999999999"}, "start"),
        ({"start": "0001-01-01T00:00:00+14:00"}, "start"),
        ({"end": "9999-12-31T23:59:59-14:00"}, "end"),
        ({"q": "x" * 201}, "q"),
        ({"since": "1h", "end": "1795100400000"}, "body"),
    ],
)
def test_what_cannot_be_asked_is_named(given: dict[str, str], field: str) -> None:
    with pytest.raises(Problem) as refused:
        Filters.of(given)
    assert refused.value.status == 422
    assert [one["field"] for one in refused.value.errors] == [field]
