"""Mastodon is read from a local server that answers as its documentation says."""

import argparse
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from ingest.context import Context
from ingest.filters import Filter
from ingest.live import mastodon
from ingest.live.mastodon import Mastodon
from ingest.live.mastodon_api import Instance, Patience
from ingest.live.mastodon_stream import ServerEvent, parsed
from ingest.sightings import Refusal
from ingest.sources import Arrival, Cursor, Gap, Pause
from ingest.state import State
from stream.backoff import Backoff
from stream.errors import UserError
from stream.posts import Deletion, Post
from stream.settings import Settings
from tests.ingest.doubles import NOW, SettableClock
from tests.ingest.live.contract import SourceContract, WithToken
from tests.ingest.live.crawler import Crawler, Fake, Timeless, texts
from tests.ingest.live.fake_mastodon import TOKEN, FakeMastodon

pytestmark = pytest.mark.wire

Given = Arrival | Gap | Pause
SHORT = Patience(tick=0.02, answer=1.0, silence=0.3)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def server(clock: SettableClock) -> Iterator[FakeMastodon]:
    with FakeMastodon(clock.now) as fake:
        yield fake


@pytest.fixture
def context(tmp_path: Path, clock: SettableClock) -> Iterator[Context]:
    with State.open(tmp_path, "mastodon") as state:
        yield Context("c1", state, Timeless(clock), clock.now, clock.monotonic)


def source(
    context: Context,
    server: FakeMastodon,
    token: str | None = TOKEN,
    wanted: Filter | None = None,
    **options: Any,
) -> Mastodon:
    return Mastodon(
        Instance(server.address, token, context.now, SHORT),
        wanted or Filter.of(),
        context,
        backoff=Backoff(first=1.0, longest=300.0, chance=lambda: 0.0),
        patience=SHORT,
        **options,
    )


@contextmanager
def reading(live: Mastodon, cursor: Cursor | None = None) -> Iterator[Iterator[Given]]:
    given = live.read(cursor)
    try:
        yield given
    finally:
        given.close()  # type: ignore[attr-defined]


def here(server: FakeMastodon) -> Cursor:
    """The cursor of someone who has read until now."""
    return {"instance": server.name, "id": server.id_now()}


def arrivals(given: Iterator[Given], number: int) -> list[Arrival]:
    found: list[Arrival] = []
    while len(found) < number:
        one = next(given)
        if isinstance(one, Arrival) and one.data:
            found.append(one)
    return found


def until_listening(given: Iterator[Given]) -> None:
    """Reads on until nothing came twice in a row: a first start gives one Pause before."""
    quiet = 0
    while quiet < 2:
        quiet = quiet + 1 if isinstance(next(given), Pause) else 0


def ids(found: list[Arrival]) -> list[str]:
    return [one.native_id for a in found for one in a.outcomes if isinstance(one, Post | Deletion)]


def test_it_streams_with_a_token_and_gives_a_cursor(server: FakeMastodon, context: Context) -> None:
    with reading(source(context, server)) as given:
        until_listening(given)
        (native_id,) = server.publish(["what a day"])
        (arrival,) = arrivals(given, 1)
    assert [path for path, _asked in server.requests] == [
        "/api/v1/timelines/public",
        "/api/v2/instance",
        "/api/v1/streaming/public",
        "/api/v1/timelines/public",
    ]
    assert server.authorizations == [f"Bearer {TOKEN}"] * 4
    (post,) = arrival.outcomes
    assert isinstance(post, Post)
    assert (post.native_id, post.text) == (native_id, "what a day")
    assert post.origin.stream == f"{server.name}/public"
    assert arrival.cursor == {"instance": server.name, "id": native_id.rpartition("/")[2]}
    assert arrival.at == NOW


def test_the_timeline_fills_what_happened_before_the_stream(
    server: FakeMastodon, context: Context
) -> None:
    start = here(server)
    missed = server.publish(texts(95))
    with reading(source(context, server), start) as given:
        found = arrivals(given, 95)
        until_listening(given)
        missed += server.publish(["live"])
        found += arrivals(given, 1)
    assert ids(found) == missed
    pages = [asked for path, asked in server.requests if path == "/api/v1/timelines/public"]
    assert [asked["limit"] for asked in pages] == ["40"] * 5
    assert pages[2]["min_id"] == missed[79].rpartition("/")[2]


@pytest.mark.case(31)
def test_after_a_break_a_minute_is_read_once_more(
    server: FakeMastodon, context: Context, clock: SettableClock
) -> None:
    start = here(server)
    (old,) = server.publish(["old"])
    clock.wait(61)
    (near,) = server.publish(["near"])
    with reading(source(context, server), start) as given:
        arrivals(given, 2)
        until_listening(given)
        server.drop_connections()
        (new,) = server.publish(["new"])
        assert ids(arrivals(given, 2)) == [near, new]
    assert old != near


def test_the_stream_is_where_the_instance_says_it_is(
    server: FakeMastodon, context: Context, clock: SettableClock
) -> None:
    with FakeMastodon(clock.now) as other, reading(source(context, server)) as given:
        server.streaming = f"wss://{other.name}"
        until_listening(given)
        assert [path for path, _asked in other.requests] == ["/api/v1/streaming/public"]
        assert other.authorizations == [f"Bearer {TOKEN}"]


def test_a_token_does_not_follow_a_redirect_to_another_host(
    server: FakeMastodon, context: Context, clock: SettableClock
) -> None:
    with FakeMastodon(clock.now) as other:
        server.answer_next(302, {"Location": f"{other.address}/api/v1/timelines/public"})
        with reading(source(context, server, poll=1.0)) as given:
            next(given)
        assert other.authorizations == [None]


@pytest.mark.case(34)
def test_edits_and_deletions_come_in_order(server: FakeMastodon, context: Context) -> None:
    with reading(source(context, server)) as given:
        until_listening(given)
        (native_id,) = server.publish(["one"])
        server.edit(native_id, "better")
        server.delete(native_id)
        server.send("filters_changed", "undefined")
        found = arrivals(given, 4)
    kinds = [[type(one) for one in arrival.outcomes] for arrival in found]
    assert kinds == [[Post], [Post], [Deletion], []]
    assert set(ids(found)) == {native_id}


def test_one_hashtag_is_a_stream_of_its_own(server: FakeMastodon, context: Context) -> None:
    live = source(context, server, wanted=Filter.of(hashtags=["Soup"]), local=True)
    with reading(live, here(server)) as given:
        server.publish(["yes"], tags=[{"name": "soup"}])
        (arrival,) = arrivals(given, 1)
        until_listening(given)
    (post,) = arrival.outcomes
    assert isinstance(post, Post)
    assert post.origin.rules == ("#soup",)
    asked = dict(server.requests)
    assert asked["/api/v1/timelines/tag/soup"]["local"] == "true"
    assert asked["/api/v1/streaming/hashtag/local"] == {"tag": "soup"}


def test_a_filter_leaves_out_posts_but_no_deletions_and_moves_the_cursor(
    server: FakeMastodon, context: Context
) -> None:
    live = source(context, server, wanted=Filter.of(["en"], ["tea"]))
    with reading(live) as given:
        until_listening(given)
        tea, coffee = server.publish(["good tea", "good coffee"])
        server.delete(coffee)
        found = arrivals(given, 3)
    assert ids(found) == [tea, coffee]
    assert found[1].cursor == {"instance": server.name, "id": coffee.rpartition("/")[2]}


def test_a_status_that_comes_late_does_not_move_the_cursor_back(
    server: FakeMastodon, context: Context
) -> None:
    with reading(source(context, server)) as given:
        until_listening(given)
        early = server.id_now()
        (newer,) = server.publish(["newer"])
        server.publish(["late"], id=early)
        found = arrivals(given, 2)
    assert found[1].cursor == {"instance": server.name, "id": newer.rpartition("/")[2]}


def test_without_a_token_a_stream_is_refused_with_what_to_do(
    server: FakeMastodon, context: Context
) -> None:
    with (
        reading(source(context, server, token=None)) as given,
        pytest.raises(UserError, match=r"HTTP 401.*EMOSTREAM_MASTODON_TOKEN.*--poll 10"),
    ):
        until_listening(given)


def test_a_wrong_token_is_never_in_the_message(server: FakeMastodon, context: Context) -> None:
    with (
        reading(source(context, server, token="wr0ng")) as given,
        pytest.raises(UserError, match=r"does its token still count\?") as refused,
    ):
        until_listening(given)
    assert "wr0ng" not in str(refused.value)


def test_a_state_of_another_instance_is_not_read_on(server: FakeMastodon, context: Context) -> None:
    cursor = {"instance": "one.example", "id": "1"}
    with (
        reading(source(context, server), cursor) as given,
        pytest.raises(UserError, match=r"read one\.example until now.*--name"),
    ):
        next(given)


def test_polling_asks_again_and_again_and_needs_no_token(
    server: FakeMastodon, context: Context, clock: SettableClock
) -> None:
    shown = server.publish(["one", "two"])
    with reading(source(context, server, token=None, poll=10.0)) as given:
        found = arrivals(given, 2)
        shown += server.publish(["three"])
        found += arrivals(given, 1)
    assert ids(found) == shown
    assert server.authorizations == [None] * len(server.requests)
    assert clock.seconds == 10


def test_no_request_is_made_while_none_is_left(
    server: FakeMastodon, context: Context, clock: SettableClock
) -> None:
    start = here(server)
    server.publish(texts(45))
    reset = NOW + timedelta(minutes=5)
    server.limits = [{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset.isoformat()}]
    with reading(source(context, server), start) as given:
        arrivals(given, 40)
        pause = next(given)
        arrivals(given, 1)
    assert isinstance(pause, Pause)
    assert pause.reason == f"{server.name}: no request is left until 12:05:00 UTC"
    assert clock.now() == reset


@pytest.mark.case(33)
def test_too_many_requests_wait_for_the_reset(
    server: FakeMastodon, context: Context, clock: SettableClock
) -> None:
    start = here(server)
    server.publish(["one"])
    reset = NOW + timedelta(seconds=90)
    server.answer_next(429, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset.isoformat()})
    with reading(source(context, server), start) as given:
        arrivals(given, 1)
    assert clock.now() == reset


def test_a_stream_that_fails_is_asked_for_later_and_later_though_the_timeline_answers(
    server: FakeMastodon, context: Context, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_stream", lambda handler, _at: server._json(handler, 503, {}))
    with reading(source(context, server), here(server)) as given:
        while clock.seconds < 1 + 2 + 4:
            next(given)
        assert sum("streaming" in path for path, _asked in server.requests) == 4


def test_a_gap_of_too_many_statuses_is_told_and_left(
    server: FakeMastodon, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mastodon, "PAGES", 2)
    start = here(server)
    server.publish(texts(200))
    found: list[Given] = []
    with reading(source(context, server), start) as given:
        while not found or not isinstance(found[-1], Gap):
            found.append(next(given))
    assert len(found) == 161
    assert isinstance(found[-1], Gap)
    assert found[-1].reason.startswith("more than 80 statuses")


def test_what_the_second_look_at_the_timeline_still_has_is_no_gap(
    server: FakeMastodon, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mastodon, "PAGES", 3)
    start = here(server)
    missed = server.publish(texts(140))
    with reading(source(context, server), start) as given:
        found = [next(given) for _ in range(140)]
    assert [type(one) for one in found] == [Arrival] * 140
    assert len(missed) == 140


def test_a_poll_gives_a_status_that_comes_late_and_none_twice(
    server: FakeMastodon, context: Context
) -> None:
    early = server.id_now()
    shown = server.publish(["one", "two"])
    with reading(source(context, server, token=None, poll=10.0)) as given:
        found = arrivals(given, 2)
        shown += server.publish(["late"], id=early)
        server._statuses.sort(key=lambda one: int(one["id"]))
        found += arrivals(given, 1)
        shown += server.publish(["three"])
        found += arrivals(given, 1)
    assert ids(found) == shown


@pytest.mark.case(30)
def test_a_stop_is_honoured_while_the_instance_does_not_answer(
    server: FakeMastodon, context: Context
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        patience = Patience(answer=20.0)
        live = Mastodon(
            Instance(address, None, context.now, patience), Filter.of(), context, poll=10.0
        )
        began = time.monotonic()
        with reading(live) as given:
            assert isinstance(next(given), Pause)
            context.stop.set()
            assert list(given) == []
    assert time.monotonic() - began < 5
    assert server.requests == []


def test_a_quiet_day_is_no_gap(
    server: FakeMastodon, context: Context, clock: SettableClock
) -> None:
    (last,) = server.publish(["one"])
    clock.wait(3 * 86_400)
    (new,) = server.publish(["two"])
    cursor = {"instance": server.name, "id": last.rpartition("/")[2]}
    with reading(source(context, server), cursor) as given:
        assert [type(next(given)) for _ in range(2)] == [Arrival, Arrival]
    assert last != new


def test_a_server_that_counts_its_statuses_is_read_too(
    server: FakeMastodon, context: Context
) -> None:
    server.publish(["one"], id="41")
    server.publish(["two"], id="142")
    with reading(source(context, server), {"instance": server.name, "id": "41"}) as given:
        (arrival,) = arrivals(given, 1)
    assert arrival.cursor == {"instance": server.name, "id": "142"}


def test_broken_events_are_refused_with_a_place_that_stays(
    server: FakeMastodon, context: Context
) -> None:
    with reading(source(context, server)) as given:
        until_listening(given)
        server.send("update", '{"id": "1"')
        server.send("delete", "../etc")
        server.send("update", '{"id": "1"')
        found = arrivals(given, 3)
    assert all(isinstance(arrival.outcomes[0], Refusal) for arrival in found)
    assert found[0].place == found[2].place != found[1].place
    assert json.loads(found[0].data)["payload"] == '{"id": "1"'


@pytest.mark.parametrize("body", ["<html>", '{"a": 1}'])
def test_a_timeline_that_is_none_is_asked_for_again(
    server: FakeMastodon, context: Context, body: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = here(server)
    server.publish(["one"])
    real = server._page
    pages = iter([json.loads(body) if body.startswith("{") else None])
    monkeypatch.setattr(server, "_page", lambda asked: next(pages, real(asked)))
    with reading(source(context, server), start) as given:
        reason = next(given)
        arrivals(given, 1)
    assert isinstance(reason, Pause)
    assert "the timeline is no list" in reason.reason


def test_when_nobody_takes_the_server_has_to_wait(server: FakeMastodon, context: Context) -> None:
    with reading(source(context, server)) as given:
        until_listening(given)
        server.publish(["x" * 100_000] * 250)
        arrivals(given, 1)
        before = -1
        while before != server.sent:
            before = server.sent
            Event().wait(0.2)
        assert before < 200
        assert len(arrivals(given, 249)) == 249


def test_a_close_ends_the_connection_at_once(server: FakeMastodon, context: Context) -> None:
    given = source(context, server).read(None)
    until_listening(given)
    context.stop.set()
    assert list(given) == []


def test_the_check_says_what_the_instance_allows(server: FakeMastodon, context: Context) -> None:
    server.limits = [{"X-RateLimit-Remaining": "299"}]
    assert source(context, server).check().sentences == [
        f"{server.name} runs version 4.5.1",
        "its timeline can be read",
        "299 requests are left for now",
        "it streams to us",
    ]


def test_the_check_without_a_token_says_what_one_would_open(
    server: FakeMastodon, context: Context
) -> None:
    sentences = source(context, server, token=None).check().sentences
    assert sentences[1] == "its timeline can be read"
    assert "refuses /api/v1/streaming/public (HTTP 401): a user token" in sentences[2]


def test_the_check_fails_where_nothing_is_allowed(server: FakeMastodon, context: Context) -> None:
    server.shows_timeline = False
    with pytest.raises(UserError, match=r"runs version 4\.5\.1; .* refuses /api/v1/timelines"):
        source(context, server, token=None).check()


@pytest.mark.parametrize("shows_timeline", [False, True])
def test_the_check_fails_where_the_token_is_refused(
    server: FakeMastodon, context: Context, shows_timeline: bool
) -> None:
    server.shows_timeline = shows_timeline
    with pytest.raises(UserError, match=r"HTTP 401\): does its token still count\?") as refused:
        source(context, server, token="wr0ng").check()
    assert "wr0ng" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "events"),
    [
        (":thump\n\n", []),
        ("event: update\ndata: {}\n\n", [("update", "{}")]),
        ("event:update\ndata:{}\n\n", [("update", "{}")]),
        ("data: a\ndata:  b\nid: 4\n\n", [("message", "a\n b")]),
        ("event: update\n\ndata: x\n\n", [("message", "x")]),
        ("event: delete\ndata: 1\n:thump\n\nevent: delete\ndata: 2\n", [("delete", "1")]),
    ],
)
def test_events_are_put_together_from_their_lines(text: str, events: list[tuple[str, str]]) -> None:
    found = list(parsed(iter(text.split("\n")[:-1])))
    assert found == [ServerEvent(*event) for event in events]


@pytest.mark.parametrize("field", ["data: ", ":"])
def test_an_event_without_end_is_not_held(
    server: FakeMastodon, context: Context, field: str
) -> None:
    with reading(source(context, server)) as given:
        until_listening(given)
        server.send_raw(field + "x" * 5_000_000)
        reasons = [one.reason for one in given_until_reason(given)]
    assert reasons[-1].endswith("the stream broke (ValueError); asking again")


def given_until_reason(given: Iterator[Given]) -> Iterator[Pause]:
    for one in given:
        assert isinstance(one, Pause)
        yield one
        if one.reason:
            return


def options(*given: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    mastodon.add_options(parser)
    return parser.parse_args(given)


def test_the_plan_says_what_is_read_and_how(context: Context) -> None:
    settings = Settings(mastodon="https://one.example/")
    streamed = mastodon.make(options("--keyword", "tea", "--local"), settings, context)
    assert streamed.plan() == [
        "its own people's posts with “tea” that one.example shows to everyone, streamed; no cost"
    ]
    polled = mastodon.make(options("--poll", "10"), settings, context)
    assert polled.plan()[0].endswith("asked for every 10 s, without edits and deletions; no cost")
    assert polled.allowances() == ()


@pytest.mark.parametrize("seconds", ["0.5", "-1", "nan"])
def test_polling_too_often_is_refused(context: Context, seconds: str) -> None:
    settings = Settings(mastodon="https://one.example")
    with pytest.raises(UserError, match="--poll: must be 1 seconds or more"):
        mastodon.make(options("--poll", seconds), settings, context)


def test_there_is_no_instance_but_the_one_that_the_user_names(context: Context) -> None:
    with pytest.raises(UserError, match="EMOSTREAM_MASTODON is not set: name an instance"):
        mastodon.make(options(), Settings(), context)


@pytest.mark.parametrize("address", ["one.example", "ftp://one.example", "https://me@one.example"])
def test_an_address_that_is_no_instance_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="must be https://host"):
        Settings(mastodon=address)


class FakeNetwork(FakeMastodon):
    """The server as the contract uses it: a first crawl begins with its first status."""

    def __enter__(self) -> "FakeNetwork":
        super().__enter__()
        self.began = here(self)
        return self

    def source(self, context: Context) -> Mastodon:
        if context.state.cursor is None and not self.fresh:
            context.state.save(self.began)
        return source(context, self)


class TestContract(SourceContract, WithToken):
    @pytest.fixture
    def fake(self, clock: SettableClock) -> Iterator[FakeNetwork]:
        with FakeNetwork(clock.now) as network:
            yield network

    def test_a_deletion_becomes_a_deletion(self, fake: Fake, crawler: Crawler) -> None:
        """It must be listening: Mastodon tells a deletion once."""
        first, second = fake.publish(texts(2))
        gone: list[str] = []

        def deleted(ran: Any) -> bool:
            listening = any("streaming" in path for path, _asked in fake.requests)
            if not gone and listening and ran.ids >= {first, second}:
                fake.delete(first)
                gone.append(first)
            return bool(ran.deleted)

        assert crawler.run(deleted).deleted == {first}
