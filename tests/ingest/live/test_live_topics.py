"""Each live crawl from its fake platform into a real Kafka: killed, frozen, and nothing missing.

The fake publishes all the while. What the topic must hold in the end is every post from the first
one that it holds: where a crawl of Bluesky or Mastodon begins is the moment of its first start.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Protocol

import pytest

from ingest.live import x as x_live
from ingest.live.x_stream import Wanted
from stack import Stack
from stream.broker import create_topics, read_to_end
from stream.codec import decode_collected
from stream.settings import Settings
from stream.topics import COLLECTED
from tests.ingest.command import Ingest, Running
from tests.ingest.doubles import SettableClock
from tests.ingest.live.crawler import memory_of, wait_for
from tests.ingest.live.fake_bluesky import FakeBluesky
from tests.ingest.live.fake_mastodon import FakeMastodon
from tests.ingest.live.fake_x import PATIENCE, RULES, FakeX
from tests.ingest.live.fake_youtube import VIDEO, FakeYouTube

pytestmark = pytest.mark.stack

BETWEEN = 0.02
"""Seconds from one post to the next."""


class WallClock(SettableClock):
    """The time on the wall, whatever anybody waits."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def wait(self, seconds: float) -> None:
        pass


class Server(Protocol):
    @property
    def address(self) -> str: ...

    @property
    def secret(self) -> str | None: ...

    def publish(self, texts: Sequence[str]) -> list[str]: ...


@dataclass
class Live:
    """A platform and the command that reads it."""

    name: str
    make: Callable[[], AbstractContextManager[Server]]
    address: str
    """The setting that holds its address."""
    token: str | None = None
    """The setting that holds its token."""
    options: tuple[str, ...] = ()

    def settings(self, server: Server) -> dict[str, str]:
        token = {self.token: server.secret} if self.token and server.secret else {}
        return {self.address: server.address, **token}


LIVE = [
    Live("bluesky", lambda: FakeBluesky(WallClock().now), "EMOSTREAM_BLUESKY_JETSTREAM"),
    Live(
        "mastodon",
        lambda: FakeMastodon(WallClock().now),
        "EMOSTREAM_MASTODON",
        "EMOSTREAM_MASTODON_TOKEN",
    ),
    Live(
        "x",
        lambda: FakeX(WallClock()),
        "EMOSTREAM_X_API",
        "EMOSTREAM_X_BEARER_TOKEN",
        ("stream", "--max-posts-per-day", "1000000"),
    ),
    Live(
        "youtube",
        lambda: FakeYouTube(WallClock()),
        "EMOSTREAM_YOUTUBE_API",
        "EMOSTREAM_YOUTUBE_API_KEY",
        ("--video", VIDEO),
    ),
]


@dataclass
class Speaking:
    """Publishes a post every so often, until it is told to be quiet."""

    server: Server
    ids: list[str] = field(default_factory=list)
    _quiet: Event = field(default_factory=Event)

    def run(self) -> None:
        while not self._quiet.wait(BETWEEN):
            self.ids += self.server.publish([f"so happy about number {len(self.ids)}"])

    @contextmanager
    def meanwhile(self) -> Iterator[None]:
        thread = Thread(target=self.run)
        thread.start()
        try:
            yield
        finally:
            self._quiet.set()
            thread.join()


@pytest.fixture
def ingest(tmp_path: Path, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ingest]:
    # Recent search of the fake knows a post at once: no need to wait half a minute for it.
    monkeypatch.setattr(x_live, "Wanted", partial(Wanted, patience=PATIENCE))
    ingest = Ingest(tmp_path)
    ingest.environment["EMOSTREAM_KAFKA"] = stack.kafka
    create_topics(Settings(kafka=stack.kafka))  # they are looked at before the first crawl is there
    yield ingest
    ingest.end_all()


@pytest.fixture
def rules(tmp_path: Path) -> list[str]:
    file = tmp_path / "rules.toml"
    file.write_text("".join(f'[[rule]]\ntag = "{r.tag}"\nvalue = "{r.value}"\n' for r in RULES))
    return ["--rules", str(file)]


class Runs:
    """The runs of one crawl, one after another."""

    def __init__(self, ingest: Ingest, live: Live, options: Sequence[str] = ()) -> None:
        self._ingest, self._live, self._options = ingest, live, options
        self._settings = Settings(kafka=ingest.environment["EMOSTREAM_KAFKA"])
        self.names: set[str] = set()

    def start(self) -> Running:
        name = f"{self._ingest.folder.name}-{len(self.names)}"
        self.names.add(name)
        live = self._live
        return self._ingest.start(live.name, *live.options, *self._options, "--crawl", name)

    def in_topic(self) -> set[str]:
        """The native ids that they have sent."""
        received = read_to_end(self._settings, COLLECTED)
        ours = [one.value for one in received if one.crawl in self.names]
        return {decode_collected(value).key.partition(":")[2] for value in ours}

    def send(self) -> None:
        """Waits until they have sent more than now."""
        before = len(self.in_topic())
        wait_for(lambda: len(self.in_topic()) > before)


def end(running: Running, number: int) -> int:
    os.kill(running.pid, number)
    began = time.monotonic()
    code = running.ended()
    assert time.monotonic() - began < 10
    return code


@pytest.mark.parametrize("live", LIVE, ids=lambda live: live.name)
def test_killed_twice_and_started_again_the_topic_has_every_post(
    ingest: Ingest, live: Live, rules: list[str]
) -> None:
    with live.make() as server:
        ingest.environment |= live.settings(server)
        runs = Runs(ingest, live, rules if live.name == "x" else ())
        speaking = Speaking(server)
        with speaking.meanwhile():
            for _ in range(2):
                running = runs.start()
                runs.send()
                end(running, signal.SIGKILL)
        running = runs.start()
        wait_for(lambda: speaking.ids[-1] in runs.in_topic())
        expected = set(speaking.ids)
        if live.name in ("bluesky", "mastodon"):
            there = runs.in_topic()
            first = next(n for n, one in enumerate(speaking.ids) if one in there)
            assert first < len(speaking.ids) - 50
            expected = set(speaking.ids[first:])
        wait_for(lambda: expected <= runs.in_topic())
        assert end(running, signal.SIGTERM) == 0
        assert runs.in_topic() <= set(speaking.ids)


def test_while_kafka_is_frozen_memory_stays_flat_and_sigterm_ends_it_and_nothing_is_missing(
    stack: Stack, ingest: Ingest
) -> None:
    live = LIVE[0]
    with live.make() as server:
        ingest.environment |= live.settings(server)
        runs = Runs(ingest, live)
        speaking = Speaking(server)
        with speaking.meanwhile():
            running = runs.start()
            runs.send()
            os.kill(stack.pid("kafka"), signal.SIGSTOP)
            try:
                before, told = memory_of(running.pid), len(speaking.ids)
                wait_for(lambda: len(speaking.ids) > told + 100)
                assert memory_of(running.pid) - before < 4_000_000
                assert end(running, signal.SIGTERM) != 0  # and says what it did not send
            finally:
                os.kill(stack.pid("kafka"), signal.SIGCONT)
            assert "error: " in running.errors.read_text()
            running = runs.start()
            runs.send()
        there = runs.in_topic()
        first = next(n for n, one in enumerate(speaking.ids) if one in there)
        wait_for(lambda: set(speaking.ids[first:]) <= runs.in_topic())
        assert end(running, signal.SIGTERM) == 0
