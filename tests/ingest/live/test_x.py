"""X is read from a local server that answers as its documentation says."""

import argparse
import logging
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from ingest import waiting
from ingest.budget import Budget, Limits
from ingest.context import Context
from ingest.ledger import Ledger
from ingest.live import x as x_live
from ingest.live.x_refusals import Refused, Unreachable, Waits, told
from ingest.live.x_rules import PRESETS, Rule, active, apply, declared, difference
from ingest.live.x_search import Span, paid
from ingest.sources import Gap
from ingest.state import State
from ingest.waiting import Stopped
from ingest.x import id_at, id_time
from stream.errors import UserError
from stream.settings import Settings
from tests.ingest.doubles import NOW, SettableClock
from tests.ingest.live.contract import SourceContract, WithToken
from tests.ingest.live.crawler import Crawler, Ran, Timeless, archived, texts
from tests.ingest.live.fake_x import RULES, TOKEN, FakeX

pytestmark = pytest.mark.wire

USED = (
    "its project has read 43,435 posts of 2,000,000 that X allows in a month, "
    "counted anew on day 10"
)
STREAM, SEARCH = "/2/tweets/search/stream", "/2/tweets/search/recent"


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def fake(clock: SettableClock) -> Iterator[FakeX]:
    with FakeX(clock) as server:
        yield server


@pytest.fixture
def crawler(fake: FakeX, clock: SettableClock, tmp_path: Path) -> Crawler:
    return Crawler(fake, clock, tmp_path / "state")


@pytest.fixture
def context(clock: SettableClock, tmp_path: Path) -> Iterator[Context]:
    with State.open(tmp_path / "other", "x") as state:
        yield Context("c1", state, Timeless(clock), clock.now, clock.monotonic)


class TestX(SourceContract, WithToken):
    """The filtered stream."""

    @pytest.fixture
    def fake(self, clock: SettableClock) -> Iterator[FakeX]:
        with FakeX(clock) as server:
            yield server


def gaps(ran: Ran) -> list[Gap]:
    return ran.crawl.watched.gaps


def seen_and_then(
    fake: FakeX, first: list[str], do: Callable[[], list[str]]
) -> tuple[Callable[[Ran], bool], list[str]]:
    """A condition that does something once the first posts are here, and ends with the second."""
    second: list[str] = []

    def until(ran: Ran) -> bool:
        if not second and ran.ids >= set(first):
            second.extend(do())
        return bool(second) and ran.ids >= {*first, *second}

    return until, second


# What is asked for.


def test_a_stream_is_asked_for_all_fields_of_a_record_with_the_token_in_its_header(
    fake: FakeX, crawler: Crawler
) -> None:
    (post,) = crawler.until_seen(fake.publish(["day"])).destination.posts
    (asked,) = fake.asked(STREAM)
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    assert asked.query["expansions"] == "author_id"
    assert {"created_at", "edit_history_tweet_ids", "note_tweet", "context_annotations"} <= set(
        asked.query["tweet.fields"].split(",")
    )
    assert (post.author.name, post.author.followers) == ("ada_loaf", 120)
    assert (post.origin.stream, post.origin.rules) == ("search/stream", ("days",))


def test_the_token_is_in_no_log_and_in_no_error(
    fake: FakeX, crawler: Crawler, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    crawler.until_seen(fake.publish(["day"]))
    fake.answer_next(401)
    with pytest.raises(UserError) as refused:
        crawler.run()
    assert "EMOSTREAM_X_BEARER_TOKEN" in str(refused.value)
    assert TOKEN not in caplog.text + str(refused.value)


def test_a_password_from_a_netrc_does_not_take_the_tokens_place(
    fake: FakeX, crawler: Crawler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    crawler.until_seen(fake.publish(["day"]))
    assert fake.asked(STREAM)[0].headers["authorization"] == f"Bearer {TOKEN}"


def test_a_stop_is_honoured_while_x_does_not_answer_and_what_was_asked_for_counts(
    fake: FakeX, crawler: Crawler
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        fake.elsewhere = f"http://127.0.0.1:{silent.getsockname()[1]}"
        fake.span = Span("day lang:en")
        began = time.monotonic()
        ran = crawler.run(lambda _ran: True)
    assert time.monotonic() - began < 5
    assert {one.name: one.used for one in ran.source.allowances()}["today"] == 100


# What happens after a drop.


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
        if not later and ran.crawl.watched.waiting == "" and len(fake.asked(STREAM)) == 2:
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
    crawler.run(lambda _ran: len(fake.asked(STREAM)) == 2)
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
    crawler.run(lambda ran: len(fake.asked(STREAM)) == 2)
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
    ran = crawler.run(lambda ran: len(fake.asked(STREAM)) == 2)
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


# What X says.


def test_xs_word_that_it_disconnects_us_is_no_dead_letter(fake: FakeX, crawler: Crawler) -> None:
    problem = {"type": "https://api.x.com/2/problems/operational-disconnect", "detail": "why"}
    fake.tell({"errors": [{"title": "operational-disconnect", **problem}]})
    ids = fake.publish(["day"])
    reasons: list[str] = []

    def until(ran: Ran) -> bool:
        reasons.append(ran.crawl.watched.waiting)
        return ran.ids >= set(ids)

    ran = crawler.run(until)
    assert ran.destination.letters == []
    assert "X says operational-disconnect" in reasons


def test_a_used_up_cap_ends_the_crawl_whether_refused_or_told(
    fake: FakeX, crawler: Crawler
) -> None:
    fake.answer_next(429, problem="usage-capped")
    with pytest.raises(UserError, match="all posts that X allows"):
        crawler.run()
    fake.tell({"errors": [{"type": "https://api.twitter.com/2/problems/usage-capped"}]})
    with pytest.raises(UserError, match="all posts that X allows"):
        crawler.run()


@pytest.mark.parametrize(
    ("status", "problem", "said"),
    [
        (402, "credits", "wants credits first (HTTP 402)"),
        (403, "client-forbidden", "(HTTP 403, client-forbidden)"),
        (409, "streaming-connection", "the stream has no rules"),
        (400, "invalid-request", "does not take the request (HTTP 400, invalid-request)"),
        (301, "", "does not take the request (HTTP 301)"),
        (404, "", "does not take the request (HTTP 404)"),
    ],
)
def test_what_waiting_does_not_change_is_told_at_once(
    fake: FakeX, crawler: Crawler, status: int, problem: str, said: str
) -> None:
    fake.answer_next(status, problem=problem)
    with pytest.raises(UserError) as refused:
        crawler.run()
    assert said in str(refused.value)
    assert crawler.clock.seconds == 0


def test_something_else_that_answers_in_xs_place_is_waited_out(
    fake: FakeX, crawler: Crawler
) -> None:
    fake.answer_next(200, body=b"<html>please log in</html>")
    fake.answer_next(200, body=b"[]")
    ids = fake.publish(["day"])
    assert crawler.until_seen(ids).waited > 0


def test_no_answer_at_all_is_waited_out(
    fake: FakeX, crawler: Crawler, clock: SettableClock
) -> None:
    with FakeX(clock) as gone:
        fake.elsewhere = gone.address
    reasons: list[str] = []

    def until(ran: Ran) -> bool:
        reasons.append(ran.crawl.watched.waiting)
        return clock.seconds > 30

    crawler.run(until)
    assert set(reasons) == {"ConnectionError; asking again"}


@pytest.mark.case(33)
def test_the_end_of_the_rate_limit_is_waited_for(fake: FakeX, crawler: Crawler) -> None:
    reset = str(int(NOW.timestamp()) + 700)
    fake.answer_next(429, {"x-rate-limit-reset": reset, "x-rate-limit-remaining": "0"})
    assert crawler.until_seen(fake.publish(["day"])).waited >= 699


def test_who_may_not_sample_is_told_what_comes_near(fake: FakeX, crawler: Crawler) -> None:
    fake.wanted = replace(fake.wanted, rules=None)
    fake.answer_next(403, problem="client-forbidden")
    with pytest.raises(UserError, match="--preset random-english"):
        crawler.run()


# How long is waited.


def _waits(error: Refused | Unreachable | None, times: int) -> list[float]:
    waits = Waits(lambda: 1.0)  # the shortest that chance can make them
    return [round(waits.after(error), 2) for _ in range(times)]


def test_after_a_network_error_a_quarter_of_a_second_more_each_time() -> None:
    assert _waits(Unreachable("ConnectionError"), 3) == [0.25, 0.5, 0.75]
    assert _waits(Unreachable("ConnectionError"), 80)[-1] == 16


def test_a_connection_that_ends_is_made_again_at_once_the_first_time() -> None:
    assert _waits(None, 3) == [0, 0.25, 0.5]


def test_after_an_http_error_from_five_seconds_doubled() -> None:
    assert _waits(Refused(503, "", None), 8) == [5, 10, 20, 40, 80, 160, 320, 320]


@pytest.mark.parametrize("status", [420, 429])
@pytest.mark.case(33)
def test_asked_too_often_from_a_minute_doubled(status: int) -> None:
    assert _waits(Refused(status, "", None), 6) == [60, 120, 240, 480, 900, 900]


def test_chance_only_adds_to_what_x_asks() -> None:
    assert Waits(lambda: 0.0).after(Refused(503, "", None)) == pytest.approx(5 * 4 / 3)


def test_what_passes_is_not_told() -> None:
    assert [told(Refused(status, "", None)) for status in (420, 429, 500, 503)] == [None] * 4


# The budget.


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


# Search.


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


# Posts looked up once more.


def test_what_is_gone_becomes_a_deletion_and_what_is_there_a_new_observation(
    fake: FakeX, crawler: Crawler, tmp_path: Path
) -> None:
    ids = fake.publish(texts(3))
    fake.delete(ids[1])
    fake.gone = {"77": "not-authorized-for-resource", "78": "over-capacity"}
    fake.ids = tmp_path / "ids"
    fake.ids.write_text("\n".join([ids[0], f"x:{ids[1]}", ids[2], "77", "78", ids[0]]))
    folder = tmp_path / "archive"
    ran = crawler.run(archive=folder)
    assert ran.ids == {ids[0], ids[2]}
    assert ran.deleted == {ids[1], "77"}
    assert {post.native_id for post in archived(folder)} == ran.ids
    assert {one.name: one.used for one in ran.source.allowances()}["today"] == 2


def test_an_edited_post_is_looked_up_in_its_newest_version(
    fake: FakeX, crawler: Crawler, tmp_path: Path
) -> None:
    (first,) = fake.publish(["what a dya"])
    newest = fake.edit(first, "what a day")
    fake.ids = tmp_path / "ids"
    fake.ids.write_text(first)
    (post,) = crawler.run().destination.posts
    assert (post.native_id, post.text) == (first, "what a day")
    assert [one.query["ids"] for one in fake.asked("/2/tweets")] == [first, newest]


def test_a_recheck_goes_on_where_it_broke_off(
    fake: FakeX, crawler: Crawler, tmp_path: Path
) -> None:
    fake.limits = Limits(0.005, posts_per_day=150)
    ids = fake.publish(texts(250))
    fake.ids = tmp_path / "ids"
    fake.ids.write_text(" ".join(ids))
    with pytest.raises(UserError, match="used up"):
        crawler.run(destination=(first := crawler.destination))
    assert {post.native_id for post in first.posts} == set(ids[:150])
    crawler.clock.wait(86_400)
    assert crawler.run().ids == set(ids[150:])
    crawler.clock.wait(86_400)
    fake.limits = Limits(0.005)
    assert crawler.run().ids == set(ids)


def test_a_recheck_that_broke_off_still_looks_up_the_later_versions_that_it_found(
    fake: FakeX, crawler: Crawler, tmp_path: Path
) -> None:
    ids = fake.publish(texts(120))
    fake.edit(ids[0], "what a day")
    fake.ids = tmp_path / "ids"
    fake.ids.write_text(" ".join(ids))
    # Stopped at the arrival that moves the cursor.
    first = crawler.run(lambda ran: ran.crawl._cursor is not None)
    assert first.ids == set(ids[1:100])
    second = crawler.run()
    assert second.ids == {ids[0], *ids[100:]}
    assert {post.text for post in second.destination.posts if post.native_id == ids[0]} == {
        "what a day"
    }
    assert crawler.run().ids == set(ids)  # the list is done: all of it anew


def test_a_busy_lookup_is_asked_again(fake: FakeX, crawler: Crawler, tmp_path: Path) -> None:
    ids = fake.publish(texts(1))
    fake.ids = tmp_path / "ids"
    fake.ids.write_text(ids[0])
    fake.answer_next(429, {"Retry-After": "77"})
    ran = crawler.run()
    assert (ran.ids, ran.waited >= 77) == (set(ids), True)


@pytest.mark.parametrize(
    ("written", "said"), [(b"12 hello", "entry 2: no id of X"), (b"\xff", "is not text")]
)
def test_a_wrong_list_of_ids_says_where(
    fake: FakeX, crawler: Crawler, tmp_path: Path, written: bytes, said: str
) -> None:
    fake.ids = tmp_path / "ids"
    fake.ids.write_bytes(written)
    with pytest.raises(UserError) as wrong:
        crawler.run()
    assert said in str(wrong.value)


# Rules.


def test_the_difference_is_applied_after_a_trial(fake: FakeX, context: Context) -> None:
    wanted = [Rule(tag="days", value="day lang:en"), Rule(tag="nights", value="night")]
    fake.rules.append({"id": "77", "value": "old"})
    fake.rules.append({"id": "78", "value": "night", "tag": "another tag"})
    api = fake.api(context)
    change = difference(wanted, active(api))
    assert list(change.lines()) == ["- (no tag): old", "- another tag: night", "+ nights: night"]
    apply(api, change)
    assert not difference(wanted, active(api))
    posts = [one for one in fake.requests if one.method == "POST"]
    assert [(one.query.get("dry_run"), list(one.body)) for one in posts] == [
        (None, ["delete"]),
        (None, ["add"]),
    ]


def test_rules_that_x_takes_not_are_a_line_each_and_change_nothing(
    fake: FakeX, context: Context
) -> None:
    before = list(fake.rules)
    fake.bad_rules = {"(": "missing ')' at character 2", "b:ad": "unknown operator b:"}
    wanted = [Rule(tag=f"r{n}", value=value) for n, value in enumerate(["fine", "(", "b:ad"])]
    api = fake.api(context)
    with pytest.raises(UserError) as refused:
        apply(api, difference(wanted, active(api)))
    assert str(refused.value).splitlines() == [
        "rule r1: Invalid Rule: missing ')' at character 2",
        "rule r2: Invalid Rule: unknown operator b:",
    ]
    assert fake.rules == before


def test_a_stream_with_other_rules_than_the_files_is_not_read(
    fake: FakeX, crawler: Crawler
) -> None:
    fake.rules = [{"id": "9", "value": "someone else's"}]
    with pytest.raises(UserError, match="1 to add, 1 to delete"):
        crawler.run()
    assert fake.asked(STREAM) == []


@pytest.mark.parametrize(
    "file", [*PRESETS.values(), PRESETS["random-english"].parent / "x_rules.toml"]
)
def test_the_rules_that_come_with_us_are_rules_that_fit_xs_limit(file: Path) -> None:
    for rule in declared(file):
        assert "lang:en" in rule.value
        assert len(rule.value) <= 1024


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("[[rule]]\ntag = 'a'", "rule.0.value: Field required"),
        ("[[rule]]\ntag = 'a'\nvalue = ' '", "rule.0.value: String should have at least 1"),
        ("[[rule]]\ntag='a'\nvalue='b'\nvalues='c'", "rule.0.values: Extra inputs"),
        ("rules = 1", "rule: Field required"),
        ("[[rule]]\ntag='a'\nvalue='b'\n" * 2, "rule.1: has the value of rule.0"),
        ("[[rule", "not TOML"),
    ],
)
def test_a_wrong_file_of_rules_says_where(tmp_path: Path, written: str, said: str) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(written)
    with pytest.raises(UserError) as wrong:
        declared(file)
    assert str(wrong.value).startswith(str(file))
    assert said in str(wrong.value)


# What is said before it starts.


def test_check_says_what_the_token_allows_and_what_is_used(fake: FakeX, context: Context) -> None:
    assert fake.source(context).check().sentences[:3] == [
        "X accepts the token",
        USED,
        "the filtered stream is open to it and has 1 rule",
    ]
    assert {one.path for one in fake.requests} == {
        "/2/usage/tweets",
        "/2/tweets/search/stream/rules",
    }


def test_check_says_what_is_not_open_to_the_token(fake: FakeX, context: Context) -> None:
    fake.answer_next(200, body=b'{"data": {}}')
    fake.answer_next(403, problem="client-forbidden")
    assert (
        "not open to it (HTTP 403, client-forbidden)" in fake.source(context).check().sentences[2]
    )


@pytest.mark.parametrize("answered", [0, 1])
def test_check_fails_where_the_token_is_refused(
    fake: FakeX, context: Context, answered: int
) -> None:
    for _ in range(answered):
        fake.answer_next(200, body=b'{"data": {}}')
    fake.answer_next(401)
    with pytest.raises(UserError, match=r"X refuses the token \(HTTP 401\)"):
        fake.source(context).check()


def test_the_cost_is_said_before_anything_is_asked(fake: FakeX, context: Context) -> None:
    fake.limits = Limits(0.005, dollars_per_day=5)
    billed, today, month = fake.source(context).plan()
    assert "$0.005" in billed
    assert today.startswith("today: at most 1,000 posts ($5.00)")
    assert month.startswith("this month: no limit")
    assert fake.requests == []


def test_an_id_and_its_time() -> None:
    assert id_time(id_at(NOW)) == NOW


# The command line.


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    x_live.add_options(parser)
    return parser.parse_args(words)


def settings(fake: FakeX, **more: object) -> Settings:
    return Settings(x_api=fake.address, x_bearer_token=SecretStr(TOKEN), **more)  # type: ignore[arg-type]


def test_without_a_limit_there_is_one(fake: FakeX, context: Context) -> None:
    told = x_live.make(parsed(), settings(fake, x_dollars_per_post=0.01), context).plan()
    assert "$0.01 " in told[0]
    assert told[1].startswith("today: at most 500 posts ($5.00)")
    assert told[2].startswith("this month: at most 5,000 posts ($50.00)")


def test_a_limit_given_replaces_those(fake: FakeX, context: Context) -> None:
    words = ("sample", "--max-posts-per-month", "100000")
    told = x_live.make(parsed(*words), settings(fake), context).plan()
    assert told[1].startswith("today: no limit")
    assert told[2].startswith("this month: at most 100,000 posts ($500.00)")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("stream", "wants --rules FILE or --preset$"),
        ("stream --rules a --preset random-english", "wants --rules FILE or --preset, not both"),
        ("stream --rules nowhere.toml", "nowhere.toml: cannot be read"),
        ("search", "wants a query"),
        ("recheck", "wants --ids FILE"),
    ],
)
def test_what_is_missing_is_said(fake: FakeX, context: Context, words: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        x_live.make(parsed(*words.split()), settings(fake), context)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("sample --rules nofile", "x sample: --rules is for `x stream` or `x rules`"),
        ("sample --since 2026-11-20T00:00:00Z", "x sample: --since is for `x search`"),
        ("sample --apply", "x sample: --apply is for `x rules`"),
        ("sample --ids nofile", "x sample: --ids is for `x recheck`"),
        ("sample --no-fill", "x sample: --no-fill is for `x stream`"),
        ("stream day --preset random-english", "x stream: a query is for `x search`"),
        ("recheck --ids nofile --backfill-minutes 1", "--backfill-minutes is for `x stream` or"),
        (
            "search day --since 2026-11-20T00:00:00Z --until 2026-11-19T00:00:00Z",
            "--until must be later than --since",
        ),
    ],
)
def test_an_option_of_another_mode_is_refused_before_anything_is_asked(
    fake: FakeX, context: Context, words: str, said: str
) -> None:
    with pytest.raises(UserError, match=said):
        x_live.make(parsed(*words.split()), settings(fake), context)
    assert fake.requests == []


def test_a_query_is_no_option_of_the_rules(fake: FakeX, context: Context) -> None:
    with pytest.raises(UserError, match="x rules: a query is for `x search`"):
        x_live.act(parsed("rules", "day", "--rules", "a"), settings(fake), context)


def test_a_token_that_is_not_set_is_named(context: Context) -> None:
    with pytest.raises(UserError, match="EMOSTREAM_X_BEARER_TOKEN: is not set"):
        x_live.make(parsed("search", "day"), Settings(), context)


def test_what_to_read_must_be_said_but_not_to_check(fake: FakeX, context: Context) -> None:
    source = x_live.make(parsed(), settings(fake), context)
    assert source.check().sentences
    with pytest.raises(UserError, match="stream, sample, search or recheck"):
        next(iter(source.read(None)))


def test_rules_are_shown_then_applied_then_the_same(
    fake: FakeX, context: Context, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rules.toml"
    file.write_text('[[rule]]\ntag = "new"\nvalue = "a new rule"\n')
    shown = []
    for words in ([], ["--apply"], []):
        arguments = parsed("rules", "--rules", str(file), *words)
        assert x_live.act(arguments, settings(fake), context) == 0
        shown.append(capsys.readouterr().out.splitlines())
    difference = ["- days: day lang:en", "+ new: a new rule"]
    assert shown == [
        [*difference, "nothing was changed: --apply does it"],
        [*difference, "1 added, 1 deleted"],
        ["the stream has these 1 rules"],
    ]


def test_what_is_no_rules_command_is_left_to_the_crawl(fake: FakeX, context: Context) -> None:
    assert x_live.act(parsed("sample"), settings(fake), context) is None
    assert fake.requests == []
