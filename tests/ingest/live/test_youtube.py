"""YouTube comments live, against a local server that answers as the Data API's reference says."""

import logging
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingest import waiting
from ingest.context import Context
from ingest.live import youtube_source
from ingest.live.youtube_comments import MOST_EMPTY
from ingest.sources import Pause
from ingest.state import State
from stream.errors import UserError
from stream.posts import ContextAnnotation, Deletion, Post
from tests.ingest.doubles import NOW, MemoryDestination, SettableClock
from tests.ingest.live.contract import SourceContract, WithToken
from tests.ingest.live.crawler import Crash, Crawler, Fake, Ran, Timeless, texts
from tests.ingest.live.fake_youtube import CHANNEL, KEY, VIDEO, FakeYouTube

pytestmark = pytest.mark.wire

MIDNIGHT = datetime(2026, 11, 21, 8, tzinfo=UTC)
"""The next one in California after NOW."""
OTHER = "vid_43-abcd"
UPLOADS = "UU" + CHANNEL[2:]


class Hurried(SettableClock):
    """Each second that is waited may be many."""

    pace = 1.0

    def wait(self, seconds: float) -> None:
        super().wait(seconds * self.pace)


@pytest.fixture
def clock() -> Hurried:
    return Hurried()


@pytest.fixture
def youtube(clock: Hurried) -> Iterator[FakeYouTube]:
    with FakeYouTube(clock) as server:
        yield server


@pytest.fixture
def crawler(youtube: FakeYouTube, clock: Hurried, tmp_path: Path) -> Crawler:
    return Crawler(youtube, clock, tmp_path / "state")


class TestYouTube(SourceContract, WithToken):
    @pytest.fixture
    def fake(self, clock: SettableClock) -> Iterator[Fake]:
        with FakeYouTube(clock) as server:
            yield server


def order(ran: Ran) -> list[str]:
    return [post.native_id for post in ran.destination.posts]


def last(ran: Ran, native_id: str) -> Post:
    return [post for post in ran.destination.posts if post.native_id == native_id][-1]


# What is read, and in which order.


def test_the_title_channel_and_topics_of_the_video_go_along(
    youtube: FakeYouTube, crawler: Crawler
) -> None:
    (comment,) = youtube.publish(["yum"])
    youtube.publish(texts(7, "so say I"), parent=comment)
    ran = crawler.run(lambda ran: len(ran.ids) == 8)
    for post in ran.destination.posts:
        assert (post.origin.video, post.origin.channel) == (VIDEO, CHANNEL)
        assert post.url == f"https://www.youtube.com/watch?v={VIDEO}&lc={post.native_id}"
        assert post.context == (
            ContextAnnotation(domain="Video", entity_id=VIDEO, entity="Soup, part 1"),
            ContextAnnotation(domain="Channel", entity_id=CHANNEL, entity="The Kitchen"),
            ContextAnnotation(domain="Topic", entity="Lifestyle (sociology)"),
        )


def test_all_replies_are_read_and_not_only_those_that_come_with_their_thread(
    youtube: FakeYouTube, crawler: Crawler
) -> None:
    youtube.page = 4
    (comment,) = youtube.publish(["yum"])
    replies = youtube.publish(texts(11), parent=comment)
    ran = crawler.until_seen([comment, *replies])
    assert len(ran.destination.posts) == 12
    assert {last(ran, reply).reply_to for reply in replies} == {comment}
    assert len(youtube.asked("comments.list")) == 3


def test_a_thread_whose_replies_all_came_with_it_costs_no_request_more(
    youtube: FakeYouTube, crawler: Crawler
) -> None:
    (comment,) = youtube.publish(["yum"])
    crawler.until_seen([comment, *youtube.publish(texts(5), parent=comment)])
    assert youtube.asked("comments.list") == []


def test_a_new_reply_to_a_known_thread_arrives(youtube: FakeYouTube, crawler: Crawler) -> None:
    (comment,) = youtube.publish(["yum"])
    crawler.until_seen([comment, *youtube.publish(texts(9), parent=comment)])
    crawler.clock.wait(3600)
    crawler.until_seen(youtube.publish(["yum too"]))
    crawler.clock.wait(3600)
    (late,) = youtube.publish(["me too"], parent=comment)
    # The thread comes again with its five replies; of the others only the new one.
    assert len(crawler.until_seen([late]).ids) <= 7


def test_an_edited_comment_arrives_as_a_later_observation(
    youtube: FakeYouTube, crawler: Crawler
) -> None:
    edited, other = youtube.publish(["I hate it", "fine"])
    first = crawler.until_seen([edited, other])
    crawler.clock.wait(600)
    youtube.edit(edited, "I love it")
    ran = crawler.until_seen([edited])
    assert ran.ids == {edited}
    assert last(ran, edited).text == "I love it"
    assert last(ran, edited).observed_at > last(first, edited).observed_at


def test_the_newest_comments_come_first_and_the_older_page_by_page(
    youtube: FakeYouTube, crawler: Crawler
) -> None:
    youtube.page = 3
    ids = youtube.publish(texts(10))
    assert order(crawler.until_seen(ids)) == list(reversed(ids))


def test_new_comments_do_not_wait_for_the_old_ones(youtube: FakeYouTube, crawler: Crawler) -> None:
    youtube.page = 2
    old = youtube.publish(texts(60))
    new: list[str] = []

    def publish(ran: Ran) -> bool:
        if not new and len(youtube.asked("commentThreads.list")) >= 5:
            crawler.clock.wait(60)
            new.extend(youtube.publish(["breaking"]))
        return ran.ids >= {*old, *new}

    seen = order(crawler.run(publish))
    assert seen.index(new[0]) < 20


def test_what_was_read_is_not_asked_for_again(youtube: FakeYouTube, crawler: Crawler) -> None:
    youtube.page, youtube.between = 5, 1
    crawler.until_seen(youtube.publish(texts(20)))
    youtube.requests.clear()
    crawler.clock.wait(3600)
    crawler.until_seen(youtube.publish(["one more"]))
    assert [one.get("pageToken") for one in youtube.asked("commentThreads.list")] == [None]


def test_stopped_in_the_middle_it_reads_on_from_that_page(
    youtube: FakeYouTube, crawler: Crawler
) -> None:
    youtube.page = 2
    ids = youtube.publish(texts(20))
    first = crawler.run(lambda ran: len(youtube.asked("commentThreads.list")) >= 5)
    assert 8 <= len(first.ids) <= 10
    youtube.requests.clear()
    second = crawler.until_seen(sorted(set(ids) - first.ids))
    assert len(first.ids & second.ids) <= 2
    assert len(youtube.asked("commentThreads.list")) <= 8


def test_more_news_than_a_page_are_all_read_down_to_the_known_ones(
    youtube: FakeYouTube, crawler: Crawler
) -> None:
    youtube.page, youtube.between = 2, 1
    known = youtube.publish(texts(6))
    crawler.until_seen(known)
    crawler.clock.wait(86_400)
    news = youtube.publish(texts(7, "news"))
    # The newest known one comes again: others may have been written in the same second.
    assert crawler.until_seen(news).ids <= {*news, known[-1]}


def test_empty_pages_before_the_newest_comments_are_passed_over(
    youtube: FakeYouTube, crawler: Crawler
) -> None:
    youtube.page, youtube.empty = 4, 3
    ids = youtube.publish(texts(10))
    assert order(crawler.until_seen(ids)) == ids[::-1]
    crawler.clock.wait(3600)
    (late,) = youtube.publish(["late"])
    assert crawler.until_seen([late]).ids == {late}


def test_of_empty_pages_without_end_a_look_follows_some_and_forgets_nothing(
    youtube: FakeYouTube, crawler: Crawler
) -> None:
    youtube.options = ("--video", VIDEO, "--once")
    ids = youtube.publish(texts(3))
    crawler.until_seen(ids)
    youtube.empty = 1_000_000
    youtube.requests.clear()
    crawler.run()
    assert len(youtube.asked("commentThreads.list")) == MOST_EMPTY
    youtube.empty = 0
    youtube.delete(ids[1])
    assert crawler.run().deleted == {ids[1]}


def test_a_page_token_that_expired_starts_over_and_repeats_no_page(
    youtube: FakeYouTube, crawler: Crawler
) -> None:
    youtube.page, youtube.between = 2, 1
    ids = youtube.publish(texts(12))
    first = crawler.run(lambda ran: len(youtube.asked("commentThreads.list")) >= 3)
    assert 4 <= len(first.ids) <= 6
    youtube.expire_tokens()
    second = crawler.until_seen(sorted(set(ids) - first.ids))
    assert second.crawl.watched.gaps == []
    # Again: what was sent of the page it stopped in, and the second in which the one before ends.
    assert len(first.ids & second.ids) <= 2


def test_threads_from_before_since_are_not_read(youtube: FakeYouTube, crawler: Crawler) -> None:
    youtube.page = 2
    youtube.publish(texts(9, "old"))
    crawler.clock.wait(3600)
    new = youtube.publish(texts(3, "new"))
    since = NOW + timedelta(minutes=30)
    youtube.options = ("--video", VIDEO, "--once", "--since", since.isoformat())
    assert crawler.run().ids == set(new)
    assert len(youtube.asked("commentThreads.list")) <= 3


def test_once_ends_when_all_is_read(youtube: FakeYouTube, crawler: Crawler) -> None:
    youtube.page = 3
    youtube.add_video(OTHER)
    ids = youtube.publish(texts(10)) + youtube.publish(texts(4, "there"), video=OTHER)
    youtube.options = ("--video", VIDEO, OTHER, "--once")
    assert crawler.run().ids == set(ids)


# What is gone.


def test_what_is_only_missing_from_a_page_is_not_deleted(
    youtube: FakeYouTube, crawler: Crawler
) -> None:
    hidden, _ = youtube.publish(texts(2))
    crawler.until_seen([hidden])
    youtube.hide(hidden)
    ran = crawler.until_seen(youtube.publish(["next"]))
    assert ran.deleted == set()
    assert youtube.asked("comments.list")[0]["id"] == hidden


def test_a_deletion_knows_when_the_comment_was_written(
    youtube: FakeYouTube, crawler: Crawler
) -> None:
    first, _ = youtube.publish(texts(2))
    crawler.until_seen([first])
    crawler.clock.wait(3600)
    youtube.delete(first)
    ran = crawler.run(lambda ran: bool(ran.deleted))
    (deletion,) = ran.destination.records
    assert isinstance(deletion, Deletion)
    assert deletion.created_at == NOW
    assert deletion.origin.video == VIDEO


def test_a_comment_that_was_pushed_off_the_page_is_not_asked_for(
    youtube: FakeYouTube, crawler: Crawler
) -> None:
    youtube.page = 3
    crawler.until_seen(youtube.publish(texts(3)))
    crawler.clock.wait(3600)
    crawler.until_seen(youtube.publish(texts(3, "new")))
    assert youtube.asked("comments.list") == []


@pytest.mark.parametrize(
    "refusal", [(403, "commentsDisabled"), (404, "videoNotFound"), (403, "forbidden")]
)
def test_a_video_whose_comments_cannot_be_had_is_left_out_until_the_next_day(
    youtube: FakeYouTube,
    crawler: Crawler,
    clock: Hurried,
    caplog: pytest.LogCaptureFixture,
    refusal: tuple[int, str],
) -> None:
    clock.pace = 600
    youtube.add_video(OTHER)
    youtube.videos[OTHER].refusal = refusal
    youtube.options = ("--video", OTHER, VIDEO)
    there: list[str] = []

    def lifted(ran: Ran) -> bool:
        if not there and ran.waited > 12 * 3600:
            asked = [one["videoId"] for one in youtube.asked("commentThreads.list")]
            assert asked.count(OTHER) == 1 < asked.count(VIDEO)
            youtube.videos[OTHER].refusal = None
            there.extend(youtube.publish(texts(1, "there"), video=OTHER))
        return bool(there) and ran.ids >= set(there)

    crawler.run(lifted)
    assert clock.now() >= MIDNIGHT
    (line,) = [one for one in caplog.messages if OTHER in one]
    assert line == f"video {OTHER}: YouTube says {refusal[0]} {refusal[1]}; left out until tomorrow"


def test_a_deleted_or_private_video_is_left_out_and_the_others_are_read(
    youtube: FakeYouTube, crawler: Crawler, caplog: pytest.LogCaptureFixture
) -> None:
    youtube.add_video(OTHER)
    youtube.videos[OTHER].hidden = True
    youtube.options = ("--video", OTHER, VIDEO)
    crawler.until_seen(youtube.publish(texts(2)))
    assert f"video {OTHER}: deleted, private or never there; left out" in caplog.messages
    assert {one["videoId"] for one in youtube.asked("commentThreads.list")} == {VIDEO}


def test_if_no_video_can_be_read_that_is_said(youtube: FakeYouTube, crawler: Crawler) -> None:
    youtube.options = ("--video", "no-such-one")
    with pytest.raises(UserError, match="no video can be read: check the ids"):
        crawler.run()


# Refreshing.


@pytest.fixture
def refreshed(youtube: FakeYouTube, crawler: Crawler, tmp_path: Path) -> list[str]:
    """A thread with seven replies and three threads more, read 29 days ago and no newer ones."""
    youtube.settings = {"state_dir": tmp_path / "state"}
    youtube.options = ("--video", VIDEO, "--refresh-days", "28", "--once")
    (first,) = youtube.publish(["yum"])
    ids = [first, *youtube.publish(texts(7), parent=first)]
    crawler.clock.wait(3600)
    ids += youtube.publish(texts(3, "later"))
    assert crawler.run().ids == set(ids)
    crawler.clock.wait(29 * 86_400)
    youtube.requests.clear()
    return ids


def test_every_comment_is_looked_at_again_in_time(
    youtube: FakeYouTube, crawler: Crawler, refreshed: list[str]
) -> None:
    youtube.edit(refreshed[2], "a change in an old reply")
    ran = crawler.run()
    assert ran.ids == set(refreshed)
    assert last(ran, refreshed[2]).text == "a change in an old reply"
    assert last(ran, refreshed[0]).counts.replies == 7
    assert {post.context[0].entity for post in ran.destination.posts} == {"Soup, part 1"}
    assert len(youtube.requests) <= 5


def test_what_is_gone_by_then_is_deleted_once(
    youtube: FakeYouTube, crawler: Crawler, refreshed: list[str]
) -> None:
    youtube.publish(texts(100, "newer"))  # so that the first page says nothing of the old ones
    youtube.delete(refreshed[0])
    youtube.delete(refreshed[-1])
    ran = crawler.run()
    assert ran.deleted == {*refreshed[:8], refreshed[-1]}
    assert {one.created_at for one in ran.destination.records if isinstance(one, Deletion)} == {
        NOW,
        NOW + timedelta(hours=1),
    }
    crawler.clock.wait(29 * 86_400)
    assert crawler.run().deleted == set()


def test_what_was_looked_at_lately_is_not_asked_for(
    youtube: FakeYouTube, crawler: Crawler, refreshed: list[str]
) -> None:
    crawler.run()
    youtube.requests.clear()
    crawler.clock.wait(86_400)
    assert crawler.run().ids == set()
    assert len(youtube.requests) == 2


def test_a_deletion_that_was_never_sent_is_found_again(
    youtube: FakeYouTube, crawler: Crawler, refreshed: list[str]
) -> None:
    youtube.delete(refreshed[0])

    def crash(nth: int) -> None:
        raise Crash

    with pytest.raises(Crash):
        crawler.run(destination=MemoryDestination(crash))
    assert crawler.run().deleted == set(refreshed[:8])


def test_stopped_in_the_middle_of_a_page_no_comment_is_forgotten(
    youtube: FakeYouTube, crawler: Crawler, tmp_path: Path
) -> None:
    youtube.settings = {"state_dir": tmp_path / "state"}
    youtube.options = ("--video", VIDEO, "--refresh-days", "28")
    ids = youtube.publish(texts(5))
    # Stopped at the very arrival that moves the cursor: no Pause comes after it.
    crawler.run(lambda ran: len(youtube.asked("commentThreads.list")) > 0 and bool(saved(ran)))
    crawler.clock.wait(29 * 86_400)
    youtube.options = (*youtube.options, "--once")
    assert crawler.run().ids == set(ids)


def saved(ran: Ran) -> bool:
    return ran.crawl._cursor is not None


def test_one_missing_id_that_fails_the_whole_request_costs_only_itself(
    youtube: FakeYouTube, crawler: Crawler, refreshed: list[str]
) -> None:
    youtube.strict = True
    youtube.publish(texts(100, "newer"))
    youtube.delete(refreshed[-1])
    ran = crawler.run()
    assert ran.deleted == {refreshed[-1]}
    assert ran.ids >= set(refreshed[:-1])


def test_a_full_disk_is_one_clear_line_and_what_was_read_is_sent(
    youtube: FakeYouTube, crawler: Crawler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def on_a_small_disk(*place: Any, **options: Any) -> sqlite3.Connection:
        opened.append(connect(*place, **options))
        opened[-1].execute("pragma max_page_count = 4")
        return opened[-1]

    monkeypatch.setattr(sqlite3, "connect", on_a_small_disk)
    youtube.settings = {"state_dir": tmp_path / "state"}
    youtube.options = ("--video", VIDEO, "--refresh-days", "28", "--once")
    ids = youtube.publish(texts(150))
    with pytest.raises(UserError, match=r"youtube-comments\.sqlite: cannot be used: .*full"):
        crawler.run(destination=crawler.destination)
    assert {post.native_id for post in crawler.destination.posts} >= set(ids[50:])
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        opened[0].execute("select 1")


# Where videos come from.


@pytest.mark.parametrize(
    "options",
    [
        ("--channel", CHANNEL),
        ("--channel", "https://www.youtube.com/@thekitchen/videos"),
        ("--playlist", UPLOADS),
        ("--search", "soup"),
    ],
)
def test_the_videos_of_a_channel_a_playlist_and_a_search_are_read(
    youtube: FakeYouTube, crawler: Crawler, options: tuple[str, ...]
) -> None:
    youtube.add_video(OTHER)
    youtube.uploads[UPLOADS] = youtube.results["soup"] = [OTHER, VIDEO]
    youtube.options = options
    ids = youtube.publish(["here"]) + youtube.publish(["there"], video=OTHER)
    ran = crawler.until_seen(ids)
    query = "soup" if "--search" in options else None
    assert {post.origin.query for post in ran.destination.posts} == {query}


def test_a_channel_is_read_as_far_as_its_newest_videos(
    youtube: FakeYouTube, crawler: Crawler
) -> None:
    videos = [f"video{number:06d}" for number in range(120)]
    for video in videos:
        youtube.add_video(video)
    youtube.uploads[UPLOADS] = videos
    youtube.options = ("--channel", CHANNEL, "--newest", "70", "--once")
    crawler.run()
    assert len(youtube.asked("playlistItems.list")) == 2
    assert len(youtube.asked("videos.list")) == 2
    assert {one["videoId"] for one in youtube.asked("commentThreads.list")} == set(videos[:70])


def test_a_new_video_of_a_channel_is_found(
    youtube: FakeYouTube, crawler: Crawler, clock: Hurried
) -> None:
    clock.pace = 60
    youtube.uploads[UPLOADS] = [VIDEO]
    youtube.options = ("--channel", "@thekitchen")
    crawler.until_seen(youtube.publish(["here"]))
    there: list[str] = []

    def later(ran: Ran) -> bool:
        if not there and ran.waited > 600:
            youtube.add_video(OTHER, days=0)
            youtube.uploads[UPLOADS] = [OTHER, VIDEO]
            there.extend(youtube.publish(["there"], video=OTHER))
        return bool(there) and ran.ids >= set(there)

    assert crawler.run(later).waited < 2 * 3600


def test_a_used_up_bucket_of_searches_does_not_stop_the_rest(
    youtube: FakeYouTube, crawler: Crawler, caplog: pytest.LogCaptureFixture
) -> None:
    youtube.settings = {"youtube_searches_a_day": 0}
    youtube.options = ("--video", VIDEO, "--search", "soup")
    crawler.until_seen(youtube.publish(["here"]))
    assert any(one.startswith("searches used up until 2026-11-21 08:00") for one in caplog.messages)


def test_searches_are_spread_over_the_day(
    youtube: FakeYouTube, crawler: Crawler, clock: Hurried
) -> None:
    clock.pace = 600
    youtube.settings = {"youtube_searches_a_day": 4}
    youtube.options = ("--video", VIDEO, "--search", "soup")
    crawler.run(seconds=13 * 3600)
    assert len(youtube.asked("search.list")) == 3


def test_an_unknown_channel_costs_only_itself(
    youtube: FakeYouTube, crawler: Crawler, caplog: pytest.LogCaptureFixture
) -> None:
    youtube.options = ("--channel", "@nobody", "--playlist", "PLnobodysplaylist", "--video", VIDEO)
    crawler.until_seen(youtube.publish(["here"]))
    assert "channel @nobody: YouTube knows none" in caplog.messages
    assert (
        "playlist PLnobodysplaylist: YouTube says 404 playlistNotFound; left out for now"
        in caplog.messages
    )


# The quota.


def test_our_own_quota_used_up_it_waits_until_midnight_in_california(
    youtube: FakeYouTube, crawler: Crawler, clock: Hurried
) -> None:
    clock.pace = 600
    youtube.settings = {"youtube_units_a_day": 3}
    youtube.page = 2
    ids = youtube.publish(texts(8))
    youtube.options = ("--video", VIDEO, "--once")
    told: set[str] = set()

    def note(ran: Ran) -> bool:
        told.add(ran.crawl.watched.waiting)
        return False

    assert crawler.run(note).ids == set(ids)
    assert "the day's quota is used up, until 2026-11-21 08:00 UTC" in told
    assert clock.now() >= MIDNIGHT
    assert len(youtube.asked("commentThreads.list")) == 4


@pytest.mark.case(33)
def test_the_api_says_that_the_quota_is_used_up_and_is_believed(
    youtube: FakeYouTube, crawler: Crawler, clock: Hurried
) -> None:
    clock.pace = 600
    youtube.quota = 2
    youtube.page = 2
    ids = youtube.publish(texts(6))
    youtube.options = ("--video", VIDEO, "--once")

    def refill(ran: Ran) -> bool:
        if clock.now() >= MIDNIGHT - timedelta(minutes=20):
            youtube.quota = 100
        return False

    assert crawler.run(refill).ids == set(ids)
    refused = [one for one in youtube.requests if one.method == "commentThreads.list"]
    assert len(refused) == 4  # three pages, and the one that was refused


def test_it_wakes_some_minutes_after_midnight_and_a_late_reset_costs_no_day(
    youtube: FakeYouTube, crawler: Crawler, clock: Hurried
) -> None:
    clock.pace = 60
    youtube.quota = 2
    youtube.page = 2
    ids = youtube.publish(texts(6))
    youtube.options = ("--video", VIDEO, "--once")
    asked: list[datetime] = []

    def refill(ran: Ran) -> bool:
        if len(youtube.asked("commentThreads.list")) > 2 + len(asked):
            asked.append(clock.now())
        if clock.now() >= MIDNIGHT + timedelta(minutes=12):
            youtube.quota = 100
        return False

    assert crawler.run(refill).ids == set(ids)
    assert MIDNIGHT + timedelta(minutes=2) <= asked[0] <= MIDNIGHT + timedelta(minutes=12)
    assert clock.now() < MIDNIGHT + timedelta(hours=1)


def test_the_looks_are_spread_so_that_the_quota_lasts_until_the_reset(
    youtube: FakeYouTube, crawler: Crawler, clock: Hurried
) -> None:
    clock.pace = 60
    youtube.settings = {"youtube_units_a_day": 60}
    seconds = (MIDNIGHT - NOW).total_seconds() - 60
    crawler.run(seconds=seconds)
    assert 35 < len(youtube.asked("commentThreads.list")) <= 60


def test_the_rest_of_the_quota_is_shown(youtube: FakeYouTube, crawler: Crawler) -> None:
    ran = crawler.until_seen(youtube.publish(["here"]))
    units, searches = ran.source.allowances()
    assert (units.used, units.of, units.unit, units.until) == (2, 10_000, "units", MIDNIGHT)
    assert (searches.used, searches.of) == (0, 100)


@pytest.mark.parametrize(("status", "reason"), [(403, "rateLimitExceeded"), (500, "backendError")])
def test_asked_to_slow_down_it_asks_again_later(
    youtube: FakeYouTube, crawler: Crawler, status: int, reason: str
) -> None:
    ids = youtube.publish(texts(2))
    for _ in range(4):
        youtube.answer_next(status, reason=reason)
    ran = crawler.until_seen(ids)
    assert ran.source.allowances()[0].used == 6  # what is refused costs too


def test_a_page_that_the_api_fails_to_make_is_asked_for_at_the_next_look(
    youtube: FakeYouTube, crawler: Crawler
) -> None:
    crawler.until_seen(youtube.publish(["here"]))
    (late,) = youtube.publish(["late"])
    faults: list[int] = []

    def fail(ran: Ran) -> bool:
        if not faults and youtube.asked("videos.list")[1:]:
            faults.append(1)
            youtube.answer_next(400, reason="processingFailure")
        return late in ran.ids

    assert crawler.run(fail).ids == {late}


@pytest.mark.parametrize("busy", [True, False])
def test_asked_to_stop_while_it_waits_it_ends(
    youtube: FakeYouTube, clock: Hurried, tmp_path: Path, busy: bool
) -> None:
    class StoppedWhileWaiting(Timeless):
        def wait(self, timeout: float | None = None) -> bool:
            self.set()
            return True

    if busy:
        youtube.answer_next(503)
    else:
        youtube.settings = {"youtube_units_a_day": 1}
    with State.open(tmp_path, "youtube") as state:
        source = youtube.source(Context("c1", state, StoppedWhileWaiting(clock), clock.now))
        given = list(source.read(None))
    assert [one.reason for one in given if isinstance(one, Pause)] == [
        "YouTube says 503 backendError"
        if busy
        else "the day's quota is used up, until 2026-11-21 08:00 UTC"
    ]


# The key.


@pytest.mark.parametrize(
    ("status", "reason", "said"),
    [
        (400, "keyInvalid", "check EMOSTREAM_YOUTUBE_API_KEY"),
        (400, "API_KEY_INVALID", "check EMOSTREAM_YOUTUBE_API_KEY"),
        (401, "authError", "check EMOSTREAM_YOUTUBE_API_KEY"),
        (403, "accessNotConfigured", "enable it in the Google Cloud console"),
        (403, "forbidden", "(403 forbidden): check EMOSTREAM_YOUTUBE_API_KEY"),
    ],
)
def test_a_key_that_is_no_good_is_one_clear_line(
    youtube: FakeYouTube, crawler: Crawler, status: int, reason: str, said: str
) -> None:
    youtube.answer_next(status, reason=reason)
    with pytest.raises(UserError) as refused:
        crawler.run()
    assert said in str(refused.value)
    assert KEY not in str(refused.value)


def test_without_a_key_it_says_where_to_make_one(youtube: FakeYouTube, crawler: Crawler) -> None:
    youtube.settings = {"youtube_api_key": None}
    with pytest.raises(UserError, match="EMOSTREAM_YOUTUBE_API_KEY is not set"):
        crawler.run()


def test_the_key_and_the_comments_are_in_no_log(
    youtube: FakeYouTube, crawler: Crawler, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    youtube.answer_next(403, reason="rateLimitExceeded")
    youtube.malformed()
    crawler.until_seen(youtube.publish(["my secret words"]))
    assert caplog.messages
    assert KEY not in caplog.text
    assert "secret words" not in caplog.text


# The command line.


def test_without_anything_to_read_it_says_what_to_give(
    youtube: FakeYouTube, crawler: Crawler
) -> None:
    youtube.options = ()
    with pytest.raises(UserError, match="give --video, --channel, --playlist"):
        crawler.run()


@pytest.mark.parametrize(
    "address",
    [
        VIDEO,
        f"https://www.youtube.com/watch?v={VIDEO}&t=42s",
        f"https://m.youtube.com/watch?app=desktop&v={VIDEO}",
        f"https://youtu.be/{VIDEO}?si=abc",
        f"https://www.youtube.com/shorts/{VIDEO}",
    ],
)
def test_a_video_can_be_given_by_its_address(
    youtube: FakeYouTube, crawler: Crawler, address: str
) -> None:
    youtube.options = ("--video", address)
    crawler.until_seen(youtube.publish(["here"]))


def test_what_is_no_address_is_refused(
    youtube: FakeYouTube, crawler: Crawler, capsys: pytest.CaptureFixture[str]
) -> None:
    youtube.options = ("--video", "https://example.org/watch")
    with pytest.raises(SystemExit):
        crawler.run()
    assert "is no id or address of a video" in capsys.readouterr().err


def test_the_plan_says_what_a_day_covers(
    youtube: FakeYouTube, clock: SettableClock, tmp_path: Path
) -> None:
    with State.open(tmp_path, "youtube") as state:
        source = youtube.source(Context("c1", state, Timeless(clock), clock.now))
        quota, covers, looks = source.plan()
    assert "10,000 of 10,000 units and 100 of 100 searches left until 2026-11-21 08:00" in quota
    assert "up to 1,000,000" in covers
    assert "a look at each of the videos named (1) every 15 s" in looks
    assert youtube.requests == []


def test_check_costs_one_unit(youtube: FakeYouTube, clock: SettableClock, tmp_path: Path) -> None:
    youtube.options = ()
    with State.open(tmp_path, "youtube") as state:
        source = youtube.source(Context("c1", state, Timeless(clock), clock.now))
        assert source.check().sentences[0] == "the key reads the YouTube Data API v3"
        assert source.allowances()[0].used == 1
    assert len(youtube.requests) == 1


def test_check_does_not_wait_for_a_quota_that_is_used_up(
    youtube: FakeYouTube, clock: SettableClock, tmp_path: Path
) -> None:
    youtube.quota = 0
    with State.open(tmp_path, "youtube") as state:
        source = youtube.source(Context("c1", state, Timeless(clock), clock.now))
        with pytest.raises(UserError, match="quota is used up, until 2026-11-21 08:00 UTC"):
            source.check()


def test_of_videos_that_are_read_no_longer_the_last_hundred_places_are_kept(
    youtube: FakeYouTube, crawler: Crawler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(youtube_source, "LEFT_VIDEOS", 3)
    (kept,) = youtube.publish(["on the video that stays"])
    for number in range(6):
        video = f"vid_{50 + number}-abcd"
        youtube.add_video(video)
        youtube.options = ("--video", VIDEO, "--video", video, "--once")
        crawler.until_seen(youtube.publish(["for a while"], video=video))
    with State.open(crawler.folder, "contract") as state:
        assert state.cursor is not None
        videos = sorted(state.cursor["videos"])
    assert videos == [VIDEO, "vid_52-abcd", "vid_53-abcd", "vid_54-abcd", "vid_55-abcd"]
    assert kept not in crawler.run().ids  # its place was not forgotten


def test_an_answer_that_never_ends_is_given_up_and_the_next_is_read_on_a_new_connection(
    youtube: FakeYouTube,
    crawler: Crawler,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(waiting, "ANSWER_SECONDS", 0.1)  # before the client's own time-out
    ids = youtube.publish(texts(3))
    youtube.stall()
    assert crawler.until_seen(ids).ids == set(ids)
    assert caplog.text.count("asking again") == 1
