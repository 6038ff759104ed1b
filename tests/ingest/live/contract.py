"""What every live source keeps to: docs/sources.md in tests.

A source's test module has a class that inherits `SourceContract` and gives a fixture `fake`: a
`Fake` on top of a local server that speaks the platform's documented protocol.

    class TestBluesky(SourceContract):
        @pytest.fixture
        def fake(self, clock: SettableClock) -> Iterator[Fake]:
            with FakeJetstream(clock) as server:
                yield server

Time passes only where the source waits by its context's `stop`; a source takes its time-outs on
sockets as arguments, so that `Fake.source` can make them short.
"""

import os
import signal
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any, Protocol

import pytest

from ingest.archive import Archive
from ingest.context import Context
from ingest.crawl import Crawl
from ingest.platforms import names
from ingest.sending import Sender
from ingest.sources import LiveSource
from ingest.state import State
from stream.cli import stop_on_signals
from stream.codec import decode_collected, encode
from stream.dead_letters import DeadLetter
from stream.errors import Backpressure, UserError
from stream.posts import Deletion, Post
from tests.ingest.doubles import MemoryDestination, SettableClock

REAL_SECONDS = 20.0
"""A source that takes longer for a handful of posts from this machine hangs."""
SHORT = 0.01


class Fake(Protocol):
    """A platform that does what a test tells it to."""

    @property
    def requests(self) -> Sequence[Any]:
        """What was asked so far, connections included."""
        ...

    def source(self, context: Context) -> LiveSource:
        """Makes our source for this server, with credentials that are right."""
        ...

    def publish(self, texts: Sequence[str]) -> list[str]:
        """Publishes posts with these texts; gives their native ids as our records have them."""
        ...

    def delete(self, native_id: str) -> None:
        """Deletes a post."""
        ...

    def malformed(self) -> None:
        """Sends what is no post of the platform, in the place of a post."""
        ...

    def drop_connections(self) -> None:
        """Breaks the connections there are (or the next request, where none stays open)."""
        ...

    def answer_next(self, status: int, headers: Mapping[str, str] = {}) -> None:
        """Answers the next request or connection so; called twice, the next two."""
        ...

    def stall(self) -> None:
        """The connections there are (or the next request) say nothing more; later ones work."""
        ...

    def forget_before(self, native_id: str) -> None:
        """No longer gives what was published before this post."""
        ...


class Timeless(Event):
    """A stop whose waits take no time, and move the clock."""

    def __init__(self, clock: SettableClock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        if not self.is_set():
            self._clock.wait(timeout or 0.0)
            time.sleep(SHORT / 10)  # lets the server's threads work
        return self.is_set()


@dataclass
class Ran:
    """What one run of a crawl did."""

    destination: MemoryDestination
    crawl: Crawl
    source: LiveSource
    waited: float
    """Seconds by its own clock."""

    @property
    def ids(self) -> set[str]:
        return {post.native_id for post in self.destination.posts}

    @property
    def deleted(self) -> set[str]:
        records = self.destination.records
        return {one.native_id for one in records if isinstance(one, Deletion)}


@dataclass
class Crawler:
    """Runs crawls of one fake, one after another, over one state."""

    fake: Fake
    clock: SettableClock
    folder: Path
    destination: MemoryDestination = field(default_factory=MemoryDestination)
    """For a test that looks at what was sent although the crawl raised."""

    def run(
        self,
        until: Callable[[Ran], bool] = lambda _ran: False,
        *,
        destination: MemoryDestination | None = None,
        seconds: float | None = None,
        archive: Path | None = None,
    ) -> Ran:
        """Crawls until something is so, by the clock for so long, or until the source ends.

        Called twice it goes on where it was, over the same state. What was sent in this run alone
        is in a destination of its own.
        """
        stop = Timeless(self.clock)
        given_up = time.monotonic() + REAL_SECONDS
        taken = destination or MemoryDestination()
        began = self.clock.seconds

        def turn(crawl: Crawl) -> None:
            ran = Ran(taken, crawl, source, self.clock.seconds - began)
            if until(ran):
                stop.set()
            elif time.monotonic() > given_up:
                stop.set()
                pytest.fail(f"nothing came of it in {REAL_SECONDS:g} s: {crawl}")

        with State.open(self.folder, "contract") as state:
            context = Context("c1", state, stop, self.clock.now, self.clock.monotonic)
            source = self.fake.source(context)
            crawl = Crawl(
                source,
                Sender(taken, "c1", stop),
                state,
                stop=stop,
                archive=Archive(archive, "contract", self.clock.now) if archive else None,
                seconds=seconds,
                turn=turn,
                now=self.clock.now,
                clock=self.clock.monotonic,
            )
            crawl.run()
        return Ran(taken, crawl, source, self.clock.seconds - began)

    def until_seen(self, ids: Sequence[str], **options: Any) -> Ran:
        """Crawls until these posts were sent in this run."""
        return self.run(lambda ran: ran.ids >= set(ids), **options)

    def child(self, file: Path, slow: float = 0.0) -> int:
        """Starts a process that crawls, in real time, into a file; gives its id.

        Args:
            file: takes one record a line, each batch on the disk before it counts as sent.
            slow: seconds that each batch takes.
        """
        pid = os.fork()
        if pid:
            return pid
        code = 1
        try:
            stop = stop_on_signals()
            with State.open(self.folder, "contract") as state:
                context = Context("c1", state, stop, self.clock.now)
                sender = Sender(FileDestination(file, slow), "c1", stop)
                Crawl(self.fake.source(context), sender, state, stop=stop).run()
            code = 0
        except BaseException:  # noqa: BLE001 - an entry point of its own
            traceback.print_exc()
        finally:
            os._exit(code)


class FileDestination:
    """Appends to a file; survives its process."""

    def __init__(self, file: Path, slow: float = 0.0) -> None:
        self._file, self._slow = file, slow

    def write(self, records: Sequence[Post | Deletion]) -> Sequence[tuple[int, str]]:
        time.sleep(self._slow)
        with self._file.open("ab") as stream:
            stream.writelines(encode(record) + b"\n" for record in records)
        return ()

    def bury(self, letters: Sequence[DeadLetter]) -> None:
        pass


def ids_in(file: Path) -> list[str]:
    """The native ids in a file of records, its last line left out while it is being written."""
    if not file.exists():
        return []
    lines = file.read_bytes().split(b"\n")[:-1]
    return [decode_collected(line).native_id for line in lines]


def wait_for(what: Callable[[], bool]) -> None:
    """Waits in real time for something in another process."""
    until = time.monotonic() + REAL_SECONDS
    while not what():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(SHORT)


def memory_of(pid: int) -> int:
    """Bytes of memory that a process has (Linux)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def after(things: int) -> Callable[[Ran], bool]:
    """Stops a crawl behind so many things that its source gives, pauses included."""
    left = iter(range(things - 1))
    return lambda _ran: next(left, None) is None


def texts(count: int, what: str = "so happy about number") -> list[str]:
    return [f"{what} {number}" for number in range(count)]


class Crash(BaseException):
    """The process is gone at this moment, as far as the code can tell."""


class SourceContract:
    """The tests. A source that cannot do one of them overrides it with what it does instead."""

    @pytest.fixture
    def clock(self) -> SettableClock:
        return SettableClock()

    @pytest.fixture
    def fake(self, clock: SettableClock) -> Any:
        raise NotImplementedError("each source gives its fake")

    @pytest.fixture
    def crawler(self, fake: Fake, clock: SettableClock, tmp_path: Path) -> Crawler:
        return Crawler(fake, clock, tmp_path / "state")

    def test_what_is_published_arrives_with_its_text_under_its_id(
        self, fake: Fake, crawler: Crawler
    ) -> None:
        ids = fake.publish(["what a day", "so früh 😀\nund so weiter"])
        ran = crawler.until_seen(ids)
        said = {post.native_id: post.text for post in ran.destination.posts}
        assert said == dict(zip(ids, ["what a day", "so früh 😀\nund so weiter"], strict=True))
        assert {post.origin.crawl for post in ran.destination.posts} == {"c1"}
        assert {post.platform for post in ran.destination.posts} == {ran.source.platform}

    def test_what_is_published_meanwhile_arrives(self, fake: Fake, crawler: Crawler) -> None:
        early = fake.publish(texts(3))
        late: list[str] = []

        def both(ran: Ran) -> bool:
            if not late and ran.ids >= set(early):
                late.extend(fake.publish(texts(3, "late")))
            return bool(late) and ran.ids >= {*early, *late}

        assert crawler.run(both).ids == {*early, *late}

    def test_killed_and_started_again_it_has_every_post_and_none_under_two_ids(
        self, fake: Fake, crawler: Crawler, tmp_path: Path
    ) -> None:
        ids = fake.publish(texts(60))
        sent = tmp_path / "sent.ndjson"
        pid = crawler.child(sent)
        wait_for(lambda: len(ids_in(sent)) > 0)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        before = ids_in(sent)
        more = fake.publish(texts(5, "meanwhile"))
        missing = {*ids, *more} - set(before)
        ran = crawler.until_seen(sorted(missing))
        assert {*before, *ran.ids} == {*ids, *more}

    @pytest.mark.parametrize("nth", [1, 2])
    def test_a_crash_between_sending_and_remembering_repeats_and_loses_nothing(
        self, fake: Fake, crawler: Crawler, nth: int
    ) -> None:
        sent = CrashAfter(nth)
        first = fake.publish(texts(7))
        seen: list[str] = []

        def publish_more(ran: Ran) -> bool:
            if not seen and ran.ids >= set(first):
                seen.extend(fake.publish(texts(7, "later")))
            return False

        with pytest.raises(Crash):
            crawler.run(publish_more, destination=sent)
        wanted = {*first, *seen} - {post.native_id for post in sent.posts}
        ran = crawler.run(lambda ran: ran.ids >= wanted)
        assert {*ran.ids, *(post.native_id for post in sent.posts)} == {*first, *seen}

    def test_stopped_after_any_thing_that_it_gives_nothing_is_left_out(
        self, fake: Fake, crawler: Crawler
    ) -> None:
        ids = fake.publish(texts(12))
        seen: set[str] = set()
        for things in range(1, 40):
            seen |= crawler.run(after(things)).ids
            if seen >= set(ids):
                break
        assert seen == set(ids)

    def test_stopped_and_started_again_what_is_read_twice_has_the_same_id_and_text(
        self, fake: Fake, crawler: Crawler
    ) -> None:
        ids = fake.publish(texts(4))
        first = crawler.until_seen(ids)
        more = fake.publish(texts(4, "more"))
        second = crawler.until_seen(more)
        said = {post.native_id: post.text for post in first.destination.posts}
        again = {post.native_id: post.text for post in second.destination.posts}
        assert set(said) | set(again) == {*ids, *more}
        assert all(said[one] == again[one] for one in said.keys() & again.keys())

    def test_a_gap_that_the_platform_no_longer_fills_is_reported(
        self, fake: Fake, crawler: Crawler
    ) -> None:
        crawler.until_seen(fake.publish(texts(3)))
        crawler.clock.wait(60 * 86_400)
        fake.publish(texts(3, "missed"))
        crawler.clock.wait(60 * 86_400)
        (newest,) = fake.publish(["the first that is left"])
        fake.forget_before(newest)
        ran = crawler.run(lambda ran: newest in ran.ids)
        assert ran.crawl.watched.gaps
        assert ran.crawl.report()["gaps"][0]["reason"]

    def test_without_a_gap_none_is_reported(self, fake: Fake, crawler: Crawler) -> None:
        crawler.until_seen(fake.publish(texts(3)))
        ran = crawler.until_seen(fake.publish(texts(3, "more")))
        assert ran.crawl.watched.gaps == []

    def test_a_deletion_becomes_a_deletion(self, fake: Fake, crawler: Crawler) -> None:
        first, second = fake.publish(texts(2))
        crawler.until_seen([first, second])
        fake.delete(first)
        ran = crawler.run(lambda ran: bool(ran.deleted))
        assert ran.deleted == {first}

    @pytest.mark.parametrize("status", [420, 429, 500, 503])
    def test_a_platform_that_is_busy_is_left_alone_for_a_while(
        self, fake: Fake, crawler: Crawler, status: int
    ) -> None:
        ids = fake.publish(texts(2))
        for _ in range(3):
            fake.answer_next(status)
        ran = crawler.until_seen(ids)
        assert ran.waited > 0
        assert ran.ids == set(ids)

    @pytest.mark.parametrize("status", [429, 503])
    def test_retry_after_is_honoured(self, fake: Fake, crawler: Crawler, status: int) -> None:
        ids = fake.publish(texts(2))
        fake.answer_next(status, {"Retry-After": "77"})
        assert crawler.until_seen(ids).waited >= 77

    def test_why_it_waits_is_told(self, fake: Fake, crawler: Crawler) -> None:
        fake.publish(texts(1))
        fake.answer_next(503)
        told: list[str] = []

        def waiting(ran: Ran) -> bool:
            told.append(ran.crawl.watched.waiting)
            return bool(told[-1])

        crawler.run(waiting)
        assert "\n" not in told[-1]

    def test_a_broken_connection_is_made_again_and_nothing_is_missing(
        self, fake: Fake, crawler: Crawler
    ) -> None:
        first = fake.publish(texts(3))
        second: list[str] = []

        def broken(ran: Ran) -> bool:
            if not second and ran.ids >= set(first):
                fake.drop_connections()
                second.extend(fake.publish(texts(3, "after")))
            return bool(second) and ran.ids >= {*first, *second}

        assert crawler.run(broken).ids == {*first, *second}

    def test_a_silent_stall_is_noticed(self, fake: Fake, crawler: Crawler) -> None:
        first = fake.publish(texts(3))
        second: list[str] = []

        def stalled(ran: Ran) -> bool:
            if not second and ran.ids >= set(first):
                fake.stall()
                second.extend(fake.publish(texts(3, "after")))
            return bool(second) and ran.ids >= {*first, *second}

        asked = len(fake.requests)
        assert crawler.run(stalled).ids == {*first, *second}
        assert len(fake.requests) >= asked + 2

    @pytest.mark.parametrize("status", [401, 403])
    def test_a_refusal_is_one_clear_line(self, fake: Fake, crawler: Crawler, status: int) -> None:
        fake.publish(texts(1))
        for _ in range(5):
            fake.answer_next(status)
        with pytest.raises(UserError) as refused:
            crawler.run(seconds=3600)
        assert len(str(refused.value).splitlines()) == 1
        assert str(status) in str(refused.value) or "EMOSTREAM_" in str(refused.value)

    def test_a_malformed_item_is_a_dead_letter_and_the_stream_goes_on(
        self, fake: Fake, crawler: Crawler
    ) -> None:
        first = fake.publish(texts(2))
        fake.malformed()
        second = fake.publish(texts(2, "after"))
        ran = crawler.run(
            lambda ran: ran.ids >= {*first, *second} and bool(ran.destination.letters)
        )
        assert ran.ids == {*first, *second}
        letter = ran.destination.letters[0]
        assert letter.original
        assert letter.source.file
        assert letter.crawl == "c1"
        assert not any(text in letter.reason for text in texts(2))

    def test_a_destination_that_takes_nothing_for_a_while_costs_nothing(
        self, fake: Fake, crawler: Crawler
    ) -> None:
        ids = fake.publish(texts(20))

        def full(nth: int) -> None:
            if nth <= 5:
                raise Backpressure("full")

        ran = crawler.until_seen(ids, destination=MemoryDestination(full))
        assert ran.ids == set(ids)

    def test_a_destination_that_takes_nothing_stops_the_reading_and_memory_stays_flat(
        self, fake: Fake, crawler: Crawler, tmp_path: Path
    ) -> None:
        fake.publish(["long " * 500] * 4000)
        pid = crawler.child(tmp_path / "sent.ndjson", slow=60.0)
        try:
            time.sleep(0.5)
            before = memory_of(pid)
            time.sleep(1.0)
            grown = memory_of(pid) - before
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        assert grown < 4_000_000

    def test_asked_to_stop_it_sends_what_it_has_and_ends_in_ten_seconds(
        self, fake: Fake, crawler: Crawler, tmp_path: Path
    ) -> None:
        ids = fake.publish(texts(20))
        sent = tmp_path / "sent.ndjson"
        pid = crawler.child(sent)
        wait_for(lambda: set(ids_in(sent)) >= set(ids))
        os.kill(pid, signal.SIGTERM)
        ended: list[int] = []

        def gone() -> bool:
            with suppress(ChildProcessError):
                found, status = os.waitpid(pid, os.WNOHANG)
                if found:
                    ended.append(os.waitstatus_to_exitcode(status))
            return bool(ended)

        began = time.monotonic()
        wait_for(gone)
        assert time.monotonic() - began < 10
        assert ended == [0]
        assert set(ids_in(sent)) == set(ids)
        with State.open(crawler.folder, "contract") as state:
            assert state.cursor is not None

    def test_what_is_used_up_and_where_it_was_survive(self, fake: Fake, crawler: Crawler) -> None:
        first = crawler.until_seen(fake.publish(texts(3)))
        used = {one.name: one.used for one in first.source.allowances()}
        with State.open(crawler.folder, "contract") as state:
            assert state.cursor is not None
            context = Context("c2", state, Timeless(crawler.clock), crawler.clock.now)
            again = {one.name: one.used for one in fake.source(context).allowances()}
        assert again == used

    def test_its_archive_is_read_back_as_the_same_posts(
        self, fake: Fake, crawler: Crawler, tmp_path: Path
    ) -> None:
        folder = tmp_path / "archive"
        ids = fake.publish(["what a day", "so früh 😀\nund so weiter"])
        ran = crawler.until_seen(ids, archive=folder)
        said = {post.native_id: post.text for post in ran.destination.posts}
        assert {post.native_id: post.text for post in archived(folder)} == said

    def test_it_is_made_without_asking_and_says_what_it_will_do(
        self, fake: Fake, crawler: Crawler, tmp_path: Path
    ) -> None:
        asked = len(fake.requests)
        with State.open(tmp_path / "other", "contract") as state:
            context = Context("c1", state, Timeless(crawler.clock), crawler.clock.now)
            source = fake.source(context)
            assert len(fake.requests) == asked
            assert source.platform in [*names(), "memory"]
            assert all(len(sentence.splitlines()) == 1 for sentence in source.plan())

    def test_check_says_what_the_platform_allows(
        self, fake: Fake, crawler: Crawler, tmp_path: Path
    ) -> None:
        fake.publish(texts(1))
        with State.open(tmp_path / "other", "contract") as state:
            context = Context("c1", state, Timeless(crawler.clock), crawler.clock.now)
            told = fake.source(context).check()
        assert told.sentences
        assert len(fake.requests) > 0


class CrashAfter(MemoryDestination):
    """Takes the n-th batch, and the process is gone before it knows."""

    def __init__(self, nth: int) -> None:
        super().__init__()
        self._nth = nth

    def write(self, records: Sequence[Post | Deletion]) -> Sequence[tuple[int, str]]:
        refused = super().write(records)
        if len(self.batches) == self._nth:
            raise Crash
        return refused


def archived(folder: Path) -> list[Post]:
    """The posts that `replay` reads in a folder."""
    from ingest.inputs import find
    from ingest.reading import Found, read
    from tests.ingest.doubles import sight

    found = list(read(find([str(folder)], Event(), lambda: None), sight))
    return [one.record for one in found if isinstance(one, Found) and isinstance(one.record, Post)]
