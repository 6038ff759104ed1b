"""Runs crawls of a fake platform: in this process over a clock one sets, or in a child that dies.

Time passes only where the source waits by its context's `stop`; a source takes its time-outs on
sockets as arguments, so that `Fake.source` can make them short.
"""

import os
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any, Protocol

import pytest

from ingest.archive import Archive
from ingest.context import Context
from ingest.crawl import Crawl
from ingest.inputs import find
from ingest.reading import Found, read
from ingest.sending import Sender, Unsent
from ingest.sources import LiveSource
from ingest.state import State
from stream.cli import stop_on_signals
from stream.codec import decode_collected, encode
from stream.dead_letters import DeadLetter
from stream.errors import Backpressure
from stream.posts import Collected, Deletion, Post
from tests.ingest.doubles import MemoryDestination, SettableClock, sight

REAL_SECONDS = 20.0
"""A source that takes longer for a handful of posts from this machine hangs."""
SHORT = 0.01


class Fake(Protocol):
    """A platform that does what a test tells it to."""

    fresh: bool
    """Whether a first crawl begins with this moment, where a platform gives no more: else a crawl
    without a cursor gives what was published before it too."""
    secret: str | None
    """The token or key that nobody may see; None where none is needed."""

    @property
    def requests(self) -> Sequence[Any]:
        """What was asked so far, connections included."""
        ...

    def source(self, context: Context) -> LiveSource:
        """Makes our source for this server, with credentials that are right."""
        ...

    def publish(self, texts: Sequence[str]) -> list[str]:
        """Publishes posts with these texts; gives their native ids as our records have them."""
        ...

    def late(self, text: str, seconds: float) -> str:
        """Publishes a post that was written before others that are out already; gives its id."""
        ...

    def early(self, text: str, seconds: float) -> str:
        """Publishes a post that the platform stamps so much later than now; gives its id."""
        ...

    def delete(self, native_id: str) -> None:
        """Deletes a post."""
        ...

    def malformed(self) -> None:
        """Sends what is no post of the platform, in the place of a post."""
        ...

    def drop_connections(self) -> None:
        """Breaks the connections there are (or the next request, where none stays open)."""
        ...

    def answer_next(self, status: int, headers: Mapping[str, str] = {}) -> None:
        """Answers the next request or connection so; called twice, the next two."""
        ...

    def stall(self) -> None:
        """The connections there are (or the next request) say nothing more; later ones work."""
        ...

    def hang(self) -> None:
        """Takes each request from now on, and never answers."""
        ...

    def forget_before(self, native_id: str) -> None:
        """No longer gives what was published before this post."""
        ...


class Timeless(Event):
    """A stop whose waits take no time, and move the clock."""

    def __init__(self, clock: SettableClock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        if not self.is_set():
            self._clock.wait(timeout or 0.0)
            time.sleep(SHORT / 10)  # lets the server's threads work
        return self.is_set()


@dataclass
class Ran:
    """What one run of a crawl did."""

    destination: MemoryDestination
    crawl: Crawl
    source: LiveSource
    waited: float
    """Seconds by its own clock."""

    @property
    def ids(self) -> set[str]:
        return {post.native_id for post in self.destination.posts}

    @property
    def deleted(self) -> set[str]:
        records = self.destination.records
        return {one.native_id for one in records if isinstance(one, Deletion)}


@dataclass
class Crawler:
    """Runs crawls of one fake, one after another, over one state."""

    fake: Fake
    clock: SettableClock
    folder: Path
    destination: MemoryDestination = field(default_factory=MemoryDestination)
    """For a test that looks at what was sent although the crawl raised."""

    def run(
        self,
        until: Callable[[Ran], bool] = lambda _ran: False,
        *,
        destination: MemoryDestination | None = None,
        seconds: float | None = None,
        archive: Path | None = None,
    ) -> Ran:
        """Crawls until something is so, by the clock for so long, or until the source ends.

        Called twice it goes on where it was, over the same state. What was sent in this run alone
        is in a destination of its own.
        """
        stop = Timeless(self.clock)
        given_up = time.monotonic() + REAL_SECONDS
        taken = destination or MemoryDestination()
        began = self.clock.seconds

        def turn(crawl: Crawl) -> None:
            ran = Ran(taken, crawl, source, self.clock.seconds - began)
            if until(ran):
                stop.set()
            elif time.monotonic() > given_up:
                stop.set()
                pytest.fail(f"nothing came of it in {REAL_SECONDS:g} s: {crawl}")

        with State.open(self.folder, "contract") as state:
            context = Context("c1", state, stop, self.clock.now, self.clock.monotonic)
            source = self.fake.source(context)
            crawl = Crawl(
                source,
                Sender(taken, "c1", stop),
                state,
                stop=stop,
                archive=Archive(archive, "contract", self.clock.now) if archive else None,
                seconds=seconds,
                turn=turn,
                now=self.clock.now,
                clock=self.clock.monotonic,
            )
            crawl.run()
        return Ran(taken, crawl, source, self.clock.seconds - began)

    def until_seen(self, ids: Sequence[str], **options: Any) -> Ran:
        """Crawls until these posts were sent in this run."""
        return self.run(lambda ran: ran.ids >= set(ids), **options)

    def child(self, file: Path, slow: float = 0.0, *, away: bool = False) -> "Child":
        """Starts a process that crawls, in real time, into a file.

        Args:
            file: takes one record a line, each batch on the disk before it counts as sent.
            slow: seconds that each batch takes.
            away: whether nothing is taken.
        """
        told = file.with_suffix(".told")
        pid = os.fork()
        if pid:
            return Child(pid, told)
        code = 1
        try:
            stop = stop_on_signals()
            with State.open(self.folder, "contract") as state:
                context = Context("c1", state, stop, self.clock.now)
                sender = Sender(FileDestination(file, slow, away), "c1", stop)

                def turn(crawl: Crawl) -> None:
                    told.write_text(f"{crawl.watched.waiting}\n")

                Crawl(self.fake.source(context), sender, state, stop=stop, turn=turn).run()
            code = 0
        except Unsent:
            code = 2
        except BaseException:  # noqa: BLE001 - an entry point of its own
            traceback.print_exc()
        finally:
            os._exit(code)


@dataclass
class Child:
    """A crawl in a process of its own."""

    pid: int
    told: Path
    """Has a line: why it waits, or nothing; from its first turn on."""

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def ended(self) -> int:
        """Waits for its end and gives its exit code, 2 if its last batch was not sent."""
        codes: list[int] = []

        def gone() -> bool:
            with suppress(ChildProcessError):
                found, status = os.waitpid(self.pid, os.WNOHANG)
                codes.extend([os.waitstatus_to_exitcode(status)] if found else [])
            return bool(codes)

        wait_for(gone)
        return codes[0]

    def waits(self) -> bool:
        return self.told.exists() and bool(self.told.read_text().strip())

    def turns(self) -> bool:
        return self.told.exists()


class FileDestination:
    """Appends to a file; survives its process."""

    def __init__(self, file: Path, slow: float = 0.0, away: bool = False) -> None:
        self._file, self._slow, self._away = file, slow, away

    def write(self, records: Sequence[Collected]) -> Sequence[tuple[int, str]]:
        if self._away:
            self._file.with_suffix(".asked").touch()
            raise Backpressure("no broker", retry_after=30.0)
        time.sleep(self._slow)
        with self._file.open("ab") as stream:
            stream.writelines(encode(record) + b"\n" for record in records)
        return ()

    def bury(self, letters: Sequence[DeadLetter]) -> None:
        pass


def ids_in(file: Path) -> list[str]:
    """The native ids in a file of records, its last line left out while it is being written."""
    if not file.exists():
        return []
    lines = file.read_bytes().split(b"\n")[:-1]
    return [decode_collected(line).key.partition(":")[2] for line in lines]


def wait_for(what: Callable[[], bool]) -> None:
    """Waits in real time for something in another process."""
    until = time.monotonic() + REAL_SECONDS
    while not what():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(SHORT)


def memory_of(pid: int) -> int:
    """Bytes of memory that a process has (Linux)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def after(things: int) -> Callable[[Ran], bool]:
    """Stops a crawl behind so many things that its source gives, pauses included."""
    left = iter(range(things - 1))
    return lambda _ran: next(left, None) is None


def texts(count: int, what: str = "so happy about number") -> list[str]:
    return [f"{what} {number}" for number in range(count)]


class Crash(BaseException):
    """The process is gone at this moment, as far as the code can tell."""


class CrashAfter(MemoryDestination):
    """Takes the n-th batch, and the process is gone before it knows."""

    def __init__(self, nth: int) -> None:
        super().__init__()
        self._nth = nth

    def write(self, records: Sequence[Collected]) -> Sequence[tuple[int, str]]:
        refused = super().write(records)
        if len(self.batches) == self._nth:
            raise Crash
        return refused


def archived(folder: Path) -> list[Post]:
    """The posts that `replay` reads in a folder."""
    found = list(read(find([str(folder)], Event(), lambda: None), sight))
    return [one.record for one in found if isinstance(one, Found) and isinstance(one.record, Post)]
