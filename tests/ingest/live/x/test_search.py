"""A search, page after page."""

from datetime import timedelta

import pytest

from ingest.budget import Budget, Limits
from ingest.context import Context
from ingest.ledger import Ledger
from ingest.live.x_search import Span, paid
from ingest.state import State
from ingest.waiting import Stopped
from ingest.x import id_time
from stream.errors import UserError
from tests.ingest.doubles import NOW
from tests.ingest.live.crawler import Crawler, Ran, texts
from tests.ingest.live.fake_x import FakeX
from tests.ingest.live.x.reading import SEARCH, gaps

pytestmark = pytest.mark.wire


def test_a_search_reads_page_after_page_and_ends(fake: FakeX, crawler: Crawler) -> None:
    fake.span = Span("day lang:en")
    ids = fake.publish(texts(250))
    ran = crawler.run()
    assert ran.ids == set(ids)
    assert [page.query.get("next_token") for page in fake.asked(SEARCH)] == [
        None,
        ids[150],
        ids[50],
    ]
    assert ran.destination.posts[0].origin.query == "day lang:en"


def test_the_next_search_asks_for_what_is_newer_and_may_have_been_indexed_late(
    fake: FakeX, crawler: Crawler
) -> None:
    fake.span = Span("day lang:en", start=NOW - timedelta(hours=1))
    ids = fake.publish(texts(3))
    crawler.run()
    crawler.clock.wait(60)
    more = fake.publish(texts(2, "more"))
    assert crawler.run().ids == {*ids, *more}
    since = id_time(fake.asked(SEARCH)[-1].query["since_id"])
    assert since == id_time(ids[-1]) - timedelta(seconds=30)
    assert "start_time" not in fake.asked(SEARCH)[-1].query
    assert crawler.run().ids == set(more)
    fake.span = Span("another")
    assert crawler.run().ids == {*ids, *more}


def test_a_search_that_broke_off_goes_on_at_its_page(fake: FakeX, crawler: Crawler) -> None:
    fake.span = Span("day lang:en", start=NOW - timedelta(hours=1))
    ids = fake.publish(texts(250))

    def refuse(_ran: Ran) -> bool:
        fake.answer_next(401)
        return False

    with pytest.raises(UserError):
        crawler.run(refuse, destination=(first := crawler.destination))
    crawler.clock.wait(60)
    late = fake.publish(["late"])
    second = crawler.run()
    assert {post.native_id for post in first.posts} == set(ids[150:])
    assert second.ids == set(ids[:150])
    assert crawler.run().ids == {*ids, *late}


def test_a_search_of_more_than_a_week_says_what_it_cannot_have(
    fake: FakeX, crawler: Crawler
) -> None:
    fake.span = Span("day", start=NOW - timedelta(days=30))
    ids = fake.publish(texts(1))
    ran = crawler.run()
    assert ran.ids == set(ids)
    assert [gap.since for gap in gaps(ran)] == [NOW - timedelta(days=30)]


def test_a_query_that_x_refuses_is_one_clear_line(fake: FakeX, crawler: Crawler) -> None:
    fake.span = Span("(")
    fake.unsearchable.add("(")
    with pytest.raises(UserError, match="HTTP 400, invalid-request"):
        crawler.run()


def test_a_busy_search_is_asked_again(fake: FakeX, crawler: Crawler) -> None:
    fake.span = Span("day")
    ids = fake.publish(texts(1))
    fake.answer_next(429, {"x-rate-limit-reset": str(int(NOW.timestamp()) + 500)})
    ran = crawler.run()
    assert ran.ids == set(ids)
    assert ran.waited >= 499


def test_asked_to_stop_nothing_more_is_asked_of_x_and_paid_for(context: Context) -> None:
    budget = Budget(Limits(0.005), Ledger.of(context.state, "x", "a token"), context.now)
    taken = budget.take(100)
    context.stop.set()
    asked: list[str] = []
    with pytest.raises(Stopped):
        next(paid(lambda: asked.append("a page"), taken, budget, context))
    assert (asked, budget.allowances()[0].used) == ([], 0)


def test_the_filtered_stream_and_a_search_keep_their_places_apart(
    fake: FakeX, crawler: Crawler
) -> None:
    ids = fake.publish(texts(1))
    crawler.until_seen(ids)
    fake.span = Span("day")
    crawler.run()
    with State.open(crawler.folder, "contract") as state:
        assert state.cursor is not None
        assert set(state.cursor) == {"search/stream", "search"}
