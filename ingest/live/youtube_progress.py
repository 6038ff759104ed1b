"""How far the comments of a video have been read: what the cursor keeps, and what is news.

Threads come newest first, by the time of their first comment. The newest page is looked at again
and again; what lies below it is read once, page by page, as stretches that a crash does not lose.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Self

from pydantic import Field, NonNegativeInt, StringConstraints

from ingest.payloads import Payload, PlatformTime, checked
from stream.errors import InvalidRecord

OVERLAP: Final = timedelta(minutes=2)
"""A comment may show up so late on the newest page: the mark alone does not make it known."""

LAST_SECOND: Final = 2**33
"""Since 1970, in the year 2242: what is later is no time that we kept."""
_PAGE_LINE = r"^.+ (None|[0-9]{1,10}(\.[0-9]+)?) [0-9]{1,9}$"


class _Times(Payload):
    publishedAt: PlatformTime  # noqa: N815 - the platform's own names
    updatedAt: PlatformTime | None = None  # noqa: N815 - as above


class _Comment(Payload):
    id: str
    snippet: _Times


class _ThreadSnippet(Payload):
    totalReplyCount: int = 0  # noqa: N815 - as above
    topLevelComment: _Comment  # noqa: N815 - as above


class _Replies(Payload):
    comments: tuple[Any, ...] = ()


class _Thread(Payload):
    snippet: _ThreadSnippet
    replies: _Replies = _Replies()


_Seconds = Annotated[float, Field(ge=0, lt=LAST_SECOND, allow_inf_nan=False)]


class KeptProgress(Payload):
    """What the cursor keeps of a video."""

    newest: _Seconds | None = None
    changed: _Seconds | None = None
    page: tuple[Annotated[str, StringConstraints(pattern=_PAGE_LINE)], ...]
    stretches: tuple[tuple[str | None, _Seconds | None, _Seconds | None, NonNegativeInt], ...]


class KeptVideos(Payload):
    """The cursor."""

    videos: dict[str, KeptProgress]


@dataclass(frozen=True, slots=True)
class Thread:
    """An item of a page, as far as reading on depends on it."""

    payload: Any
    key: str
    """Its id; of one that we cannot read, a digest: it is refused once and not each time."""
    published: datetime | None = None
    changed: datetime | None = None
    """When it or a reply that came with it was last written."""
    replies: int = 0
    inline: frozenset[str] = frozenset()
    """Replies that came with it: all of them, or some."""

    @classmethod
    def of(cls, payload: Any, in_future: Callable[[datetime], bool]) -> Self:
        """Reads an item of `commentThreads.list`.

        A time that cannot be counts as none: after it, all that comes would count as read.
        """
        try:
            read = checked(_Thread, payload)
        except InvalidRecord:
            return cls(payload, digest(payload))
        top = read.snippet.topLevelComment
        replies = list(_readable(read.replies.comments))
        times = [top.snippet, *(reply.snippet for reply in replies)]
        written = [one.updatedAt or one.publishedAt for one in times]
        return cls(
            payload,
            top.id,
            published=None if in_future(top.snippet.publishedAt) else top.snippet.publishedAt,
            changed=max((time for time in written if not in_future(time)), default=None),
            replies=read.snippet.totalReplyCount,
            inline=frozenset(reply.id for reply in replies),
        )


@dataclass(frozen=True, slots=True)
class Stretch:
    """Pages still to be read: from a page on, down to a time or to the first comment."""

    token: str | None = None
    """The next page; None: the newest, from where we go down to `below` once more."""
    below: datetime | None = None
    """What is newer has been read."""
    until: datetime | None = None
    """What is older has been read, or was not asked for."""
    restarts: int = 0
    """How often in a row its page could not be had."""

    def wants(self, thread: Thread) -> bool:
        """Whether the thread lies in it; one without a time is given rather than lost."""
        at = thread.published
        if at is None:
            return self.token is not None or self.below is None
        return (self.below is None or at <= self.below) and (self.until is None or at >= self.until)

    def after(self, threads: Sequence[Thread], token: str | None) -> "Stretch | None":
        """What is left of it below a page; None: nothing."""
        oldest = _oldest(threads)
        if token is None or (oldest and self.until and oldest < self.until):
            return None
        below = min((time for time in (self.below, oldest) if time), default=None)
        # A start over is only done with once we are deeper than we were.
        restarts = self.restarts if below == self.below else 0
        return Stretch(token, below, self.until, restarts)


@dataclass(frozen=True)
class Progress:
    """How far one video has been read."""

    newest: datetime | None = None
    """The newest first comment seen: the high-water mark."""
    changed: datetime | None = None
    """The newest writing seen, edits and replies too."""
    page: Mapping[str, tuple[datetime | None, int]] = field(default_factory=dict)
    """Threads of the newest page as last seen: when published, and how many replies."""
    stretches: tuple[Stretch, ...] = ()
    """Newest first."""

    def is_news(self, thread: Thread) -> bool:
        """Whether a thread on the newest page is new, or has a new reply or an edit."""
        if thread.key in self.page:
            replies = self.page[thread.key][1]
            edited = thread.changed and self.changed and thread.changed > self.changed
            return thread.replies > replies or bool(edited)
        if self.newest is None or thread.published is None:
            return True
        return thread.published >= self.newest - OVERLAP

    @property
    def times(self) -> list[datetime]:
        """When the threads of the newest page were published."""
        return [published for published, _ in self.page.values() if published]

    def vanished(self, threads: Sequence[Thread], last: bool) -> list[str]:
        """Names threads that should still be on the newest page and are not.

        Args:
            threads: the page now.
            last: whether there is no page after it.
        """
        there, oldest = {thread.key for thread in threads}, _oldest(threads)
        return [
            key
            for key, (published, _) in self.page.items()
            if published and key not in there and (last or (oldest and published > oldest))
        ]

    def after(
        self, threads: Sequence[Thread], token: str | None, since: datetime | None
    ) -> "Progress":
        """What is known once the newest page has been given.

        Where the page does not reach down to what is known, a stretch is left between them.
        """
        if token is not None and not threads:
            return self  # it says nothing of what is there
        oldest = _oldest(threads)
        until = max((time for time in (self.newest, since) if time), default=None)
        older = oldest is not None and until is not None and oldest < until
        reached = token is None or older or threads[-1].key in self.page
        left = () if reached else (Stretch(token, oldest, until),)
        return Progress(
            newest=_latest(self.newest, (thread.published for thread in threads)),
            changed=_latest(self.changed, (thread.changed for thread in threads)),
            page={thread.key: (thread.published, thread.replies) for thread in threads},
            stretches=left + self.stretches,
        )

    def to_json(self) -> dict[str, Any]:
        """Gives what the cursor keeps."""
        return {
            "newest": _seconds(self.newest),
            "changed": _seconds(self.changed),
            # A string each: this is written to the disk at every page, for every video.
            "page": [f"{key} {_seconds(at)} {replies}" for key, (at, replies) in self.page.items()],
            "stretches": [
                [one.token, _seconds(one.below), _seconds(one.until), one.restarts]
                for one in self.stretches
            ],
        }

    @classmethod
    def of_kept(cls, kept: KeptProgress) -> Self:
        """Reads it back."""
        return cls(
            _time(kept.newest),
            _time(kept.changed),
            dict(map(_of_page, kept.page)),
            tuple(
                Stretch(token, _time(below), _time(until), restarts)
                for token, below, until, restarts in kept.stretches
            ),
        )


def digest(payload: Any) -> str:
    """Names a payload by what it says, without saying it."""
    data = json.dumps(payload, sort_keys=True).encode()
    return f"#{hashlib.blake2b(data, digest_size=8).hexdigest()}"


def reply(payload: Any) -> tuple[str, datetime | None]:
    """Gives a reply's id and when it was last written; a digest and None if it cannot be read."""
    for one in _readable([payload]):
        return one.id, one.snippet.updatedAt or one.snippet.publishedAt
    return digest(payload), None


def _readable(comments: Iterable[Any]) -> Iterator[_Comment]:
    for comment in comments:
        try:
            yield checked(_Comment, comment)
        except InvalidRecord:
            continue


def _oldest(threads: Iterable[Thread]) -> datetime | None:
    return min((thread.published for thread in threads if thread.published), default=None)


def _latest(known: datetime | None, times: Iterable[datetime | None]) -> datetime | None:
    return max((time for time in (known, *times) if time), default=None)


def _of_page(line: str) -> tuple[str, tuple[datetime | None, int]]:
    key, at, replies = line.rsplit(" ", 2)
    return key, (None if at == "None" else _time(float(at)), int(replies))


def _seconds(time: datetime | None) -> float | None:
    return None if time is None else time.timestamp()


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
