"""A replay's ids, times, rounds and speed."""

import io
import json
from datetime import datetime, timedelta
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest

from ingest.inputs import Input
from ingest.replay import Plan, Replay, new_crawl
from ingest.sending import Counts, Sender
from stream.codec import encode
from stream.errors import UserError
from stream.posts import AuthorDeletion, Deletion, Origin
from tests.ingest.doubles import NOW, MemoryDestination, SettableClock, given

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

CRAWL = "replay-20261120T120000-ab12"
RUN = "20261120T120000-ab12"


def tweet(number: int, hours: float, **more: Any) -> bytes:
    """A tweet of some hours before the newest of the input."""
    time = datetime.fromisoformat("2025-01-01T00:00:00+00:00") - timedelta(hours=hours)
    fields = {"id": str(number), "text": f"text {number}", "created_at": time.isoformat(), **more}
    return json.dumps(fields).encode() + b"\n"


REPLY = {
    "conversation_id": "1",
    "referenced_tweets": [{"type": "replied_to", "id": "1"}],
}
DELETION = (
    b'{"kind": "deletion", "platform": "x", "native_id": "1",'
    b' "created_at": "2024-12-31T19:00:00Z", "deleted_at": "2024-12-31T23:00:00Z"}\n'
)
INPUT = tweet(1, 5) + tweet(2, 0, **REPLY) + b"broken\n" + DELETION


class Run:
    """A replay with time that passes only by waiting."""

    def __init__(self, *inputs: Input, **options: Any) -> None:
        self.clock = SettableClock()
        self.stop = Event()
        self.destination = MemoryDestination()
        self.plan = Plan(inputs, **{"crawl": CRAWL, **options})

    def go(self) -> Counts:
        sender = Sender(self.destination, self.plan.crawl, self.stop)
        clock = self.clock
        Replay(self.plan, sender, self.stop, clock.now, clock.monotonic, clock.wait).run()
        return sender.counts

    @property
    def deletions(self) -> list[Deletion]:
        return [one for one in self.destination.records if isinstance(one, Deletion)]


def test_without_flags_ids_and_times_stay_and_a_repeat_sends_the_same() -> None:
    first, again = Run(given(INPUT)), Run(given(INPUT))
    counts = first.go()
    again.go()
    assert first.destination.records == again.destination.records
    assert [record.key for record in first.destination.records] == ["x:1", "x:2", "x:1"]
    assert first.destination.posts[1].created_at.year == 2025
    assert (counts.posts, counts.deletions, counts.dead_letters) == (2, 1, 1)
    assert (counts.unique_ids, counts.repeated) == (2, 0)


def test_every_record_carries_the_crawl_and_the_files_name() -> None:
    run = Run(given(INPUT, "folder/a.ndjson.gz"), crawl="mine")
    run.go()
    origins = {(one.origin.crawl, one.origin.stream) for one in run.destination.records}
    assert origins == {("mine", "a.ndjson")}
    assert run.destination.letters[0].crawl == "mine"


def test_shifted_to_now_the_newest_post_is_now_and_distances_stay() -> None:
    run = Run(given(tweet(3, 48), "a.ndjson"), given(INPUT, "b.ndjson"), shift_to_now=True)
    run.go()
    hours = [(NOW - post.created_at) / timedelta(hours=1) for post in run.destination.posts]
    assert hours == [48, 5, 0]
    (deletion,) = run.deletions
    assert deletion.deleted_at == NOW - timedelta(hours=1)
    assert deletion.created_at == NOW - timedelta(hours=5)


def test_shifted_posts_have_ids_of_this_run_and_so_have_those_they_refer_to() -> None:
    run = Run(given(INPUT), shift_to_now=True)
    run.go()
    first, reply = run.destination.posts
    assert first.native_id == f"1~{RUN}"
    assert (reply.reply_to, reply.conversation) == (f"1~{RUN}", f"1~{RUN}")
    assert run.deletions[0].native_id == f"1~{RUN}"
    assert all(post.observed_at == NOW for post in run.destination.posts)


def test_a_retold_deletion_of_an_author_is_of_nobody() -> None:
    gone = AuthorDeletion(platform="x", author_id="7", deleted_at=NOW, origin=Origin(crawl="c0"))
    run = Run(given(INPUT + encode(gone)), shift_to_now=True)
    run.go()
    told = run.destination.records[-1]
    assert isinstance(told, AuthorDeletion)
    assert told.author_id == f"7~{RUN}"


def test_a_time_that_cannot_be_shifted_is_a_dead_letter() -> None:
    post = b'{"kind": "post", "platform": "x", "native_id": "9", "text": "a",'
    far = post + b'"created_at": "9999-12-30T00:00:00Z", "observed_at": "9999-12-30T00:00:00Z"}\n'
    old = b'{"id": "8", "text": "a", "created_at": "2005-01-01T00:00:00Z"}\n'
    run = Run(given(old + far), shift_to_now=True)
    counts = run.go()
    assert (counts.posts, counts.dead_letters) == (1, 1)
    assert run.destination.letters[0].reason == "created_at: out of range when shifted"
    assert run.destination.letters[0].stage == "processing"


def test_an_id_that_would_grow_too_long_is_a_dead_letter() -> None:
    fields = {
        "kind": "post",
        "platform": "x",
        "native_id": "i" * 500,
        "text": "a",
        "created_at": "2026-01-01T00:00:00Z",
    }
    run = Run(given(json.dumps(fields).encode()), shift_to_now=True)
    assert run.go().dead_letters == 1


def test_rounds_have_ids_of_their_own_and_later_ones_happen_as_they_are_sent() -> None:
    run = Run(given(INPUT), loop=True, shift_to_now=True, rate=1.0, limit=6)
    counts = run.go()
    assert [record.key.partition(":")[2] for record in run.destination.records] == [
        f"1~{RUN}.1",
        f"2~{RUN}.1",
        f"1~{RUN}.1",
        f"1~{RUN}.2",
        f"2~{RUN}.2",
        f"1~{RUN}.2",
    ]
    first, second, third, fourth = (post.created_at for post in run.destination.posts)
    assert (first, second) == (NOW - timedelta(hours=5), NOW)
    assert (third, fourth) == (NOW + timedelta(seconds=3), NOW + timedelta(seconds=4))
    assert run.deletions[1].deleted_at == NOW + timedelta(seconds=5)
    assert (counts.posts, counts.deletions, counts.dead_letters) == (4, 2, 1)
    assert (counts.unique_ids, counts.repeated) == (4, 0)


def test_the_first_of_rounds_that_are_not_shifted_keeps_its_times() -> None:
    run = Run(given(tweet(1, 0)), loop=True, limit=2)
    run.go()
    assert [post.created_at.year for post in run.destination.posts] == [2025, NOW.year]


def test_a_loop_over_nothing_ends() -> None:
    assert Run(given(b"broken\n"), loop=True).go().dead_letters == 1


def test_texts_and_rows_take_time_language_and_platform_from_the_options() -> None:
    at = NOW - timedelta(days=3)
    options = {"at": at, "language": "nl", "platform": "diary"}
    run = Run(given(b"wat een dag\n", "a.txt"), given(b"dag\t1\tq1\n", "b.tsv"), **options)
    run.go()
    assert [post.key.split(":")[0] for post in run.destination.posts] == ["diary", "diary"]
    assert {post.created_at for post in run.destination.posts} == {at}
    assert {post.language for post in run.destination.posts} == {"nl"}


def test_a_language_that_the_platform_states_stays() -> None:
    run = Run(given(tweet(1, 0, lang="fr") + tweet(2, 0)), language="nl")
    run.go()
    assert [post.language for post in run.destination.posts] == ["fr", "nl"]


@pytest.mark.parametrize("rate", [0.5, 20.0, 5000.0])
def test_a_rate_is_kept(rate: float) -> None:
    run = Run(given(b"".join(tweet(n, 0) for n in range(101))), rate=rate)
    run.go()
    assert run.clock.seconds == pytest.approx(100 / rate, abs=0.01)


def test_slow_posts_are_sent_as_they_come() -> None:
    run = Run(given(b"".join(tweet(n, 0) for n in range(4))), rate=1.0)
    run.go()
    assert run.destination.batches == [1, 1, 1, 1]


def test_quick_posts_are_sent_together_and_none_is_held_long() -> None:
    run = Run(given(b"".join(tweet(n, 0) for n in range(1001))), rate=1000.0)
    run.go()
    assert run.clock.seconds == pytest.approx(1.0, abs=0.01)
    assert 90 <= max(run.destination.batches) <= 110


def test_asked_to_stop_it_sends_what_it_has() -> None:
    run = Run(given(b"".join(tweet(n, 0) for n in range(100))), rate=10.0)
    pass_time = run.clock.wait

    def stop_at_two(seconds: float) -> None:
        pass_time(seconds)
        if run.clock.seconds >= 2:
            run.stop.set()

    run.clock.wait = stop_at_two  # type: ignore[method-assign]
    assert run.go().posts == len(run.destination.posts) == 20


def test_what_was_read_before_a_damaged_place_is_sent() -> None:
    import gzip

    whole = gzip.compress(INPUT) + gzip.compress(tweet(4, 0))[:-9]
    run = Run(given(whole, "a.ndjson.gz"))
    with pytest.raises(UserError, match=r"a\.ndjson\.gz: cannot be read"):
        run.go()
    assert [post.native_id for post in run.destination.posts] == ["1", "2"]


class Silent(io.RawIOBase):
    """A pipe that has given its lines, stays open, and must not be asked for more."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        if not self._data:
            raise AssertionError("a pipe would block here")
        given, self._data = self._data, b""
        memoryview(buffer)[: len(given)] = given
        return len(given)


def test_with_enough_sent_nothing_more_is_asked_of_a_pipe() -> None:
    lines = tweet(1, 0) + b"broken\n" + tweet(2, 0)
    pipe = Input("-", lambda: io.BufferedReader(Silent(lines), 1 << 16), again=False)
    counts = Run(pipe, limit=2).go()
    assert (counts.posts, counts.dead_letters) == (2, 1)


def test_a_new_crawl_is_named_by_its_second() -> None:
    crawl = new_crawl(NOW)
    assert crawl.startswith("replay-20261120T120000-")
    assert len(crawl) == len(CRAWL)
