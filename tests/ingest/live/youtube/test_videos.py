"""Where videos come from."""

import pytest

from tests.ingest.live.crawler import Crawler, Ran
from tests.ingest.live.fake_youtube import CHANNEL, VIDEO, FakeYouTube
from tests.ingest.live.youtube.reading import OTHER, UPLOADS, Hurried

pytestmark = pytest.mark.wire


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
