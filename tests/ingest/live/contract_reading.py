"""The contract, on what is read."""

import json
import signal
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ingest.context import Context
from ingest.platforms import names
from ingest.state import State
from stream.errors import Backpressure, UserError
from stream.posts import Collected, Post
from tests.ingest.doubles import MemoryDestination
from tests.ingest.live.crawler import (
    Crash,
    CrashAfter,
    Crawler,
    Fake,
    Ran,
    Timeless,
    after,
    archived,
    ids_in,
    texts,
    wait_for,
)

AHEAD = 20 * 3600.0
"""Seconds; what is a day ahead is no post at all."""


def damaged(cursor: Any) -> Iterator[Any]:
    """Gives a cursor with other things in the place of what is in it."""
    yield {}
    for wrong in ([1], {"a": 1}, "\0"):
        yield replaced(cursor, wrong)


def replaced(value: Any, wrong: Any) -> Any:
    """Puts it in the place of the first thing of the innermost object that comes first."""
    name = next(iter(value))
    inner = value[name]
    return {**value, name: replaced(inner, wrong) if inner and isinstance(inner, dict) else wrong}


class Reading:
    """What arrives, once and in full, over stops and crashes."""

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
        child = crawler.child(sent)
        wait_for(lambda: len(ids_in(sent)) > 0)
        child.signal(signal.SIGKILL)
        child.ended()
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

    def test_a_time_in_the_future_hides_nothing_of_what_comes_after_it(
        self, fake: Fake, crawler: Crawler
    ) -> None:
        first = fake.publish(texts(2))
        after: list[str] = []

        def running(ran: Ran) -> bool:
            if not after and ran.ids >= set(first):
                after.extend([fake.early("from the future", AHEAD), *fake.publish(texts(3))])
            return bool(after) and ran.ids >= set(after)

        lag = crawler.run(running).crawl.watched.lag
        assert lag is None or lag >= -300
        ran = crawler.until_seen(fake.publish(texts(3, "while nothing runs")))
        assert ran.crawl.watched.gaps == []

    def test_a_kept_place_in_the_future_is_a_gap_or_everything_is_read_once_more(
        self, fake: Fake, crawler: Crawler
    ) -> None:
        crawler.clock.wait(AHEAD)
        crawler.until_seen(fake.publish(texts(3)))
        crawler.clock.wait(-AHEAD)  # our clock was wrong, and has been set
        missed = fake.publish(texts(2, "before the next start"))
        live: list[str] = []

        def running(ran: Ran) -> bool:
            if ran.crawl.watched.gaps:
                live.extend(fake.publish(["after it"]))
            return ran.ids >= set(missed) or not ran.ids.isdisjoint(live)

        crawler.run(running)

    @pytest.mark.parametrize("number", range(4))
    def test_a_kept_place_that_is_damaged_is_one_line_that_names_the_file(
        self, fake: Fake, crawler: Crawler, number: int
    ) -> None:
        crawler.until_seen(fake.publish(texts(3)))
        file = crawler.folder / "contract.json"
        kept = json.loads(file.read_text())
        kept["cursor"] = list(damaged(kept["cursor"]))[number]
        file.write_text(json.dumps(kept))
        with pytest.raises(
            UserError, match=r"contract\.json: is no state of a crawl: move it away"
        ):
            crawler.run(lambda _ran: True)

    def test_a_deletion_becomes_a_deletion(self, fake: Fake, crawler: Crawler) -> None:
        first, second = fake.publish(texts(2))
        crawler.until_seen([first, second])
        fake.delete(first)
        ran = crawler.run(lambda ran: bool(ran.deleted))
        assert ran.deleted == {first}

    def test_what_is_used_up_and_where_it_was_survive(self, fake: Fake, crawler: Crawler) -> None:
        first = crawler.until_seen(fake.publish(texts(3)))
        used = {one.name: one.used for one in first.source.allowances()}
        with State.open(crawler.folder, "contract") as state:
            assert state.cursor is not None
            context = Context("c2", state, Timeless(crawler.clock), crawler.clock.now)
            again = {one.name: one.used for one in fake.source(context).allowances()}
            with State.open(crawler.folder, "another") as another:
                shared = replace(context, state=another)
                together = {one.name: one.used for one in fake.source(shared).allowances()}
        assert again == used
        assert together == used  # with the same token under another name

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

    def test_killed_before_anything_could_be_sent_a_first_start_still_counts(
        self, fake: Fake, crawler: Crawler
    ) -> None:
        fake.fresh = True
        seen: list[str] = []
        ids: list[str] = []

        class Away(MemoryDestination):
            def write(self, records: Sequence[Collected]) -> Sequence[tuple[int, str]]:
                seen.extend(one.native_id for one in records if isinstance(one, Post))
                self.calls += 1
                if self.calls == 3:
                    raise Crash
                raise Backpressure("no broker")

        def speak(_ran: Ran) -> bool:
            if len(ids) < 20:
                ids.extend(fake.publish(["so happy while Kafka is away"]))
            return False

        with pytest.raises(Crash):
            crawler.run(speak, destination=Away())
        ids.extend(fake.publish(texts(3, "while nothing runs")))
        expected = ids[ids.index(seen[0]) :] if seen[0] in ids else ids
        assert crawler.until_seen(expected).crawl.watched.gaps == []

    def test_a_post_that_shows_up_late_is_read_while_it_runs_and_at_the_next_start(
        self, fake: Fake, crawler: Crawler
    ) -> None:
        first = fake.publish(texts(3))
        crawler.clock.wait(30)
        second = fake.publish(texts(3, "more"))
        late: list[str] = []

        def running(ran: Ran) -> bool:
            if not late and ran.ids >= {*first, *second}:
                late.append(fake.late("late", 20.0))
            return bool(late) and ran.ids >= set(late)

        crawler.run(running)
        later = fake.late("later", 20.0)
        crawler.until_seen([later, *fake.publish(["the newest"])])
