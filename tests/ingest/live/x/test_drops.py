"""What X's stream missed over a drop is searched for, or a gap."""

import time
from dataclasses import replace
from datetime import timedelta

import pytest

from ingest import waiting
from ingest.live.x_search import Span
from ingest.state import State
from ingest.x import id_time
from stream.errors import UserError
from tests.ingest.doubles import NOW
from tests.ingest.live.crawler import Crawler, Ran, texts
from tests.ingest.live.fake_x import RULES, FakeX
from tests.ingest.live.x.reading import SEARCH, STREAM, gaps, seen_and_then

pytestmark = pytest.mark.wire


def test_what_a_drop_missed_is_searched_for_with_the_rule_that_it_matched(
    fake: FakeX, crawler: Crawler
) -> None:
    first = fake.publish(texts(2))

    def drop() -> list[str]:
        fake.drop_connections()
        return fake.publish(texts(230, "missed"))

    until, second = seen_and_then(fake, first, drop)
    ran = crawler.run(until)
    pages = fake.asked(SEARCH)
    assert len(pages) == 3
    assert {page.query["query"] for page in pages} == {RULES[0].value}
    assert int(pages[0].query["since_id"]) < int(first[-1])
    assert int(pages[0].query["until_id"]) > int(second[-1])
    found = {post.native_id: post for post in ran.destination.posts}[second[0]]
    assert (found.origin.stream, found.origin.rules) == ("search/recent", ("days",))
    assert found.author.name == "ada_loaf"
    assert gaps(ran) == []


def test_stopped_before_what_was_missed_is_here_it_is_searched_for_at_the_next_start(
    fake: FakeX, crawler: Crawler
) -> None:
    crawler.until_seen(fake.publish(texts(2)))
    missed = fake.publish(texts(3, "missed"))
    fake.wanted = replace(fake.wanted, patience=replace(fake.wanted.patience, indexed=3600.0))
    later: list[str] = []

    def streamed(ran: Ran) -> bool:
        if not later and ran.crawl.watched.waiting == "" and len(fake.asked(STREAM)) >= 2:
            later.extend(fake.publish(texts(1, "streamed")))
        return bool(later) and ran.ids >= set(later)

    assert crawler.run(streamed).ids == set(later)
    fake.wanted = replace(fake.wanted, patience=replace(fake.wanted.patience, indexed=0.0))
    assert crawler.until_seen(missed).ids >= set(missed)


def test_what_was_still_to_be_searched_for_is_a_gap_for_who_wants_no_filling_any_more(
    fake: FakeX, crawler: Crawler
) -> None:
    crawler.until_seen(fake.publish(texts(2)))
    missed = fake.publish(texts(3, "missed"))
    fake.wanted = replace(fake.wanted, patience=replace(fake.wanted.patience, indexed=3600.0))
    crawler.run(lambda _ran: len(fake.asked(STREAM)) >= 2)
    crawler.clock.wait(7200)
    fake.wanted = replace(fake.wanted, fill=False)
    ran = crawler.run(lambda ran: len(gaps(ran)) == 2)
    assert ["--no-fill" in gap.reason for gap in gaps(ran)] == [True, True]
    since = gaps(ran)[0].since
    assert since is not None
    assert since <= id_time(missed[0])
    assert fake.asked(SEARCH) == []


@pytest.mark.parametrize("start_anew", [False, True])
def test_after_one_more_drop_a_search_goes_on_at_its_page(
    fake: FakeX, crawler: Crawler, start_anew: bool
) -> None:
    crawler.until_seen(fake.publish(texts(2)))
    crawler.clock.wait(120)
    missed = fake.publish(texts(250, "missed"))
    crawler.clock.wait(120)
    after: list[str] = []

    def until(ran: Ran) -> bool:
        if not after and ran.ids & set(missed):
            fake.answer_next(503)  # the second page, or the next connection
            fake.drop_connections()
            after.extend(fake.publish(texts(2, "after")))
            return start_anew
        crawler.clock.wait(0.1)
        return bool(after) and ran.ids >= {*missed, *after}

    ran = crawler.run(until)
    ids = ran.ids
    if start_anew:
        ids = ids | crawler.run(lambda again: {*ids, *again.ids} >= {*missed, *after}).ids
    assert ids >= {*missed, *after}
    of_missed = [
        page.query.get("next_token")
        for page in fake.asked(SEARCH)
        if int(page.query["since_id"]) < int(missed[0])
    ]
    assert of_missed.count(None) == 1
    assert {missed[150], missed[50]} <= set(of_missed)


def test_drops_in_a_row_are_searched_for_as_one_stretch(fake: FakeX, crawler: Crawler) -> None:
    crawler.until_seen(fake.publish(texts(1)))
    fake.wanted = replace(fake.wanted, patience=replace(fake.wanted.patience, indexed=30.0))
    missed: list[str] = []

    def until(ran: Ran) -> bool:
        if len(missed) < 5 and len(fake.asked(STREAM)) == len(missed) + 2:
            fake.drop_connections()
            missed.extend(fake.publish(["missed"]))
        crawler.clock.wait(2.0 if len(missed) == 5 else 0.1)
        return len(missed) == 5 and ran.ids >= set(missed)

    crawler.run(until)
    assert len(fake.asked(SEARCH)) == 1


def test_a_search_without_an_answer_does_not_hold_the_stream(fake: FakeX, crawler: Crawler) -> None:
    crawler.until_seen(fake.publish(texts(1)))
    fake.publish(["missed"])
    fake.hang(SEARCH)
    live: list[str] = []

    def until(ran: Ran) -> bool:
        if not live and fake.asked(SEARCH):
            live.extend(fake.publish(texts(3, "live")))
        return bool(live) and ran.ids >= set(live)

    began = time.monotonic()
    crawler.run(until)
    assert time.monotonic() - began < 5


def test_a_search_without_an_answer_is_asked_again_in_the_end(
    fake: FakeX, crawler: Crawler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "ANSWER_SECONDS", 0.2)
    fake.span = Span("day lang:en")
    ids = fake.publish(texts(2))
    fake.hang(SEARCH)

    def wake(_ran: Ran) -> bool:
        fake.wake()
        return False

    assert crawler.run(wake).ids == set(ids)
    assert len(fake.asked(SEARCH)) == 2


def test_a_page_kept_for_longer_than_search_reaches_back_is_begun_anew_with_a_gap(
    fake: FakeX, crawler: Crawler
) -> None:
    fake.span = Span("day lang:en", start=NOW - timedelta(hours=1))
    fake.publish(texts(150))

    def refuse(_ran: Ran) -> bool:
        fake.answer_next(401)
        return False

    with pytest.raises(UserError):
        crawler.run(refuse)
    crawler.clock.wait(8 * 86_400)
    late = fake.publish(["late"])
    ran = crawler.run()
    assert ran.ids == set(late)
    assert [gap.since for gap in gaps(ran)] == [NOW - timedelta(hours=1)]


def test_a_rule_that_cannot_be_searched_leaves_a_gap(fake: FakeX, crawler: Crawler) -> None:
    crawler.until_seen(fake.publish(texts(1)))
    fake.publish(["missed"])
    fake.unsearchable.add(RULES[0].value)
    ran = crawler.run(lambda ran: bool(gaps(ran)))
    assert gaps(ran)[0].reason == "recent search refuses rule days (HTTP 400, invalid-request)"
    assert gaps(ran)[0].since is not None


def test_busy_search_is_asked_again_and_the_stream_goes_on_meanwhile(
    fake: FakeX, crawler: Crawler
) -> None:
    fake.wanted = replace(fake.wanted, patience=replace(fake.wanted.patience, indexed=5.0))
    crawler.until_seen(fake.publish(texts(1)))
    missed = fake.publish(["missed"])
    live: list[str] = []
    searches: list[int] = []

    def until(ran: Ran) -> bool:
        if not live and fake.asked(STREAM)[1:]:
            fake.answer_next(503, {"Retry-After": "40"})
            live.extend(fake.publish(["live"]))
        if live and ran.ids >= set(live):
            searches.append(len(fake.asked(SEARCH)))
        crawler.clock.wait(1.0)
        return bool(live) and ran.ids >= {*missed, *live}

    ran = crawler.run(until)
    assert gaps(ran) == []
    assert len(fake.asked(SEARCH)) == 2
    assert min(searches) < 2  # the stream gave its post before the search did


def test_without_filling_the_stretch_is_a_gap(fake: FakeX, crawler: Crawler) -> None:
    fake.wanted = replace(fake.wanted, fill=False)
    crawler.until_seen(fake.publish(texts(1)))
    fake.publish(["missed"])
    ran = crawler.run(lambda ran: bool(gaps(ran)))
    assert "--no-fill" in gaps(ran)[0].reason
    assert fake.asked(SEARCH) == []


def test_who_may_ask_x_to_send_again_asks_for_the_minutes_that_were_missed(
    fake: FakeX, crawler: Crawler
) -> None:
    fake.wanted = replace(fake.wanted, backfill_minutes=5)
    crawler.until_seen(fake.publish(texts(1)))
    crawler.clock.wait(130)
    crawler.run(lambda ran: len(fake.asked(STREAM)) >= 2)
    assert "backfill_minutes" not in fake.asked(STREAM)[0].query
    assert fake.asked(STREAM)[1].query["backfill_minutes"] == "3"
    assert fake.asked(SEARCH) == []


def test_a_drop_longer_than_x_sends_again_is_searched_for(fake: FakeX, crawler: Crawler) -> None:
    fake.wanted = replace(fake.wanted, backfill_minutes=5)
    crawler.until_seen(fake.publish(texts(1)))
    missed = fake.publish(["missed"])
    crawler.clock.wait(3600)
    assert crawler.until_seen(missed).ids >= set(missed)


def test_the_sampled_stream_keeps_a_language_and_cannot_be_filled(
    fake: FakeX, crawler: Crawler
) -> None:
    fake.wanted = replace(fake.wanted, rules=None, language="en")
    fake.publish(["heute"], lang="de")
    ran = crawler.until_seen(fake.publish(["today"]))
    assert [post.text for post in ran.destination.posts] == ["today"]
    assert {one.name: one.used for one in ran.source.allowances()}["today"] == 2
    assert "cannot be asked" in gaps(crawler.run(lambda ran: bool(gaps(ran))))[0].reason
    assert len(fake.asked("/2/tweets/sample/stream")) == 2


@pytest.mark.case(32)
def test_keep_alives_hold_a_quiet_stream(fake: FakeX, crawler: Crawler) -> None:
    fake.publish(["day"])
    turns: list[None] = []

    def quiet(ran: Ran) -> bool:
        turns.append(None)
        return len(turns) > 30  # longer than a silence that is borne

    crawler.run(quiet)
    assert len(fake.asked(STREAM)) == 1


def test_a_line_without_an_end_costs_the_connection_and_no_memory(
    fake: FakeX, crawler: Crawler
) -> None:
    fake.tell_bytes(b"x" * 1_100_000)
    ran = crawler.run(lambda ran: len(fake.asked(STREAM)) >= 2)
    assert ran.destination.letters == []


@pytest.mark.case(34)
def test_an_edit_replaces_what_it_edits(fake: FakeX, crawler: Crawler) -> None:
    (first,) = fake.publish(["what a dya"])
    fake.edit(first, "what a day")
    ran = crawler.run(lambda ran: len(ran.destination.posts) == 2)
    assert [(post.native_id, post.text) for post in ran.destination.posts] == [
        (first, "what a dya"),
        (first, "what a day"),
    ]


def test_an_id_from_the_future_does_not_move_the_cursor_there(
    fake: FakeX, crawler: Crawler
) -> None:
    fake.tell({"data": {"id": "9" * 19, "text": "hi", "created_at": "2026-11-20T12:00:00Z"}})
    ids = fake.publish(["day"])
    crawler.until_seen(ids)
    with State.open(crawler.folder, "contract") as state:
        assert state.cursor == {"search/stream": {"newest": ids[0]}}
