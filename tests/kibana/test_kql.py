"""The part of Kibana's query language that is used, as queries of Elasticsearch."""

import pytest

from kibana import kql

EXISTS = {"exists": {"field": "a.b"}}
IS = {"match_phrase": {"a.b": "joy"}}


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("", {"match_all": {}}),
        ("a.b : *", EXISTS),
        ('a.b : "joy"', IS),
        ("a.b:joy", IS),
        ('a.b : "so much joy"', {"match_phrase": {"a.b": "so much joy"}}),
        ("likes > 0", {"range": {"likes": {"gt": "0"}}}),
        ("likes<=3", {"range": {"likes": {"lte": "3"}}}),
        ('not a.b : "joy"', {"bool": {"must_not": [IS]}}),
        (
            'a.b : * and not a.b : "joy"',
            {"bool": {"filter": [EXISTS, {"bool": {"must_not": [IS]}}]}},
        ),
        (
            'a.b : "joy" or a.b : * and a.b : *',
            {
                "bool": {
                    "should": [IS, {"bool": {"filter": [EXISTS, EXISTS]}}],
                    "minimum_should_match": 1,
                }
            },
        ),
        (
            "(a.b : * or a.b : joy) and a.b : *",
            {
                "bool": {
                    "filter": [
                        {"bool": {"should": [EXISTS, IS], "minimum_should_match": 1}},
                        EXISTS,
                    ]
                }
            },
        ),
    ],
)
def test_a_query_asks_what_kibana_would_ask(text: str, query: kql.Query) -> None:
    assert kql.parse(text).query == query


def test_the_fields_of_a_query_are_named() -> None:
    assert kql.parse('a : * and (not b : "c" or d > 1)').fields == ["a", "b", "d"]


@pytest.mark.parametrize(
    "text", ["a :", "a", ": b", "a : b c : d", "(a : b", "a : b)", "a : b and", 'a : "b', "a ( b"]
)
def test_a_query_of_another_kind_is_refused(text: str) -> None:
    with pytest.raises(kql.NotUnderstood):
        kql.parse(text)
