"""Comments that are gone, and those that are read once more."""

import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from stream.errors import UserError
from stream.posts import Deletion
from tests.ingest.doubles import NOW, MemoryDestination
from tests.ingest.live.crawler import Crash, Crawler, Ran, texts
from tests.ingest.live.fake_youtube import VIDEO, FakeYouTube
from tests.ingest.live.youtube.reading import MIDNIGHT, OTHER, Hurried, last, saved

pytestmark = pytest.mark.wire


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
