"""Which comments of YouTube are read, and in which order."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from ingest.live.youtube_comments import MOST_EMPTY
from stream.posts import ContextAnnotation
from tests.ingest.doubles import NOW, SettableClock
from tests.ingest.live.contract import SourceContract, WithToken
from tests.ingest.live.crawler import Crawler, Fake, Ran, texts
from tests.ingest.live.fake_youtube import CHANNEL, VIDEO, FakeYouTube
from tests.ingest.live.youtube.reading import OTHER, last, order

pytestmark = pytest.mark.wire


class TestYouTube(SourceContract, WithToken):
    @pytest.fixture
    def fake(self, clock: SettableClock) -> Iterator[Fake]:
        with FakeYouTube(clock) as server:
            yield server


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
