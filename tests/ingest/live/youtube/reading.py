"""What tests of several parts of YouTube share."""

from datetime import UTC, datetime

from stream.posts import Post
from tests.ingest.doubles import SettableClock
from tests.ingest.live.crawler import Ran
from tests.ingest.live.fake_youtube import CHANNEL

MIDNIGHT = datetime(2026, 11, 21, 8, tzinfo=UTC)
"""The next one in California after NOW."""
OTHER = "vid_43-abcd"
UPLOADS = "UU" + CHANNEL[2:]


class Hurried(SettableClock):
    """Each second that is waited may be many."""

    pace = 1.0

    def wait(self, seconds: float) -> None:
        super().wait(seconds * self.pace)


def order(ran: Ran) -> list[str]:
    return [post.native_id for post in ran.destination.posts]


def last(ran: Ran, native_id: str) -> Post:
    return [post for post in ran.destination.posts if post.native_id == native_id][-1]


def saved(ran: Ran) -> bool:
    return ran.crawl._cursor is not None
