"""Which comments we have sent on, and when YouTube last showed each: for `--refresh-days`.

YouTube's terms ask that what is stored is refreshed or deleted within 30 days
(https://developers.google.com/youtube/terms/developer-policies). One SQLite file serves all crawls
of a state folder.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from ingest.sightings import Outcome
from ingest.sources import Arrival, Gap, Pause
from stream.errors import UserError
from stream.posts import Deletion, Post

FILE = "youtube-comments.sqlite"
MOST_WAITING = 5000

_TABLE = """
create table if not exists comments (
    id text primary key, video text, written real not null, looked real not null
) without rowid"""
_INDEX = "create index if not exists comments_by_look on comments (looked)"
_ENLIST = "insert or ignore into comments values (?, ?, ?, ?)"
_KEEP = "insert or replace into comments values (?, ?, ?, ?)"
_LONGEST_AGO = "select id, video, written from comments where looked < ? order by looked limit ?"


@dataclass(frozen=True, slots=True)
class Sent:
    """A comment that was sent on."""

    id: str
    video: str | None
    written: datetime


@dataclass
class Register:
    """The comments sent on.

    New ones are enlisted before the crawl may move its cursor past them, so that none is forgotten;
    looks and deletions of known ones count once they are durable: one that was lost is due again.
    """

    connection: sqlite3.Connection
    file: Path
    _seen: dict[str, tuple[str, str | None, float, float]] = field(default_factory=dict)
    _new: list[tuple[str, str | None, float, float]] = field(default_factory=list)
    _gone: set[str] = field(default_factory=set)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Opens the file, or makes it.

        Raises:
            UserError: it cannot be written.
        """
        file = folder / FILE
        with _told(file):
            folder.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(file, timeout=30)
            with connection:
                connection.execute(_TABLE)
                connection.execute(_INDEX)
        return cls(connection, file)

    def close(self) -> None:
        """Closes the file; what was noted and not kept is due again."""
        self.connection.close()

    def note(self, outcomes: Iterable[Outcome]) -> None:
        """Takes what is about to be sent."""
        for one in outcomes:
            if isinstance(one, Deletion):
                self._seen.pop(one.native_id, None)
                self._gone.add(one.native_id)
            elif isinstance(one, Post):
                self._gone.discard(one.native_id)
                sent = Sent(one.native_id, one.origin.video, one.created_at)
                self.look([sent], one.observed_at)

    def look(self, sent: Iterable[Sent], at: datetime) -> None:
        """Takes that comments were looked at."""
        for one in sent:
            row = (one.id, one.video, one.written.timestamp(), at.timestamp())
            self._seen[one.id] = row
            self._new.append(row)

    def enlist(self) -> None:
        """Writes the comments that are new; changes nothing of those that are known.

        Raises:
            UserError: the file cannot be written.
        """
        with _told(self.file), self.connection:
            self.connection.executemany(_ENLIST, self._new)
        self._new.clear()

    @property
    def waiting(self) -> int:
        """How much was noted and not kept."""
        return len(self._seen) + len(self._gone)

    def keep(self) -> None:
        """Writes what was noted: all of it has been sent, and is durable.

        Raises:
            UserError: the file cannot be written.
        """
        self._new.clear()
        if self.waiting:
            with _told(self.file), self.connection:
                self.connection.executemany(_KEEP, self._seen.values())
                gone = ((one,) for one in self._gone)
                self.connection.executemany("delete from comments where id = ?", gone)
            self._seen.clear()
            self._gone.clear()

    def not_seen_since(self, time: datetime, most: int) -> Sequence[Sent]:
        """Gives the comments that were not looked at since, those of longest ago first.

        All of them begin a thread, or all are replies.

        Raises:
            UserError: the file cannot be read.
        """
        with _told(self.file):
            rows = self.connection.execute(_LONGEST_AGO, (time.timestamp(), most)).fetchall()
        found = [
            Sent(id_, video, datetime.fromtimestamp(written, UTC)) for id_, video, written in rows
        ]
        return [one for one in found if is_reply(one.id) == is_reply(found[0].id)]


@dataclass(frozen=True)
class Refreshing:
    """Looking at each comment again after some time."""

    register: Register
    after: timedelta

    def due(self, now: datetime, most: int) -> Sequence[Sent]:
        """Gives comments whose time has come."""
        return self.register.not_seen_since(now - self.after, most)

    def noting(self, reading: Iterator[Arrival | Gap | Pause]) -> Iterator[Arrival | Gap | Pause]:
        """Passes on what is read, and keeps a note of it once it is durable.

        That is after a Pause: the crawl sends all that came before it.
        """
        with closing(self.register):
            for one in reading:
                if isinstance(one, Arrival):
                    self.register.note(one.outcomes)
                    if one.cursor is not None:
                        self.register.enlist()
                yield one
                if self.register.waiting >= MOST_WAITING:
                    yield Pause()
                    self.register.keep()
                elif isinstance(one, Pause):
                    self.register.keep()
            yield Pause()
            self.register.keep()


@contextmanager
def _told(file: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise UserError(f"{file}: cannot be used: {error}") from None


def is_reply(comment: str) -> bool:
    """Tells by its id: its thread's, a dot, and its own."""
    return "." in comment
