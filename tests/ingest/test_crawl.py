"""A crawl remembers as read only what is durable, and tells what it meets."""

import errno
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from ingest import own
from ingest.archive import Archive
from ingest.crawl import Crawl
from ingest.sending import MAX_BATCH_RECORDS, Sender, Unsent
from ingest.sightings import Outcome, Refusal
from ingest.sources import Allowance, Arrival, Cursor, Gap, Pause, Told
from ingest.state import State
from stream.errors import Backpressure, UserError
from stream.hashtags import HashtagLabels
from tests.ingest.doubles import NOW, SIGHTING, MemoryDestination, SettableClock

Step = Arrival | Gap | Pause | Callable[[], object]


class Script:
    """Gives what a test wrote down; a function in it is called when it is its turn."""

    platform = "script"

    def __init__(self, *steps: Step) -> None:
        self.steps = steps
        self.given = 0
        self.began_at: list[Cursor | None] = []
        self.closed = False

    def read(self, cursor: Cursor | None) -> Iterator[Arrival | Gap | Pause]:
        self.began_at.append(cursor)
        try:
            for step in self.steps:
                if callable(step):
                    step()
                else:
                    self.given += 1
                    yield step
        finally:
            self.closed = True

    def check(self) -> Told:
        return Told()

    def plan(self) -> Sequence[str]:
        return ()

    def allowances(self) -> Sequence[Allowance]:
        return [Allowance("day's budget", 3, 10, until=NOW + timedelta(hours=12))]


def post(number: int, text: str = "hi") -> Outcome:
    fields = {"kind": "post", "platform": "script", "native_id": str(number), "text": text}
    return own.record({**fields, "created_at": NOW.isoformat()}, SIGHTING)


def deletion(number: int) -> Outcome:
    fields = {"kind": "deletion", "platform": "script", "native_id": str(number)}
    return own.record({**fields, "deleted_at": NOW.isoformat()}, SIGHTING)


def arrival(number: int, *outcomes: Outcome, **fields: Any) -> Arrival:
    data = json.dumps({"number": number}).encode()
    return Arrival(
        data, outcomes or [post(number)], f"script {number}", {"after": number}, **fields
    )


class Crawling:
    """A crawl of a script, over a state in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock, self.stop = folder, SettableClock(), Event()
        self.saved: list[Cursor | None] = []

    def run(
        self, script: Script, destination: MemoryDestination | None = None, **options: Any
    ) -> Crawl:
        self.destination = destination or MemoryDestination()
        with State.open(self.folder, "script") as state:
            self.crawl = Crawl(
                script,
                Sender(self.destination, "c1", self.stop),
                state,
                stop=self.stop,
                now=self.clock.now,
                clock=self.clock.monotonic,
                **options,
            )
            self.crawl.run()
        return self.crawl

    @property
    def cursor(self) -> Cursor | None:
        kept: dict[str, Any] = json.loads((self.folder / "script.json").read_text())
        return kept.get("cursor")

    @property
    def ids(self) -> list[str]:
        return [record.key.partition(":")[2] for record in self.destination.records]


@pytest.fixture
def crawling(tmp_path: Path) -> Crawling:
    return Crawling(tmp_path)


def test_what_arrives_is_sent_and_the_newest_cursor_saved(crawling: Crawling) -> None:
    script = Script(arrival(1), arrival(2))
    crawling.run(script)
    assert crawling.ids == ["1", "2"]
    assert crawling.cursor == {"after": 2}
    again = Script(arrival(3))
    crawling.run(again)
    assert again.began_at == [{"after": 2}]
    assert crawling.cursor == {"after": 3}


def test_a_batch_goes_when_full_when_a_second_old_and_when_nothing_comes(
    crawling: Crawling,
) -> None:
    seen: list[int] = []

    def look() -> None:
        seen.append(len(crawling.destination.records))

    many = [arrival(n) for n in range(MAX_BATCH_RECORDS)]
    steps: list[Step] = [*many[:-1], look, many[-1], look]
    steps += [arrival(1000), look, lambda: crawling.clock.wait(1.0), arrival(1001), look]
    crawling.run(Script(*steps, arrival(1002), look, Pause(), look))
    full = MAX_BATCH_RECORDS
    assert seen == [0, full, full, full + 2, full + 2, full + 3]


def test_a_cursor_is_saved_only_behind_what_was_sent(crawling: Crawling) -> None:
    class Gone(BaseException):
        pass

    def crash(nth: int) -> None:
        if nth == 2:
            raise Gone

    with pytest.raises(Gone):
        crawling.run(Script(arrival(1), Pause(), arrival(2), Pause()), MemoryDestination(crash))
    assert crawling.cursor == {"after": 1}


def test_an_arrival_sent_in_part_does_not_move_the_cursor(crawling: Crawling) -> None:
    class Gone(BaseException):
        pass

    def crash(nth: int) -> None:
        if nth == 2:
            raise Gone

    page = arrival(2, *(post(n) for n in range(MAX_BATCH_RECORDS + 1)))
    with pytest.raises(Gone):
        crawling.run(Script(page), MemoryDestination(crash))
    assert crawling.destination.batches == [MAX_BATCH_RECORDS]
    with pytest.raises(FileNotFoundError):
        _ = crawling.cursor


def test_an_arrival_without_a_cursor_leaves_it_as_it_was(crawling: Crawling) -> None:
    crawling.run(Script(arrival(1), Arrival(b"{}", [post(2)], "script 2")))
    assert crawling.cursor == {"after": 1}


def test_a_refused_part_is_a_dead_letter_with_its_bytes_and_the_rest_is_sent(
    crawling: Crawling,
) -> None:
    page = arrival(7, post(1), Refusal("text: is empty", "/1", {"id": 2}))
    crawling.run(Script(page, Arrival(b"\xff\n", [Refusal("not UTF-8")], "script 8")))
    part, whole = crawling.destination.letters
    assert (part.source.place, part.reason, part.original) == (
        "script 7#/1",
        "text: is empty",
        b'{"id": 2}',
    )
    assert (whole.source.place, whole.original, whole.crawl) == ("script 8", b"\xff\n", "c1")
    assert crawling.ids == ["1"]
    assert crawling.cursor == {"after": 7}


def test_a_slow_destination_is_waited_for_and_nothing_is_read_meanwhile(
    crawling: Crawling,
) -> None:
    script = Script(arrival(1), Pause(), arrival(2))
    given: list[int] = []

    class Waits(Event):
        def wait(self, timeout: float | None = None) -> bool:
            given.append(script.given)
            return False

    def full(nth: int) -> None:
        if nth <= 3:
            raise Backpressure("full")

    crawling.stop = Waits()
    crawling.run(script, MemoryDestination(full))
    assert given == [2, 2, 2]
    assert crawling.ids == ["1", "2"]


def test_stopped_while_nothing_can_be_sent_it_does_not_remember(crawling: Crawling) -> None:
    def full(_nth: int) -> None:
        crawling.stop.set()
        raise Backpressure("full")

    with pytest.raises(Unsent):
        crawling.run(Script(arrival(1), Pause()), MemoryDestination(full))
    with pytest.raises(FileNotFoundError):
        _ = crawling.cursor


def test_asked_to_stop_it_sends_what_it_has_and_closes_the_source(crawling: Crawling) -> None:
    script = Script(arrival(1), crawling.stop.set, arrival(2), arrival(3))
    crawling.run(script)
    assert crawling.ids == ["1", "2"]
    assert crawling.cursor == {"after": 2}
    assert script.closed


def test_what_a_source_gave_before_it_failed_is_sent_and_remembered(crawling: Crawling) -> None:
    def fail() -> None:
        raise UserError("the day's budget is spent")

    with pytest.raises(UserError, match="budget"):
        crawling.run(Script(arrival(1), fail))
    assert crawling.ids == ["1"]
    assert crawling.cursor == {"after": 1}


def test_it_ends_with_the_page_that_reaches_the_limit_and_goes_on_behind_it(
    crawling: Crawling,
) -> None:
    crawling.run(Script(arrival(1), arrival(2, post(2), deletion(3)), arrival(4)), limit=2)
    assert crawling.ids == ["1", "2", "3"]
    assert crawling.cursor == {"after": 2}
    crawling.run(Script(arrival(4), arrival(5)), limit=1)
    assert crawling.ids == ["4"]
    assert crawling.cursor == {"after": 4}


def test_pages_larger_than_the_limit_are_passed_one_by_one(crawling: Crawling) -> None:
    pages = [arrival(n, *(post(10 * n + one) for one in range(10))) for n in (1, 2)]
    for page in pages:
        crawling.run(Script(page, arrival(9)), limit=5)
        assert len(crawling.ids) == 10
        assert crawling.cursor == page.cursor


def test_it_ends_after_so_many_seconds(crawling: Crawling) -> None:
    def a_while() -> None:
        crawling.clock.wait(2.0)

    crawling.run(Script(arrival(1), a_while, arrival(2), a_while, arrival(3)), seconds=2.0)
    assert crawling.ids == ["1", "2"]
    assert crawling.crawl.counts.seconds == 2.0


def test_where_nothing_is_really_sent_the_place_is_not_moved(crawling: Crawling) -> None:
    crawling.run(Script(arrival(1)))
    crawling.run(Script(arrival(2)), remember=False)
    assert crawling.cursor == {"after": 1}


def test_a_gap_is_logged_counted_and_reported(
    crawling: Crawling, caplog: pytest.LogCaptureFixture
) -> None:
    gap = Gap("older than the server keeps", NOW - timedelta(days=2), NOW - timedelta(days=1))
    crawl = crawling.run(Script(gap, arrival(1), Gap("and one without times")))
    assert (
        "posts are missing: older than the server keeps "
        "(from 2026-11-18 12:00:00 to 2026-11-19 12:00:00 UTC)" in caplog.text
    )
    report = json.loads(json.dumps(crawl.report()))
    assert report["gaps"] == [
        {
            "reason": "older than the server keeps",
            "since": "2026-11-18T12:00:00+00:00",
            "until": "2026-11-19T12:00:00+00:00",
        },
        {"reason": "and one without times", "since": None, "until": None},
    ]
    assert (report["posts"], report["allowances"][0]["used"]) == (1, 3)
    assert ", 2 gaps," in str(crawl)


def test_the_live_line_has_rate_lag_counts_budget_and_why_it_waits(crawling: Crawling) -> None:
    late = NOW - timedelta(seconds=4)
    crawl = crawling.run(
        Script(
            *(arrival(1, at=late), Pause()),
            *(
                lambda: crawling.clock.wait(1.0),
                arrival(2, post(2), post(3), at=late),
                Pause("rate limited until 12:05"),
            ),
        )
    )
    assert str(crawl) == (
        "script: 3.0/s, lag 5.0 s, 3 posts, 0 deletions, "
        "day's budget 3 of 10 posts until 2026-11-21 00:00 UTC, rate limited until 12:05"
    )


def test_why_it_waits_is_logged_once_for_each_reason(
    crawling: Crawling, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    waits = [Pause("busy"), Pause("busy"), Pause(), Pause("quota used up"), Pause("quota used up")]
    crawling.run(Script(*waits))
    assert [record.getMessage() for record in caplog.records] == [
        "script: busy",
        "script: quota used up",
    ]


def test_payloads_with_something_in_them_are_archived_before_they_are_sent(
    crawling: Crawling,
) -> None:
    class Kept:
        added: list[bytes] = []  # noqa: RUF012
        flushed_before: list[int] = []  # noqa: RUF012

        def add(self, data: bytes) -> None:
            self.added.append(data)

        def flush(self) -> None:
            self.flushed_before.append(len(crawling.destination.records))

    crawling.run(
        Script(arrival(1), Arrival(b"nothing for us", [], "2"), Arrival(b"bad", [Refusal("bad")])),
        archive=Kept(),
    )
    assert Kept.added == [b'{"number": 1}', b"bad"]
    assert Kept.flushed_before[0] == 0


def test_a_page_that_fills_a_batch_by_itself_is_archived_before_that_is_sent(
    crawling: Crawling, tmp_path: Path
) -> None:
    archived: list[bool] = []

    def look(_nth: int) -> None:
        archived.append(any((tmp_path / "raw").iterdir()))

    page = arrival(2, *(post(n) for n in range(MAX_BATCH_RECORDS + 1)))
    with Archive(tmp_path / "raw", "script", crawling.clock.now) as archive:
        crawling.run(Script(page), MemoryDestination(look), archive=archive)
    assert archived == [True, True]


@pytest.mark.case(35)
def test_what_cannot_be_archived_is_neither_sent_nor_remembered(
    crawling: Crawling, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    archive = Archive(tmp_path / "raw", "script", crawling.clock.now)
    crawling.run(Script(arrival(1)), archive=archive)
    with monkeypatch.context() as patch:
        patch.setattr("ingest.archive.os.fsync", full)
        with pytest.raises(UserError, match="No space left"):
            crawling.run(Script(arrival(2), Pause(), arrival(3)), archive=archive)
    assert crawling.ids == []
    assert crawling.cursor == {"after": 1}


def test_a_destination_that_fails_is_not_asked_again_and_nothing_is_remembered(
    crawling: Crawling,
) -> None:
    def refuse(nth: int) -> None:
        if nth == 1:
            raise UserError("the topic is not there")

    destination = MemoryDestination(refuse)
    with pytest.raises(UserError, match="topic"):
        crawling.run(Script(arrival(1), Pause(), arrival(2)), destination)
    assert destination.calls == 1
    with pytest.raises(FileNotFoundError):
        _ = crawling.cursor


def test_posts_are_changed_before_they_are_sent(crawling: Crawling) -> None:
    labels = HashtagLabels({"happy": "joy"})
    crawling.run(Script(arrival(1, post(1, "we won #happy"))), change=labels.label)
    (sent,) = crawling.destination.posts
    assert (sent.text, sent.distant_labels) == ("we won", ("joy",))


def test_it_forgets_which_ids_it_has_seen_now_and_then(
    crawling: Crawling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.crawl.KNOWN_IDS", 2)
    steps = [step for n in (1, 1, 2, 2, 1) for step in (arrival(n), Pause())]
    crawl = crawling.run(Script(*steps))
    assert (crawl.counts.posts, crawl.counts.repeated) == (5, 2)


def test_it_forgets_deletions_too_where_there_are_no_posts(
    crawling: Crawling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.crawl.KNOWN_IDS", 2)
    numbers = (1, 2, 3, 4, 1, 2)
    steps = [step for n in numbers for step in (arrival(n, deletion(n)), Pause())]
    crawl = crawling.run(Script(*steps))
    assert crawl.counts.deletions == len(numbers)
