"""Each panel as the search that Kibana would send, and the rows in an answer."""

from datetime import UTC, datetime
from typing import Any

import pytest

from kibana.intervals import interval_for
from kibana.queries import Search, searches
from kibana.reading import LensLayer, read
from kibana.rows import rows
from tests.kibana.edited import File

NOW = "Emotions now"


def asked(place: str, since: str = "") -> list[Search]:
    """Gives the searches for one panel of the built dashboards."""
    file = File()
    return [one for one in searches(read(file.lines), since) if one.place == place]


def body(place: str, since: str = "") -> Any:
    (search,) = asked(place, since)
    return search.body


def test_a_chart_is_asked_over_its_dashboard_s_time() -> None:
    time, query = body(f"{NOW} / Is it good or bad?")["query"]["bool"]["filter"]
    assert time["range"]["@timestamp"]["gte"] == "now-24h"
    assert time["range"]["@timestamp"]["lte"] == "now"
    assert query == {"match_all": {}}


def test_another_time_can_be_asked_for() -> None:
    time, _query = body(f"{NOW} / Is it good or bad?", "2026-11-14")["query"]["bool"]["filter"]
    assert time["range"]["@timestamp"]["gte"] == "2026-11-14"


def test_values_are_asked_for_in_the_order_of_the_count() -> None:
    asked_for = body(f"{NOW} / Which words show it?")["aggs"]["word"]["terms"]
    assert asked_for["field"] == "emostream.emotion.words"
    assert asked_for["size"] == 40
    assert asked_for["order"] == {"_count": "desc"}


def test_words_that_carry_no_feeling_are_left_out_and_those_that_turn_it_stay() -> None:
    left_out = set(body(f"{NOW} / Which words show it?")["aggs"]["word"]["terms"]["exclude"])
    assert {"the", "you", "i'm"} <= left_out
    assert not left_out & {"not", "no", "never", "don't", "why", "thank"}


def test_feedback_s_tables_are_of_comments_under_videos_only() -> None:
    for table in ("What do they suggest?", "Which comments are these? Newest first"):
        query = body(f"Feedback for creators / {table}")["query"]["bool"]["filter"][1]
        assert "emostream.origin.video" in str(query)


def test_a_timeline_splits_first_and_then_by_time() -> None:
    aggs = body(f"{NOW} / When was it written?")["aggs"]
    assert aggs["polarity"]["aggs"]["time"]["date_histogram"] == {
        "field": "@timestamp",
        "fixed_interval": "30m",
        "min_doc_count": 1,
    }


def test_values_that_are_left_out_are_not_asked_for() -> None:
    aggs = body("Compare / How do platforms differ?")["aggs"]
    assert aggs["value"]["aggs"]["emotion"]["terms"]["exclude"] == ["neutral"]


def test_documents_without_a_value_are_asked_for_where_they_are_shown() -> None:
    aggs = body("Compare / What does each search find?")["aggs"]
    assert aggs["value"]["terms"]["missing"] == "__missing__"


def test_a_metric_with_a_filter_is_a_filter_around_it() -> None:
    now, _before = asked(f"{NOW} / How many posts show an emotion?")
    exists, no_neutral = now.body["aggs"]["posts"]["filter"]["bool"]["filter"]
    assert exists == {"exists": {"field": "emostream.emotion.primary"}}
    assert "must_not" in no_neutral["bool"]


def test_a_chart_s_own_query_is_asked_too() -> None:
    _time, query = body(f"{NOW} / What do people feel?")["query"]["bool"]["filter"]
    assert query["bool"]["filter"][0] == {"exists": {"field": "emostream.emotion.primary"}}


def test_an_earlier_time_is_a_search_of_its_own() -> None:
    now, before = asked("Emotions over time / What changed since yesterday?")
    assert not now.optional
    assert before.optional
    time = before.body["query"]["bool"]["filter"][0]["range"]["@timestamp"]
    assert (time["gte"], time["lte"]) == ("now-24h-1d", "now-1d")
    _now, before = asked("Emotions over time / What changed since yesterday?", "2026-11-14")
    time = before.body["query"]["bool"]["filter"][0]["range"]["@timestamp"]
    assert (time["gte"], time["lte"]) == ("2026-11-14||-1d", "now-1d")


def test_medians_and_percentiles_are_percentiles() -> None:
    inner = body("Pipeline / How long do they take?")["aggs"]["time"]["aggs"]
    assert inner["half"] == {"percentiles": {"field": "emostream.delay", "percents": [50]}}
    assert inner["most"] == {"percentiles": {"field": "emostream.delay", "percents": [95]}}


def test_ranges_are_asked_for_as_they_are_drawn() -> None:
    (kind,) = body("Pipeline / How sure is it?")["aggs"].values()
    assert kind["range"]["ranges"][0] == {"from": 0.0, "to": 0.1}
    assert len(kind["range"]["ranges"]) == 10


def test_two_layers_are_two_searches() -> None:
    indexed, written = asked("Pipeline / Do posts arrive when they are written?")
    assert written.body["aggs"]["time"]["date_histogram"]["field"] == "@timestamp"
    assert indexed.body["aggs"]["indexed_at"]["date_histogram"]["field"] == "event.ingested"


def test_dead_letters_are_asked_of_their_own_index() -> None:
    (search,) = asked("Pipeline / What could not be used, and why?")
    assert search.view == "emostream-dead-letters"


def test_a_control_lists_the_commonest_values() -> None:
    listed = body(f"{NOW} / list of Emotion")["aggs"]["list"]
    assert listed == {"terms": {"field": "emostream.emotion.primary", "size": 10}}


def test_a_table_of_posts_is_sorted_and_asks_for_its_columns() -> None:
    found = body(f"{NOW} / Which posts are liked most?")
    assert found["sort"] == [{"emostream.counts.likes": {"order": "desc"}}]
    assert "message" in found["fields"]
    assert found["query"]["bool"]["filter"][1] == {"range": {"emostream.counts.likes": {"gt": "0"}}}


@pytest.mark.parametrize(
    ("since", "interval"),
    [
        ("now-1m", "1s"),
        ("now-1h", "1m"),
        ("now-24h", "30m"),
        ("now-48h", "1h"),
        ("now-7d", "3h"),
        ("now-30d", "12h"),
        ("now-1y", "7d"),
        ("now-30y", "30d"),
        ("2026-11-20T00:00:00Z", "30m"),
        ("2026-11-20", "30m"),
    ],
)
def test_auto_is_the_interval_that_kibana_chooses(since: str, interval: str) -> None:
    assert interval_for(since, datetime(2026, 11, 21, tzinfo=UTC)) == interval


def column(bucketed: bool, field: str = "___records___") -> dict[str, Any]:
    return {"isBucketed": bucketed, "sourceField": field}


COUNTED = LensLayer(
    "layer",
    "view",
    {"emotion": column(True, "emotion"), "posts": column(False)},
    ["emotion", "posts"],
    unfiltered=False,
)
AVERAGED = LensLayer("layer", "view", {"mood": column(False, "score")}, ["mood"], unfiltered=False)
FILTERED = LensLayer("layer", "view", {"posts": column(False)}, ["posts"], unfiltered=False)


@pytest.mark.parametrize(
    ("layer", "total", "aggregations", "number"),
    [
        (COUNTED, 5, {"emotion": {"buckets": [{"doc_count": 3}, {"doc_count": 2}]}}, 2),
        (COUNTED, 5, {"emotion": {"buckets": [{"doc_count": 5}, {"doc_count": 0}]}}, 1),
        (COUNTED, 0, {"emotion": {"buckets": []}}, 0),
        (AVERAGED, 5, {"mood": {"value": 0.0}}, 1),
        (AVERAGED, 5, {"mood": {"value": None}}, 0),
        (AVERAGED, 5, {"mood": {"values": {"50.0": 3.0}}}, 1),
        (AVERAGED, 5, {"mood": {"values": {"50.0": None}}}, 0),
        (AVERAGED, 5, {"mood": {"doc_count": 2, "value": {"value": None}}}, 0),
        (FILTERED, 5, {}, 1),
        (FILTERED, 5, {"posts": {"doc_count": 2}}, 1),
        (FILTERED, 5, {"posts": {"doc_count": 0}}, 0),
    ],
)
def test_a_row_is_a_part_that_holds_documents_and_a_value(
    layer: LensLayer, total: int, aggregations: dict[str, Any], number: int
) -> None:
    search = Search("place", "view", {}, layer)
    answer = {"hits": {"total": {"value": total}}, "aggregations": aggregations}
    assert rows(search, answer) == number


def test_the_rows_of_a_table_are_its_documents_and_those_of_a_control_its_values() -> None:
    answer: dict[str, Any] = {"hits": {"total": {"value": 7}}}
    assert rows(Search("place", "view", {}), answer) == 7
    answer["aggregations"] = {"list": {"buckets": [{}, {}]}}
    assert rows(Search("place", "view", {}), answer) == 2
