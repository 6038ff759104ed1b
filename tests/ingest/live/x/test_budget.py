"""The budget ends a crawl in time."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ingest.budget import Limits
from stream.errors import UserError
from tests.ingest.doubles import NOW
from tests.ingest.live.crawler import Crawler, Ran, texts
from tests.ingest.live.fake_x import FakeX
from tests.ingest.live.x.reading import SEARCH, STREAM, gaps

pytestmark = pytest.mark.wire


def test_the_crawl_ends_when_the_budget_does_and_does_not_begin_without_one(
    fake: FakeX, crawler: Crawler
) -> None:
    fake.limits = Limits(0.005, posts_per_day=3)
    ids = fake.publish(texts(3))
    with pytest.raises(UserError, match="used up"):
        crawler.run(destination=(taken := crawler.destination))
    assert {post.native_id for post in taken.posts} == set(ids)
    streams = len(fake.asked(STREAM))
    with pytest.raises(UserError, match="used up"):
        crawler.run()
    assert len(fake.asked(STREAM)) == streams


def test_told_to_wait_it_goes_on_the_next_day_and_reports_the_gap(
    fake: FakeX, crawler: Crawler
) -> None:
    fake.limits = Limits(0.005, posts_per_day=3)
    fake.wanted = replace(fake.wanted, wait_for_budget=True)
    first = fake.publish(texts(3))
    second: list[str] = []

    def until(ran: Ran) -> bool:
        if "budget" in ran.crawl.watched.waiting:
            crawler.clock.wait(3600.0)
        if not second and len(fake.asked(STREAM)) == 2:
            second.extend(fake.publish(["the next day"]))
        return bool(second) and ran.ids >= set(second)

    ran = crawler.run(until)
    assert ran.ids == {*first, *second}
    assert crawler.clock.now() >= NOW.replace(hour=0) + timedelta(days=1)
    assert [gap.reason for gap in gaps(ran)] == ["the budget was used up"]
    assert fake.asked(SEARCH) == []


def test_filling_takes_half_of_the_budget_and_goes_on_the_next_day(
    fake: FakeX, crawler: Crawler
) -> None:
    fake.limits = Limits(0.005, posts_per_day=101)
    crawler.until_seen(fake.publish(texts(1)))
    missed = fake.publish(texts(120, "missed"))
    live: list[str] = []

    def until(ran: Ran) -> bool:
        if not live and len(ran.ids) == 50:
            live.extend(fake.publish(texts(3, "live")))
        if set(live) <= ran.ids:
            crawler.clock.wait(3600.0)
        return ran.ids >= {*missed[40:], *live}

    ran = crawler.run(until)
    pages = fake.asked(SEARCH)
    assert [page.query["max_results"] for page in pages] == ["50", "50"]
    assert [page.query.get("next_token") for page in pages] == [None, missed[70]]
    assert gaps(ran) == []


def test_a_rest_of_the_budget_too_small_for_a_page_leaves_a_gap(
    fake: FakeX, crawler: Crawler
) -> None:
    fake.limits = Limits(0.005, posts_per_day=19)
    crawler.until_seen(fake.publish(texts(1)))
    fake.publish(["missed"])
    ran = crawler.run(lambda ran: bool(gaps(ran)))
    assert gaps(ran)[0].reason == "the budget does not cover what was missed"
    assert fake.asked(SEARCH) == []
