"""A local YouTube, and what reads from it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ingest.live.crawler import Crawler
from tests.ingest.live.fake_youtube import FakeYouTube
from tests.ingest.live.youtube.reading import Hurried


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
