"""Bluesky's Jetstream is read from a local server that speaks its wire."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest

from ingest.context import Context
from ingest.filters import Filter
from ingest.live import bluesky
from ingest.live.bluesky import Bluesky, Patience
from ingest.sightings import Refusal
from ingest.sources import Arrival, Cursor, Gap, Pause
from ingest.state import State
from stream.backoff import Backoff
from stream.errors import UserError
from stream.posts import AuthorDeletion, Deletion, Post
from stream.settings import Settings
from tests.ingest.doubles import NOW, SettableClock
from tests.ingest.live.contract import SourceContract
from tests.ingest.live.fake_bluesky import DID, FakeBluesky

pytestmark = pytest.mark.wire

Given = Arrival | Gap | Pause


class InstantStop(Event):
    """A wait for it takes no time, and is remembered."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        return self.is_set()


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def server(clock: SettableClock) -> Iterator[FakeBluesky]:
    with FakeBluesky(clock.now) as fake:
        yield fake


@pytest.fixture
def context(tmp_path: Path, clock: SettableClock) -> Iterator[Context]:
    with State.open(tmp_path, "bluesky") as state:
        yield Context("c1", state, InstantStop(), clock.now, clock.monotonic)


def source(context: Context, *servers: FakeBluesky, wanted: Filter | None = None) -> Bluesky:
    return Bluesky(
        [one.address for one in servers],
        wanted or Filter.of(),
        context,
        Backoff(first=1.0, longest=60.0, chance=lambda: 0.0),
        Patience(tick=0.02, silence=0.1),
    )


@contextmanager
def reading(live: Bluesky, cursor: Cursor | None = None) -> Iterator[Iterator[Given]]:
    given = live.read(cursor)
    try:
        yield given
    finally:
        given.close()  # type: ignore[attr-defined]


def connected(given: Iterator[Given], server: FakeBluesky, times: int = 1) -> None:
    """Reads on until the server was asked so often, and answered the last time with nothing."""
    while len(server.requests) < times:
        next(given)
    assert isinstance(next(given), Pause)


def arrivals(given: Iterator[Given], number: int) -> list[Arrival]:
    found: list[Arrival] = []
    while len(found) < number:
        one = next(given)
        if isinstance(one, Arrival) and one.data:
            found.append(one)
    return found


def keys(found: list[Arrival]) -> list[str]:
    return [one.key for a in found for one in a.outcomes if not isinstance(one, Refusal)]


def waits(context: Context) -> list[float]:
    assert isinstance(context.stop, InstantStop)
    return context.stop.waits


def from_the_first(server: FakeBluesky) -> Cursor:
    return {"time_us": server.time_us, "server": server.address}


def test_it_asks_for_posts_alone_and_gives_them_with_a_cursor(
    server: FakeBluesky, context: Context
) -> None:
    with reading(source(context, server)) as given:
        connected(given, server)
        (native_id,) = server.publish(["what a day"])
        (arrival,) = arrivals(given, 1)
    assert server.requests == [
        {"wantedCollections": ["app.bsky.feed.post"], "maxMessageSizeBytes": ["1000000"]}
    ]
    (post,) = arrival.outcomes
    assert isinstance(post, Post)
    assert (post.native_id, post.text, post.origin.crawl) == (native_id, "what a day", "c1")
    assert post.origin.stream == "jetstream/app.bsky.feed.post"
    assert arrival.cursor == {"time_us": server.time_us, "server": server.address}
    assert arrival.at is not None
    assert abs(arrival.at - post.created_at) < timedelta(seconds=1)


@pytest.mark.case(31)
def test_it_reads_on_where_a_cursor_says_that_event_included(
    server: FakeBluesky, context: Context
) -> None:
    start = from_the_first(server)
    ids = server.publish(["one", "two", "three", "four"])
    with reading(source(context, server), start) as given:
        before = arrivals(given, 2)
    with reading(source(context, server), before[-1].cursor) as given:
        after = arrivals(given, 3)
    assert keys(before + after) == [f"bluesky:{ids[n]}" for n in (0, 1, 1, 2, 3)]


def test_a_dropped_connection_is_taken_up_where_it_broke(
    server: FakeBluesky, context: Context
) -> None:
    start = from_the_first(server)
    first = server.publish(["one"])
    with reading(source(context, server), start) as given:
        found = arrivals(given, 1)
        server.drop_connections()
        second = server.publish(["two"])
        found += arrivals(given, 2)
    assert keys(found) == [f"bluesky:{one}" for one in [*first, *first, *second]]
    assert len(server.requests) == 2


def test_another_server_takes_over_five_seconds_back(
    server: FakeBluesky, context: Context, clock: SettableClock
) -> None:
    with FakeBluesky(clock.now) as other, reading(source(context, server, other)) as given:
        connected(given, server)
        server.publish(["one"])
        arrivals(given, 1)
        seen = server.time_us
        server.drop_connections()
        connected(given, other)
        assert other.requests[0]["cursor"] == [str(seen - 5_000_000)]


@pytest.mark.case(32)
def test_silence_counts_as_a_stall_and_is_left(server: FakeBluesky, context: Context) -> None:
    start = from_the_first(server)
    server.publish(["one"])
    with reading(source(context, server), start) as given:
        arrivals(given, 1)
        server.stall()
        server.publish(["two"])
        reasons = []
        while isinstance(one := next(given), Pause):
            reasons.append(one.reason)
        assert isinstance(one, Arrival)
        assert keys([one, *arrivals(given, 1)]) == [
            f"bluesky:{DID}/3k0000000000{n}" for n in (1, 2)
        ]
    assert any("no event for" in reason for reason in reasons)


def test_time_that_the_taker_takes_is_no_silence(server: FakeBluesky, context: Context) -> None:
    with reading(source(context, server)) as given:
        connected(given, server)
        server.publish(["one"])
        arrivals(given, 1)
        Event().wait(0.2)  # the taker is busy for longer than the silence that is borne
        server.publish(["two"])
        arrivals(given, 1)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [420, 429, 500, 502, 503])
@pytest.mark.case(33)
def test_a_server_that_is_busy_is_asked_again_later_and_later(
    server: FakeBluesky, context: Context, status: int
) -> None:
    for _ in range(3):
        server.answer_next(status)
    with reading(source(context, server)) as given:
        connected(given, server, times=4)
    assert sum(waits(context)) == 1 + 2 + 4


@pytest.mark.case(33)
def test_retry_after_is_heeded(server: FakeBluesky, context: Context) -> None:
    server.answer_next(429, {"Retry-After": "17"})
    with reading(source(context, server)) as given:
        pause = next(given)
        connected(given, server, times=2)
    assert sum(waits(context)) == 17
    assert isinstance(pause, Pause)
    assert pause.reason.endswith("HTTP 429; connecting again")


def test_what_came_makes_the_waits_short_again(server: FakeBluesky, context: Context) -> None:
    start = from_the_first(server)
    server.publish(["one"])
    server.answer_next(503)
    server.answer_next(503)
    with reading(source(context, server), start) as given:
        arrivals(given, 1)
        server.drop_connections()
        arrivals(given, 1)
    assert sum(waits(context)) == 1 + 2 + 1


def test_what_is_read_once_more_leaves_the_cursor_and_the_waits_alone(
    server: FakeBluesky, context: Context
) -> None:
    server.publish(["one"])
    start = from_the_first(server)
    with reading(source(context, server), start) as given:
        for _ in range(3):
            (again,) = arrivals(given, 1)
            assert again.cursor is None
            server.drop_connections()
        arrivals(given, 1)
    assert sum(waits(context)) == 1 + 2 + 4


def test_why_a_connection_ended_is_told(server: FakeBluesky, context: Context) -> None:
    with reading(source(context, server)) as given:
        connected(given, server)
        server.drop_connections()
        while not (one := next(given)).reason:  # type: ignore[union-attr]
            assert isinstance(one, Pause)
    assert isinstance(one, Pause)
    assert one.reason.endswith(": connection broken; connecting again")


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_is_one_line_for_the_user(
    server: FakeBluesky, context: Context, status: int
) -> None:
    server.answer_next(status)
    with (
        reading(source(context, server)) as given,
        pytest.raises(UserError, match=rf"refuses us \(HTTP {status}\).*_JETSTREAM"),
    ):
        next(given)


def test_a_cursor_older_than_what_is_kept_is_a_gap(
    server: FakeBluesky, context: Context, clock: SettableClock
) -> None:
    start = from_the_first(server)
    server.publish(["one", "two"])
    clock.wait(61)
    (three,) = server.publish(["three"])
    server.forget_before(three)
    with reading(source(context, server), start) as given:
        gap, arrival = next(given), next(given)
    assert isinstance(gap, Gap)
    assert isinstance(arrival, Arrival)
    assert gap.since == NOW
    assert gap.until == arrival.at == NOW + timedelta(seconds=61)


def test_a_quiet_hour_after_the_cursors_own_event_is_no_gap(
    server: FakeBluesky, context: Context, clock: SettableClock
) -> None:
    server.publish(["one"])
    start = from_the_first(server)
    clock.wait(3600)
    server.publish(["two"])
    with reading(source(context, server), start) as given:
        assert [type(next(given)) for _ in range(2)] == [Arrival, Arrival]


@pytest.mark.case(34)
def test_updates_and_deletions_come_in_order(server: FakeBluesky, context: Context) -> None:
    start = from_the_first(server)
    (native_id,) = server.publish(["one"])
    server.update(native_id, "better")
    server.delete(native_id)
    with reading(source(context, server), start) as given:
        found = [arrival.outcomes[0] for arrival in arrivals(given, 3)]
    assert [type(one) for one in found] == [Post, Post, Deletion]
    assert {one.key for one in found if not isinstance(one, Refusal)} == {f"bluesky:{native_id}"}


def test_what_cannot_be_read_is_refused_and_the_stream_goes_on(
    server: FakeBluesky, context: Context
) -> None:
    start = from_the_first(server)
    server.malformed()
    server.send_bytes(b"\xff\xfe")
    server.tell(server.commit("create", "3x", {"text": 5}))
    server.tell({"kind": "riddle"})
    server.publish(["one"])
    with reading(source(context, server), start) as given:
        found = arrivals(given, 5)
        again = arrivals(source(context, server).read(start), 2)
    refused = [arrival.outcomes[0] for arrival in found[:4]]
    assert [one.reason.split(" (")[0] for one in refused if isinstance(one, Refusal)] == [
        "not JSON: Expecting ':' delimiter",
        "not UTF-8",
        "text: Input should be a valid string",
        "kind: Input should be 'commit', 'identity' or 'account'",
    ]
    assert found[1].data == b"\xff\xfe"
    assert len({arrival.place for arrival in found[:4]}) == 4
    assert [one.place for one in again] == [one.place for one in found[:2]]
    assert isinstance(found[4].outcomes[0], Post)


def test_a_filter_leaves_out_posts_but_no_deletions_and_moves_the_cursor(
    server: FakeBluesky, context: Context
) -> None:
    start = from_the_first(server)
    (_tea, coffee) = server.publish(["good tea", "good coffee"])
    server.publish(["guter Tee, good tea"], langs=["de"])
    server.delete(coffee)
    live = source(context, server, wanted=Filter.of(["en"], ["tea"]))
    with reading(live, start) as given:
        found = arrivals(given, 4)
    assert [len(arrival.outcomes) for arrival in found] == [1, 0, 0, 1]
    (post,) = found[0].outcomes
    assert isinstance(post, Post)
    assert post.origin.rules == ("tea",)
    assert [one.cursor is not None for one in found] == [True] * 4


def test_an_account_that_is_gone_is_the_deletion_of_an_author_whatever_is_wanted(
    server: FakeBluesky, context: Context
) -> None:
    start = from_the_first(server)
    server.account("deleted")
    nothing = Filter.of(keywords=["no such word"])
    with reading(source(context, server, wanted=nothing), start) as given:
        (arrival,) = arrivals(given, 1)
    (gone,) = arrival.outcomes
    assert isinstance(gone, AuthorDeletion)
    assert (gone.platform, gone.author_id, gone.deleted_at) == ("bluesky", DID, arrival.at)
    assert arrival.cursor is not None


def test_when_nobody_takes_the_server_has_to_wait(server: FakeBluesky, context: Context) -> None:
    start = from_the_first(server)
    server.publish(["x" * 100_000] * 500)
    with reading(source(context, server), start) as given:
        arrivals(given, 1)
        before = -1
        while before != server.sent:
            before = server.sent
            Event().wait(0.2)
        assert before < 300
        assert len(arrivals(given, 499)) == 499


def test_it_ends_when_asked_to_stop(server: FakeBluesky, context: Context) -> None:
    given = source(context, server).read(None)
    connected(given, server)
    context.stop.set()
    assert list(given) == []


def test_it_ends_when_asked_to_stop_while_it_waits(server: FakeBluesky, context: Context) -> None:
    server.answer_next(503)
    given = source(context, server).read(None)
    assert isinstance(next(given), Pause)
    context.stop.set()
    assert list(given) == []


def test_the_check_says_which_servers_answer_and_how_much_they_keep(
    server: FakeBluesky, context: Context, clock: SettableClock
) -> None:
    server.publish(["one"])
    clock.wait(36 * 3600)
    with FakeBluesky(clock.now) as refusing:
        refusing.answer_next(503)
        told = source(context, server, refusing).check()
    assert [sentence.partition(" ")[2] for sentence in told.sentences] == [
        "answers, and keeps the last 36.0 h",
        "does not answer: server rejected WebSocket connection: HTTP 503",
        "asks for no key and bills nothing",
    ]


def test_the_check_fails_where_no_server_answers(server: FakeBluesky, context: Context) -> None:
    server.answer_next(503)
    with pytest.raises(UserError, match=r"does not answer.*EMOSTREAM_BLUESKY_JETSTREAM"):
        source(context, server).check()


def test_the_options_make_the_filter_and_the_plan_says_it(context: Context) -> None:
    parser = argparse.ArgumentParser()
    bluesky.add_options(parser)
    arguments = parser.parse_args(["--language", "en", "--keyword", "new year", "--hashtag", "joy"])
    settings = Settings(bluesky_jetstream="wss://one.example/, ws://two.example:8080")
    live = bluesky.make(arguments, settings, context)
    assert live.plan() == ["posts with “new year” or #joy in en from one.example; no key, no cost"]
    assert live.allowances() == ()


@pytest.mark.parametrize("address", ["https://one.example", "wss://", "wss://me:pw@one.example"])
def test_an_address_that_is_no_jetstream_server_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="must be wss://host"):
        Settings(bluesky_jetstream=address)


class FakeNetwork(FakeBluesky):
    """The server as the contract uses it: a first crawl begins with its first event."""

    def source(self, context: Context) -> Bluesky:
        if context.state.cursor is None and not self.fresh:
            context.state.save({"time_us": self.began, "server": self.address})
        return source(context, self)


class TestContract(SourceContract):
    @pytest.fixture
    def fake(self, clock: SettableClock) -> Iterator[FakeNetwork]:
        with FakeNetwork(clock.now) as network:
            yield network
