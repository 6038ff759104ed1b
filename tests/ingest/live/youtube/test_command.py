"""YouTube's key, and the command line."""

import logging
from pathlib import Path

import pytest

from ingest import waiting
from ingest.context import Context
from ingest.live import youtube_source
from ingest.state import State
from stream.errors import UserError
from tests.ingest.doubles import SettableClock
from tests.ingest.live.crawler import Crawler, Timeless, texts
from tests.ingest.live.fake_youtube import KEY, VIDEO, FakeYouTube

pytestmark = pytest.mark.wire


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
