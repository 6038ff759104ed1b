"""The crawl of YouTube comments: which video is looked at next, and what the cursor keeps."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from ingest.context import Context
from ingest.live.youtube_api import WHAT_TO_DO, Api, Refused
from ingest.live.youtube_comments import MOST_IDS, Comments, Reading
from ingest.live.youtube_pace import SHORTEST, interval, may_read_older, stretched
from ingest.live.youtube_progress import KeptProgress, KeptVideos, Progress
from ingest.live.youtube_refresh import Refreshing, Sent
from ingest.live.youtube_videos import Finder, Found, Targets
from ingest.quota import PACIFIC, SEARCHES, UNITS
from ingest.sources import Allowance, Arrival, Cursor, Gap, Pause, Told
from ingest.waiting import Stopped, pauses_until
from ingest.youtube import PLATFORM
from stream.errors import UserError
from stream.posts import Deletion, Post

logger = logging.getLogger(__name__)

BETWEEN_FINDS: Final = timedelta(hours=1)
"""How often channels and playlists are asked for new videos."""
THREADS_A_UNIT: Final = 100
LEFT_VIDEOS: Final = 100
"""Videos that are read no longer and whose place is kept: a search finds other ones each time, and
the cursor, which is written at every page, must not grow for ever."""
TRANSIENT: Final = "processingFailure"


@dataclass
class Watch:
    """A video that is read."""

    found: Found
    looked: datetime | None = None
    interval: timedelta = SHORTEST
    left_out_on: date | None = None
    """The Pacific day on which YouTube refused its comments; looked at again on the next."""

    @property
    def id(self) -> str:
        """The video's id."""
        return str(self.found.video.id)


class YouTube:
    """Comments of videos, live, within the day's quota."""

    platform = PLATFORM

    def __init__(
        self,
        api: Api,
        targets: Targets,
        context: Context,
        comments: Comments,
        once: bool = False,
        refreshing: Refreshing | None = None,
    ) -> None:
        """Prepares the crawl.

        Args:
            api: what is asked, and the quota that it is paid from.
            targets: what is read.
            context: the crawl's state, stop and clock.
            comments: how the comments of a video are read.
            once: whether it ends when all is read.
            refreshing: which comments are looked at again, and when.
        """
        self._api, self._targets, self._context = api, targets, context
        self._comments, self._once = comments, once
        self._quota, self._now = api.quota, context.now
        self._finder = Finder(api, targets, context.now)
        self._find_at: datetime | None = None
        self._watches: dict[str, Watch] = {}
        self._progress: dict[str, Progress] = {}
        self._refreshing, self._refresh_at = refreshing, context.now()

    def read(self, cursor: Cursor | None) -> Iterator[Arrival | Gap | Pause]:
        """Gives new comments first, older ones as the quota allows; ends with `once` or `stop`."""
        self._need_targets()
        if cursor is not None:
            kept = self._context.kept(KeptVideos, cursor).videos
            self._progress = {video: self._resumed(one) for video, one in kept.items()}
        reading = self._until_stopped()
        return reading if self._refreshing is None else self._refreshing.noting(reading)

    def _resumed(self, kept: KeptProgress) -> Progress:
        """Where a video is read on; from its beginning if the mark is in the future."""
        progress = Progress.of_kept(kept)
        times = (progress.newest, progress.changed)
        wrong = any(time and self._context.in_future(time) for time in times)
        return Progress() if wrong else progress

    def _until_stopped(self) -> Iterator[Arrival | Gap | Pause]:
        try:
            yield from self._read()
        except Stopped:
            return

    def _read(self) -> Iterator[Arrival | Gap | Pause]:
        while not self._context.stop.is_set():
            if self._find_at is None or self._now() >= self._find_at:
                yield from self._find()
            if watch := self._due():
                watch.looked = self._now()
                yield from self._take(watch, self._comments.newest)
                times = self._progress.get(watch.id, Progress()).times
                watch.interval = interval(times, watch.found.published, watch.looked)
            elif self._refreshing and (sent := self._stale(self._refreshing)):
                yield from self._refresh(self._refreshing, sent)
            elif watch := self._unfinished():
                yield from self._take(watch, self._comments.older)
            elif self._once and not self._to_come():
                return
            else:
                yield from pauses_until(self._next_turn(), self._now, self._context.stop)

    def check(self) -> Told:
        """Asks for one video of the day: one unit."""
        asking = self._api.call("videos.list", part="id", chart="mostPopular", maxResults=1)
        try:
            for pause in asking:
                if pause.reason:
                    raise UserError(f"youtube: {pause.reason}")
        except Refused as no:
            raise UserError(f"YouTube refuses videos.list ({no}): {WHAT_TO_DO}") from None
        theirs = (
            "the numbers are what crawls with this key and this EMOSTREAM_STATE_DIR have used; "
            "other keys of the same project are not known here"
        )
        return Told(["the key reads the YouTube Data API v3", theirs])

    def plan(self) -> Sequence[str]:
        """Says what is left of the day's quota, and what it covers."""
        self._need_targets()
        left, searches, sizes = (
            self._quota.left(UNITS),
            self._quota.left(SEARCHES),
            self._quota.sizes,
        )
        quota = (
            f"youtube: {left:,} of {sizes[UNITS]:,} units and {searches:,} of "
            f"{sizes[SEARCHES]:,} searches left until {self._quota.resets_at:%Y-%m-%d %H:%M} UTC"
        )
        covers = (
            f"youtube: a unit reads up to {THREADS_A_UNIT} comments, so that is up to "
            f"{left * THREADS_A_UNIT:,}; long threads of replies cost units of their own"
        )
        if not self._targets.videos:
            return [quota, covers]
        count = len(self._targets.videos)
        every = max(SHORTEST.total_seconds(), count * self._quota.seconds_left / max(left, 1))
        looks = (
            f"youtube: the quota allows a look at each of the videos named ({count}) every "
            f"{every:,.0f} s; those with few comments are looked at less often"
        )
        return [quota, covers, looks]

    def allowances(self) -> Sequence[Allowance]:
        """Gives the day's two buckets."""
        until = self._quota.resets_at
        return [
            Allowance(
                f"youtube {bucket}",
                self._quota.sizes[bucket] - self._quota.left(bucket),
                self._quota.sizes[bucket],
                bucket,
                until,
            )
            for bucket in (UNITS, SEARCHES)
        ]

    def _need_targets(self) -> None:
        if not self._targets:
            raise UserError(
                "youtube: nothing to read: give --video, --channel, --playlist or --search"
            )

    def _find(self) -> Iterator[Pause]:
        found = yield from self._finder.find()
        first, self._find_at = self._find_at is None, self._now() + BETWEEN_FINDS
        known = self._watches
        self._watches = {}
        for one in found:
            watch = known.get(str(one.video.id)) or Watch(one)
            self._watches[watch.id] = watch
            watch.found = one
        if first and not found and not self._targets.searches:
            raise UserError("youtube: of what was asked for, no video can be read: check the ids")
        if set(known) != set(self._watches):
            comments = sum(one.comments or 0 for one in found)
            logger.info(
                "videos: %d; comments under them: %d; units to read all of these once: about %d",
                len(found),
                comments,
                len(found) + comments // THREADS_A_UNIT,
            )

    def _take(
        self, watch: Watch, read: Callable[[Found, Progress], Reading]
    ) -> Iterator[Arrival | Gap | Pause]:
        before = self._progress.get(watch.id, Progress())
        try:
            after = yield from read(watch.found, before)
        except Refused as no:
            if no.says(TRANSIENT):
                logger.warning("video %s: YouTube says %s; later again", watch.id, no)
            else:
                watch.left_out_on = self._day()
                logger.warning("video %s: YouTube says %s; left out until tomorrow", watch.id, no)
            return
        self._progress.pop(watch.id, None)
        self._progress[watch.id] = after  # as the newest
        self._forget()
        if after != before:
            # After everything on the page; by itself, as a page may hold nothing to send.
            yield Arrival(b"", cursor=self._cursor())

    def _forget(self) -> None:
        """Forgets the videos left longest ago; one that comes back is read once more."""
        left = [video for video in self._progress if video not in self._watches]
        for video in left[: max(0, len(left) - LEFT_VIDEOS)]:
            del self._progress[video]

    def _stale(self, refreshing: Refreshing) -> Sequence[Sent]:
        if self._now() < self._refresh_at or not self._to_spare():
            return ()
        sent = refreshing.due(self._now(), MOST_IDS)
        if not sent:
            self._refresh_at = self._now() + BETWEEN_FINDS
        return sent

    def _refresh(
        self, refreshing: Refreshing, sent: Sequence[Sent]
    ) -> Iterator[Arrival | Gap | Pause]:
        """Looks at some comments again; those that we cannot read count as looked at."""
        given: set[str] = set()
        try:
            videos = yield from self._finder.about(one.video for one in sent if one.video)
            for thing in self._comments.refresh(videos, sent):
                if isinstance(thing, Arrival):
                    given |= {o.native_id for o in thing.outcomes if isinstance(o, Post | Deletion)}
                yield thing
        except Refused as no:
            self._refresh_at = self._now() + BETWEEN_FINDS
            logger.warning("%d comments to refresh: YouTube says %s; later again", len(sent), no)
            return
        refreshing.register.look((one for one in sent if one.id not in given), self._now())
        yield Pause()  # after it, all of this is durable and counts

    def _cursor(self) -> Cursor:
        return {"videos": {video: one.to_json() for video, one in self._progress.items()}}

    def _read_today(self) -> list[Watch]:
        today = self._day()
        return [watch for watch in self._watches.values() if watch.left_out_on != today]

    def _due(self) -> Watch | None:
        """Gives the video to look at now: of those whose time has come, the newest."""
        now, factor = self._now(), self._stretched()
        due = [w for w in self._read_today() if self._due_at(w, factor, now) <= now]
        return max(due, key=lambda watch: watch.found.published, default=None)

    def _due_at(self, watch: Watch, factor: float, now: datetime) -> datetime:
        if watch.looked is None:
            return now
        if self._once:
            return datetime.max.replace(tzinfo=now.tzinfo)
        return watch.looked + watch.interval * factor

    def _unfinished(self) -> Watch | None:
        """Gives the newest video with a stretch to read, if the quota has a unit to spare."""
        watches = self._read_today()
        open_ones = [w for w in watches if self._progress.get(w.id, Progress()).stretches]
        if not self._to_spare():
            return None
        return max(open_ones, key=lambda watch: watch.found.published, default=None)

    def _to_spare(self) -> bool:
        """Whether the quota has a unit for what is no look at the newest comments."""
        left, size = self._quota.left(UNITS), self._quota.sizes[UNITS]
        intervals = [watch.interval for watch in self._read_today()]
        return self._once or may_read_older(intervals, left, size, self._quota.seconds_left)

    def _to_come(self) -> bool:
        return any(self._progress.get(w.id, Progress()).stretches for w in self._read_today())

    def _stretched(self) -> float:
        intervals = [watch.interval for watch in self._read_today()]
        return stretched(intervals, self._quota.left(UNITS), self._quota.seconds_left)

    def _next_turn(self) -> datetime:
        now, factor = self._now(), self._stretched()
        turns = [self._due_at(watch, factor, now) for watch in self._read_today()]
        return min([self._find_at or now, self._quota.resets_at, *turns])

    def _day(self) -> date:
        return self._now().astimezone(PACIFIC).date()
