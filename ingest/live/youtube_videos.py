"""Which videos a crawl reads: those named, and the newest of channels, playlists and searches."""

import logging
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from ingest.live.youtube_api import WHAT_TO_DO, Answer, Api, Refused
from ingest.payloads import moment
from ingest.quota import PACIFIC, SEARCHES, Spent
from ingest.sources import Pause
from ingest.youtube import Video
from stream.errors import UserError

logger = logging.getLogger(__name__)

MOST_VIDEOS_A_PAGE: Final = 50
LEAST_BETWEEN_SEARCHES: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Targets:
    """What was asked for."""

    videos: Sequence[str] = ()
    channels: Sequence[str] = ()
    """Ids (`UC…`) and handles (`@…`)."""
    playlists: Sequence[str] = ()
    searches: Sequence[str] = ()
    newest: int = 50
    """Most videos of each channel, playlist and search."""
    order: str = "relevance"
    """Of searches: `relevance`, `date`, `viewCount` or `rating`."""

    def __bool__(self) -> bool:
        return bool(self.videos or self.channels or self.playlists or self.searches)


@dataclass(frozen=True)
class Found:
    """A video that there is."""

    video: Video
    published: datetime
    comments: int | None
    """None where YouTube gives no number: comments are switched off."""
    query: str | None = None
    """The search that found it."""


@dataclass
class Finder:
    """Finds the videos of the targets, again and again, and asks only for what it does not know."""

    api: Api
    targets: Targets
    now: Callable[[], datetime]
    _uploads: dict[str, str] = field(default_factory=dict)
    """Playlist of a channel's videos."""
    _searched: dict[str, tuple[datetime, list[str]]] = field(default_factory=dict)
    _known: dict[str, Found | None] = field(default_factory=dict)
    """None: there is no such video, or it is private."""
    _asked_on: date | None = None

    def find(self) -> Generator[Pause, None, list[Found]]:
        """Gives the videos there are now, each once."""
        asked_by: dict[str, str | None] = dict.fromkeys(self.targets.videos)
        for channel in self.targets.channels:
            uploads = yield from self._channel(channel)
            if uploads:
                for video in (yield from self._playlist(uploads, f"channel {channel}")):
                    asked_by.setdefault(video, None)
        for playlist in self.targets.playlists:
            for video in (yield from self._playlist(playlist, f"playlist {playlist}")):
                asked_by.setdefault(video, None)
        for query in self.targets.searches:
            for video in (yield from self._search(query)):
                asked_by.setdefault(video, query)
        yield from self._learn(list(asked_by), asked_by)
        known = (self._known.get(video) for video in asked_by)
        return [found for found in known if found is not None]

    def about(self, videos: Iterable[str]) -> Generator[Pause, None, dict[str, Found]]:
        """Gives what there is to know of videos that need not be among the targets."""
        wanted = list(dict.fromkeys(videos))
        yield from self._learn(wanted, {})
        known = {video: self._known.get(video) for video in wanted}
        return {video: found for video, found in known.items() if found is not None}

    def _channel(self, channel: str) -> Generator[Pause, None, str | None]:
        if channel in self._uploads:
            return self._uploads[channel]
        by = {"forHandle": channel} if channel.startswith("@") else {"id": channel}
        name = f"channel {channel}"
        answer = yield from self._ask(name, "channels.list", part="contentDetails", **by)
        for item in _items(answer):
            uploads = _at(item, "contentDetails", "relatedPlaylists", "uploads")
            if isinstance(uploads, str):
                self._uploads[channel] = uploads
                return uploads
        if answer is not None:
            logger.warning("%s: YouTube knows none", name)
        return None

    def _playlist(self, playlist: str, name: str) -> Generator[Pause, None, list[str]]:
        return (
            yield from self._pages(
                name,
                "playlistItems.list",
                ("contentDetails", "videoId"),
                part="contentDetails",
                playlistId=playlist,
            )
        )

    def _search(self, query: str) -> Generator[Pause, None, list[str]]:
        made = self._searched.get(query)
        if made is not None and self.now() - made[0] < self._between_searches():
            return made[1]
        try:
            found = yield from self._pages(
                "a search",
                "search.list",
                ("id", "videoId"),
                part="id",
                type="video",
                q=query,
                order=self.targets.order,
            )
        except Spent as spent:
            logger.warning("%s: the searches wait, what they found so far is read on", spent)
            return made[1] if made else []
        self._searched[query] = (self.now(), found)
        return found

    def _between_searches(self) -> timedelta:
        """Spreads the day's bucket over the day."""
        pages = -(-self.targets.newest // MOST_VIDEOS_A_PAGE)
        calls = len(self.targets.searches) * pages
        size = max(1, self.api.quota.sizes[SEARCHES])
        return max(LEAST_BETWEEN_SEARCHES, timedelta(days=1) * calls / size)

    def _pages(
        self, name: str, method: str, place: tuple[str, ...], **parameters: Any
    ) -> Generator[Pause, None, list[str]]:
        videos: list[str] = []
        token = None
        while len(videos) < self.targets.newest:
            answer = yield from self._ask(
                name, method, maxResults=MOST_VIDEOS_A_PAGE, pageToken=token, **parameters
            )
            found = (_at(item, *place) for item in _items(answer))
            videos += [video for video in found if isinstance(video, str)]
            token = (answer or {}).get("nextPageToken")
            if not token:
                break
        return videos[: self.targets.newest]

    def _learn(
        self, videos: list[str], asked_by: Mapping[str, str | None]
    ) -> Generator[Pause, None, None]:
        """Asks about the videos that are new; about all of them once a day."""
        today = self.now().astimezone(PACIFIC).date()
        if today != self._asked_on:
            self._known, self._asked_on = {}, today
        new = [video for video in videos if video not in self._known]
        for some in _batches(new):
            answer = yield from self._ask(
                f"{len(some)} videos",
                "videos.list",
                part="snippet,statistics,topicDetails",
                id=",".join(some),
            )
            if answer is None:
                continue
            there = {item["id"]: item for item in _items(answer) if "id" in item}
            for video in some:
                self._known[video] = _found(there.get(video), asked_by.get(video))
                if self._known[video] is None:
                    logger.warning("video %s: deleted, private or never there; left out", video)

    def _ask(
        self, name: str, method: str, **parameters: Any
    ) -> Generator[Pause, None, Answer | None]:
        try:
            return (yield from self.api.call(method, **parameters))
        except Refused as no:
            if method == "videos.list":  # says nothing of a video: those it may not give are absent
                raise UserError(f"YouTube refuses {method} ({no}): {WHAT_TO_DO}") from None
            logger.warning("%s: YouTube says %s; left out for now", name, no)
            return None


def _found(item: dict[str, Any] | None, query: str | None) -> Found | None:
    if item is None:
        return None
    snippet = _at(item, "snippet")
    try:
        published = moment(_at(snippet, "publishedAt"))
    except ValueError:
        return None
    topics = _at(item, "topicDetails", "topicCategories")
    count = _at(item, "statistics", "commentCount")
    return Found(
        Video(
            id=item["id"],
            title=_string(_at(snippet, "title")),
            channel=_string(_at(snippet, "channelId")),
            channel_title=_string(_at(snippet, "channelTitle")),
            topics=tuple(_topics(topics if isinstance(topics, list) else [])),
        ),
        published,
        int(count) if isinstance(count, str | int) and str(count).isdecimal() else None,
        query,
    )


def _topics(addresses: list[Any]) -> Iterator[str]:
    """Gives the names of Wikipedia's articles: `.../wiki/Video_game_culture`."""
    for address in addresses:
        name = urlsplit(address).path.rpartition("/")[2] if isinstance(address, str) else ""
        if name:
            yield unquote(name).replace("_", " ")[:512]


def _items(answer: Answer | None) -> list[dict[str, Any]]:
    items = (answer or {}).get("items")
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _at(value: Any, *path: str) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _string(value: Any) -> str | None:
    return value[:512] if isinstance(value, str) and value else None


def _batches(videos: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(videos), MOST_VIDEOS_A_PAGE):
        yield videos[start : start + MOST_VIDEOS_A_PAGE]
