"""The comments of one video: its newest page again and again, and what lies below, page by page.

Fields and errors: https://developers.google.com/youtube/v3/docs/commentThreads/list
and https://developers.google.com/youtube/v3/docs/comments/list
"""

import json
import logging
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from ingest import youtube
from ingest.context import Context
from ingest.live.youtube_api import Answer, Api, Refused
from ingest.live.youtube_progress import (
    OVERLAP,
    Progress,
    Stretch,
    Thread,
    reply,
)
from ingest.live.youtube_refresh import Sent, is_reply
from ingest.live.youtube_videos import Found
from ingest.sightings import Sighting
from ingest.sources import Arrival, Gap, Pause
from ingest.youtube import Video
from stream.codec import encode
from stream.posts import Deletion

logger = logging.getLogger(__name__)

Reading = Generator[Arrival | Gap | Pause, None, Progress]
"""What is read, and how far the video has been read after it."""

MOST_A_PAGE: Final = 100
MOST_IDS: Final = 50
RESTARTS: Final = 3
MOST_EMPTY: Final = 10
"""Pages in a row without a thread, each with a page after it, that one look follows."""
NOT_FOUND: Final = 404
BAD_PAGE: Final = ("invalidPageToken", "processingFailure")
"""What the API says of a page token that is too old."""


@dataclass(frozen=True)
class Comments:
    """Reads the comments of videos."""

    api: Api
    context: Context
    since: datetime | None = None
    """Older threads are not read."""

    def newest(self, found: Found, before: Progress) -> Reading:
        """Looks at the newest page: new threads, new replies, edits, and what has vanished.

        Raises:
            Refused: the comments are switched off, the video is gone or private.
        """
        threads, token = list[Thread](), None
        for _ in range(MOST_EMPTY):
            page = yield from self._page(found, token)
            threads, token = self._threads(page), page.get("nextPageToken")
            if threads or token is None:
                break
        for thread in threads:
            if not before.is_news(thread) or self._too_old(thread):
                continue
            yield self._given(found, thread, thread.changed if before.newest else None)
            seen = before.page.get(thread.key)
            if seen is None or thread.replies > seen[1]:
                yield from self._replies(found, thread, before.changed if seen else None)
        yield from self._vanished(found, before, before.vanished(threads, last=token is None))
        return before.after(threads, token, self.since)

    def older(self, found: Found, before: Progress) -> Reading:
        """Reads one page of the newest stretch.

        Raises:
            Refused: as `newest`.
        """
        stretch, *others = before.stretches
        try:
            page = yield from self._page(found, stretch.token)
        except Refused as no:
            if not no.says(*BAD_PAGE):
                raise
            left = yield from self._start_over(found, stretch)
        else:
            threads = self._threads(page)
            for thread in threads:
                if stretch.wants(thread):
                    yield self._given(found, thread)
                    yield from self._replies(found, thread)
            left = stretch.after(threads, page.get("nextPageToken"))
        return replace(before, stretches=(*([left] if left else ()), *others))

    def _page(self, found: Found, token: str | None) -> Generator[Pause, None, Answer]:
        return (
            yield from self.api.call(
                "commentThreads.list",
                part="snippet,replies",
                videoId=found.video.id,
                order="time",
                maxResults=MOST_A_PAGE,
                pageToken=token,
            )
        )

    def _threads(self, page: Answer) -> list[Thread]:
        return [Thread.of(item, self.context.in_future) for item in _items(page)]

    def _start_over(self, found: Found, stretch: Stretch) -> Generator[Gap, None, Stretch | None]:
        if stretch.restarts < RESTARTS:
            return replace(stretch, token=None, restarts=stretch.restarts + 1)
        reason = f"video {found.video.id}: YouTube no longer gives the older pages of its comments"
        yield Gap(reason, stretch.until, stretch.below)
        return None

    def _given(self, found: Found, thread: Thread, at: datetime | None = None) -> Arrival:
        """The thread with the replies that come with it; `at` where it counts for the lag."""
        return _arrival(thread.payload, self._sight(found), found, thread.key, at)

    def _replies(
        self, found: Found, thread: Thread, after: datetime | None = None
    ) -> Generator[Arrival | Pause, None, None]:
        """Gives the replies of a thread, where not all came with it.

        Args:
            found: its video.
            thread: the thread.
            after: those written before are known; None: none is.
        """
        token, more = None, thread.replies > len(thread.inline)
        while more:
            try:
                page = yield from self.api.call(
                    "comments.list",
                    part="snippet",
                    parentId=thread.key,
                    maxResults=MOST_A_PAGE,
                    pageToken=token,
                )
            except Refused as no:
                if no.status != NOT_FOUND and not no.says(*BAD_PAGE):
                    raise
                return  # deleted meanwhile: the next look at the newest page tells
            for payload in _items(page):
                key, written = reply(payload)
                old = after is not None and written is not None and written <= after - OVERLAP
                if not old and key not in thread.inline:
                    place = f"{thread.key} {key}"
                    yield _arrival(payload, self._sight(found), found, place, after and written)
            token = page.get("nextPageToken")
            more = bool(token)

    def _vanished(
        self, found: Found, before: Progress, ids: Sequence[str]
    ) -> Generator[Arrival | Pause, None, None]:
        """Asks for comments that are missing from the page, and deletes those that are gone."""
        for start in range(0, len(ids), MOST_IDS):
            some = ids[start : start + MOST_IDS]
            there = yield from self._by_id("comments.list", "id", some)
            for one in some:
                if one not in there:
                    yield self._deletion(found, one, before.page[one][0])

    def refresh(
        self, videos: Mapping[str, Found], sent: Sequence[Sent]
    ) -> Generator[Arrival | Pause, None, None]:
        """Looks at comments again: gives them as they are now, or their deletion.

        Args:
            videos: what is known of their videos.
            sent: at most `MOST_IDS`, all of them threads or all replies.

        Raises:
            Refused: none of them could be looked at.
        """
        method, part = "commentThreads.list", "snippet,replies"
        if is_reply(sent[0].id):
            method, part = "comments.list", "snippet"
        there = yield from self._by_id(method, part, [one.id for one in sent])
        for one in sent:
            video = videos.get(one.video or "") or Found(Video(id=one.video), one.written, None)
            if one.id in there:
                yield _arrival(there[one.id], self._sight(video), video, one.id, None)
            else:
                yield self._deletion(video, one.id, one.written)

    def _deletion(self, found: Found, comment: str, written: datetime | None) -> Arrival:
        sighting = self._sight(found)
        deletion = Deletion(
            platform=youtube.PLATFORM,
            native_id=comment,
            deleted_at=sighting.observed_at,
            created_at=written,
            origin=sighting.origin,
        )
        # There is no payload that says so: the archive keeps our own record.
        return Arrival(encode(deletion), (deletion,))

    def _by_id(
        self, method: str, part: str, ids: Sequence[str]
    ) -> Generator[Pause, None, dict[str, Any]]:
        """Gives those that there are, by their ids.

        One that is missing may fail the whole request: then each half is asked for.
        """
        try:
            page = yield from self.api.call(method, part=part, id=",".join(ids))
        except Refused as no:
            if no.status != NOT_FOUND and not no.says("commentsDisabled"):
                raise
            if len(ids) == 1:
                return {}
            half = len(ids) // 2
            first = yield from self._by_id(method, part, ids[:half])
            second = yield from self._by_id(method, part, ids[half:])
            return first | second
        return {
            item["id"]: item for item in _items(page) if isinstance(item, dict) and "id" in item
        }

    def _too_old(self, thread: Thread) -> bool:
        at = thread.published
        return self.since is not None and at is not None and at < self.since

    def _sight(self, found: Found) -> Sighting:
        video = found.video
        return self.context.sighting(
            "comments", query=found.query, video=video.id, channel=video.channel
        )


def _arrival(
    payload: Any, sighting: Sighting, found: Found, place: str, at: datetime | None
) -> Arrival:
    if not isinstance(payload, dict):
        payload = {"kind": youtube.COMMENT, "item": payload}
    outcomes = tuple(youtube.outcomes(payload, sighting, found.video))
    data = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    return Arrival(data, outcomes, f"youtube video {found.video.id} {place}", at=at)


def _items(page: Answer) -> list[Any]:
    items = page.get("items")
    return items if isinstance(items, list) else []
