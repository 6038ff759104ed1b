"""Posts of X looked up once more."""

from pathlib import Path

import pytest

from ingest.budget import Limits
from stream.errors import UserError
from tests.ingest.live.crawler import Crawler, archived, texts
from tests.ingest.live.fake_x import FakeX

pytestmark = pytest.mark.wire


def test_what_is_gone_becomes_a_deletion_and_what_is_there_a_new_observation(
    fake: FakeX, crawler: Crawler, tmp_path: Path
) -> None:
    ids = fake.publish(texts(3))
    fake.delete(ids[1])
    fake.gone = {"77": "not-authorized-for-resource", "78": "over-capacity"}
    fake.ids = tmp_path / "ids"
    fake.ids.write_text("\n".join([ids[0], f"x:{ids[1]}", ids[2], "77", "78", ids[0]]))
    folder = tmp_path / "archive"
    ran = crawler.run(archive=folder)
    assert ran.ids == {ids[0], ids[2]}
    assert ran.deleted == {ids[1], "77"}
    assert {post.native_id for post in archived(folder)} == ran.ids
    assert {one.name: one.used for one in ran.source.allowances()}["today"] == 2


def test_an_edited_post_is_looked_up_in_its_newest_version(
    fake: FakeX, crawler: Crawler, tmp_path: Path
) -> None:
    (first,) = fake.publish(["what a dya"])
    newest = fake.edit(first, "what a day")
    fake.ids = tmp_path / "ids"
    fake.ids.write_text(first)
    (post,) = crawler.run().destination.posts
    assert (post.native_id, post.text) == (first, "what a day")
    assert [one.query["ids"] for one in fake.asked("/2/tweets")] == [first, newest]


def test_a_recheck_goes_on_where_it_broke_off(
    fake: FakeX, crawler: Crawler, tmp_path: Path
) -> None:
    fake.limits = Limits(0.005, posts_per_day=150)
    ids = fake.publish(texts(250))
    fake.ids = tmp_path / "ids"
    fake.ids.write_text(" ".join(ids))
    with pytest.raises(UserError, match="used up"):
        crawler.run(destination=(first := crawler.destination))
    assert {post.native_id for post in first.posts} == set(ids[:150])
    crawler.clock.wait(86_400)
    assert crawler.run().ids == set(ids[150:])
    crawler.clock.wait(86_400)
    fake.limits = Limits(0.005)
    assert crawler.run().ids == set(ids)


def test_a_recheck_that_broke_off_still_looks_up_the_later_versions_that_it_found(
    fake: FakeX, crawler: Crawler, tmp_path: Path
) -> None:
    ids = fake.publish(texts(120))
    fake.edit(ids[0], "what a day")
    fake.ids = tmp_path / "ids"
    fake.ids.write_text(" ".join(ids))
    # Stopped at the arrival that moves the cursor.
    first = crawler.run(lambda ran: ran.crawl._cursor is not None)
    assert first.ids == set(ids[1:100])
    second = crawler.run()
    assert second.ids == {ids[0], *ids[100:]}
    assert {post.text for post in second.destination.posts if post.native_id == ids[0]} == {
        "what a day"
    }
    assert crawler.run().ids == set(ids)  # the list is done: all of it anew


def test_a_busy_lookup_is_asked_again(fake: FakeX, crawler: Crawler, tmp_path: Path) -> None:
    ids = fake.publish(texts(1))
    fake.ids = tmp_path / "ids"
    fake.ids.write_text(ids[0])
    fake.answer_next(429, {"Retry-After": "77"})
    ran = crawler.run()
    assert (ran.ids, ran.waited >= 77) == (set(ids), True)


@pytest.mark.parametrize(
    ("written", "said"), [(b"12 hello", "entry 2: no id of X"), (b"\xff", "is not text")]
)
def test_a_wrong_list_of_ids_says_where(
    fake: FakeX, crawler: Crawler, tmp_path: Path, written: bytes, said: str
) -> None:
    fake.ids = tmp_path / "ids"
    fake.ids.write_bytes(written)
    with pytest.raises(UserError) as wrong:
        crawler.run()
    assert said in str(wrong.value)
