"""The streams of X: what is asked for, what X says, how long is waited."""

import logging
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ingest.live.x_refusals import Refused, Unreachable, Waits, told
from ingest.live.x_search import Span
from stream.errors import UserError
from tests.ingest.doubles import NOW, SettableClock
from tests.ingest.live.contract import SourceContract, WithToken
from tests.ingest.live.crawler import Crawler, Ran
from tests.ingest.live.fake_x import TOKEN, FakeX
from tests.ingest.live.x.reading import STREAM

pytestmark = pytest.mark.wire


class TestX(SourceContract, WithToken):
    """The filtered stream."""

    @pytest.fixture
    def fake(self, clock: SettableClock) -> Iterator[FakeX]:
        with FakeX(clock) as server:
            yield server


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
