"""What tests of several modes of X share."""

from collections.abc import Callable

from ingest.sources import Gap
from tests.ingest.live.crawler import Ran
from tests.ingest.live.fake_x import FakeX

STREAM, SEARCH = "/2/tweets/search/stream", "/2/tweets/search/recent"


def gaps(ran: Ran) -> list[Gap]:
    return ran.crawl.watched.gaps


def seen_and_then(
    fake: FakeX, first: list[str], do: Callable[[], list[str]]
) -> tuple[Callable[[Ran], bool], list[str]]:
    """A condition that does something once the first posts are here, and ends with the second."""
    second: list[str] = []

    def until(ran: Ran) -> bool:
        if not second and ran.ids >= set(first):
            second.extend(do())
        return bool(second) and ran.ids >= {*first, *second}

    return until, second
