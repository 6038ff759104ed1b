"""The searches behind the view, and what their answers say."""

import pytest

from web.live import line, posts
from web.live.filters import Filters
from web.live.searches import COLUMNS, overview, read_overview, read_span, step_of

NOTHING = {"hits": {"total": {"value": 0}, "hits": []}}
"""What Elasticsearch answers where there is no index yet: no aggregations at all."""


@pytest.mark.parametrize(
    ("seconds", "step"), [(0, 1), (89, 1), (3600, 60), (86_400, 1800), (7 * 86_400, 7200)]
)
def test_a_column_spans_a_round_time(seconds: int, step: int) -> None:
    assert step_of(0, seconds * 1000) == step


def test_a_chart_never_has_more_columns_than_it_can_show() -> None:
    for seconds in range(1, 80 * 365 * 86_400, 9_999_991):
        assert seconds / step_of(0, seconds * 1000) < COLUMNS


def test_an_index_that_is_not_there_is_an_empty_one() -> None:
    assert read_span(NOTHING) == (0, 0, None)
    view = read_overview([NOTHING, NOTHING, NOTHING])
    assert view["posts"] == 0
    assert view["timeline"] == []
    assert view["words"] == []
    told = line.read([NOTHING, NOTHING, NOTHING])
    assert told["dead_letters"] == 0
    assert told["newest"] is None


def test_the_number_of_searches_does_not_grow_with_what_is_asked() -> None:
    few = overview(Filters.of({}), None, 60)
    many = overview(Filters.of({"q": "a #b", "platform": "x", "since": "24h"}), "joy", 1)
    assert len(few) == len(many) == 6


def test_neutral_is_the_commonest_emotion_only_where_there_is_no_other() -> None:
    def answer(*labels: str) -> dict[str, object]:
        buckets = [{"key": label, "doc_count": 1} for label in labels]
        return {"aggregations": {"emotions": {"buckets": buckets}}}

    assert read_span(answer("neutral", "joy"))[2] == "joy"
    assert read_span(answer("neutral"))[2] == "neutral"


def test_the_words_of_an_emotion_stay_when_one_of_them_is_chosen() -> None:
    free = overview(Filters.of({"platform": "x"}), "joy", 60)
    chosen = overview(Filters.of({"platform": "x", "word": "happy"}), "joy", 60)
    assert chosen[5] == free[5]
    assert chosen[1] != free[1]


def test_the_most_critical_posts_are_only_those_that_criticise() -> None:
    critical = posts.search(Filters.of({"video": "v"}), "critical", 8)
    below = {"range": {"emostream.polarity.score": {"lt": posts.CRITICAL}}}
    assert below in critical["query"]["bool"]["filter"]
    assert "range" not in str(posts.search(Filters.of({"video": "v"}), "latest", 8))
