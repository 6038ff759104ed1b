"""A YouTube Data API v3 on this machine: answers as its reference says, errors included.

https://developers.google.com/youtube/v3/docs
"""

import argparse
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from ingest.context import Context
from ingest.live import youtube
from ingest.live.youtube_source import YouTube
from stream.settings import Settings
from tests.ingest.doubles import NOW, SettableClock

KEY = "a-key-that-nobody-may-see"
VIDEO = "vid_42-abcd"
CHANNEL = "UCkitchen00000000000000x"
INLINE_REPLIES = 5
STALL_SECONDS = 0.3
MOST_IDS = 50

REASONS = {400: "badRequest", 401: "authError", 403: "forbidden", 429: "rateLimitExceeded"}


class Fault(Exception):
    """An error answer."""

    def __init__(self, status: int, reason: str, headers: Mapping[str, str] = {}) -> None:
        super().__init__(reason)
        self.status, self.reason, self.headers = status, reason, headers

    def body(self) -> dict[str, Any]:
        """The error as the API writes it."""
        error = {"message": f"No: {self.reason}.", "domain": "youtube", "reason": self.reason}
        return {"error": {"code": self.status, "message": error["message"], "errors": [error]}}


@dataclass
class FakeVideo:
    """A video, and whether its comments can be had."""

    id: str
    title: str
    published: datetime
    topics: tuple[str, ...] = ("https://en.wikipedia.org/wiki/Lifestyle_(sociology)",)
    refusal: tuple[int, str] | None = None
    hidden: bool = False


@dataclass
class FakeComment:
    """A comment; a thread if it has no parent."""

    id: str
    video: str
    text: str
    published: datetime
    updated: datetime
    number: int
    parent: str | None = None
    raw: Any = None
    hidden: bool = False

    def resource(self) -> dict[str, Any]:
        """The comment as the API writes it."""
        snippet = {
            "authorDisplayName": "@mossy-lane",
            "authorChannelId": {"value": "UCmossy"},
            "textDisplay": self.text.replace("\n", "<br>"),
            "textOriginal": self.text,
            "likeCount": 3,
            "publishedAt": f"{self.published:%Y-%m-%dT%H:%M:%SZ}",
            "updatedAt": f"{self.updated:%Y-%m-%dT%H:%M:%SZ}",
        }
        place = {"parentId": self.parent} if self.parent else {"videoId": self.video}
        return {"kind": "youtube#comment", "id": self.id, "snippet": {**snippet, **place}}


@dataclass
class Request:
    """What was asked."""

    method: str
    parameters: dict[str, str]
    headers: Mapping[str, str]


@dataclass
class FakeYouTube:
    """The server; `with` starts and ends it."""

    clock: SettableClock
    page: int = 100
    """Most threads in one answer, whatever is asked for."""
    empty: int = 0
    """Pages without a thread, each naming the next, before the newest threads."""
    quota: int | None = None
    """Units that the project has left, where it is not ours alone."""
    options: Sequence[str] = ("--video", VIDEO)
    strict: bool = False
    """Whether one missing id fails a request for several."""
    between: float = 0.0
    """Seconds from one comment to the next."""
    requests: list[Request] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    videos: dict[str, FakeVideo] = field(default_factory=dict)
    uploads: dict[str, list[str]] = field(default_factory=dict)
    """Playlist to videos."""
    results: dict[str, list[str]] = field(default_factory=dict)
    """Query to videos."""
    _comments: dict[str, FakeComment] = field(default_factory=dict)
    _faults: list[Fault] = field(default_factory=list)
    _tokens: int = 0
    """Raised when the page tokens given so far expire."""
    _forgotten: int | None = None
    _drop: int = 0
    _stall: int = 0
    fresh: bool = False
    secret: str | None = KEY
    _count: int = 0

    def __post_init__(self) -> None:
        self.add_video(VIDEO)
        self._lock = threading.Lock()
        self._silence = threading.Event()

    # What a test tells it.

    def source(self, context: Context) -> YouTube:
        """Our source for this server, made as the command makes it."""
        parser = argparse.ArgumentParser()
        youtube.add_options(parser)
        settings = Settings(
            **{"youtube_api_key": KEY, "youtube_api": self.address, **self.settings}
        )
        return youtube.make(parser.parse_args(self.options), settings, context, STALL_SECONDS)

    def add_video(self, video: str, days: float = 1.0) -> None:
        """Publishes a video, so many days ago."""
        published = NOW - timedelta(days=days)
        self.videos[video] = FakeVideo(video, f"Soup, part {len(self.videos) + 1}", published)

    def publish(
        self, texts: Sequence[str], video: str = VIDEO, parent: str | None = None
    ) -> list[str]:
        """Comments on a video, or replies."""
        published = []
        for text in texts:
            self.clock.wait(self.between)
            published.append(self._publish(text, video, parent))
        return published

    def late(self, text: str, seconds: float) -> str:
        """Shows a comment that was written so long ago only now."""
        written = self.clock.now() - timedelta(seconds=seconds)
        comment = self._publish(text, VIDEO, None)
        self._comments[comment].published = self._comments[comment].updated = written
        return comment

    def early(self, text: str, seconds: float) -> str:
        """Shows a post whose time is so much later than now."""
        return self.late(text, -seconds)

    def edit(self, comment: str, text: str) -> None:
        """Changes a comment."""
        self._comments[comment].text = text
        self._comments[comment].updated = self.clock.now()

    def delete(self, native_id: str) -> None:
        """Deletes a comment and what answers it."""
        for one in list(self._comments.values()):
            if native_id in (one.id, one.parent):
                del self._comments[one.id]

    def hide(self, comment: str) -> None:
        """Leaves a comment out of the pages; by its id it is still given."""
        self._comments[comment].hidden = True

    def malformed(self) -> None:
        """Puts a thread without a comment among the others."""
        (comment,) = self.publish(["never seen"])
        self._comments[comment].raw = {"kind": "youtube#commentThread", "snippet": {"a": 1}}

    def drop_connections(self) -> None:
        """Breaks the next connections; the library tries each request twice by itself."""
        self._drop = 2

    def answer_next(
        self,
        status: int,
        headers: Mapping[str, str] = {},
        reason: str | None = None,
    ) -> None:
        """Answers the next request with an error."""
        self._faults.append(Fault(status, reason or REASONS.get(status, "backendError"), headers))

    def stall(self) -> None:
        """Leaves the next request without an answer."""
        self._stall = 1

    def hang(self) -> None:
        """Leaves each request from now on without an answer."""
        self._stall = 1_000_000

    def expire_tokens(self) -> None:
        """Page tokens given so far are no longer good."""
        self._tokens += 1

    def forget_before(self, native_id: str) -> None:
        """Refuses each page below this comment."""
        self._forgotten = self._comments[native_id].number

    def asked(self, method: str) -> list[dict[str, str]]:
        """The parameters of each request of a method."""
        return [one.parameters for one in self.requests if one.method == method]

    # What it answers.

    def answer(self, method: str, given: dict[str, str]) -> dict[str, Any]:
        """Answers a request or raises a Fault."""
        if given.get("key") != KEY:
            raise Fault(400, "keyInvalid")
        if self.quota is not None:
            self.quota -= 1
            if self.quota < 0:
                raise Fault(403, "quotaExceeded")
        return {
            "videos": self._list_videos,
            "channels": self._list_channels,
            "playlistItems": self._list_playlist,
            "search": self._list_search,
            "commentThreads": self._list_threads,
            "comments": self._list_comments,
        }[method](given)

    def _list_videos(self, given: dict[str, str]) -> dict[str, Any]:
        if "chart" in given:
            return _page("video", [{"kind": "youtube#video", "id": VIDEO}])
        if len(given["id"].split(",")) > MOST_IDS:
            raise Fault(400, "invalidFilters")
        known = (self.videos.get(video) for video in given["id"].split(","))
        return _page("video", [self._video(one) for one in known if one and not one.hidden])

    def _video(self, video: FakeVideo) -> dict[str, Any]:
        count = sum(one.video == video.id for one in self._comments.values())
        return {
            "kind": "youtube#video",
            "id": video.id,
            "snippet": {
                "publishedAt": f"{video.published:%Y-%m-%dT%H:%M:%SZ}",
                "channelId": CHANNEL,
                "channelTitle": "The Kitchen",
                "title": video.title,
            },
            "statistics": {} if video.refusal else {"commentCount": str(count)},
            "topicDetails": {"topicCategories": list(video.topics)},
        }

    def _list_channels(self, given: dict[str, str]) -> dict[str, Any]:
        if given.get("id") != CHANNEL and given.get("forHandle") != "@thekitchen":
            return {"kind": "youtube#channelListResponse", "pageInfo": {"totalResults": 0}}
        lists = {"relatedPlaylists": {"uploads": "UU" + CHANNEL[2:]}}
        return _page("channel", [{"id": CHANNEL, "contentDetails": lists}])

    def _list_playlist(self, given: dict[str, str]) -> dict[str, Any]:
        if given["playlistId"] not in self.uploads:
            raise Fault(404, "playlistNotFound")
        videos = self.uploads[given["playlistId"]]
        start = int(given.get("pageToken", "0"))
        end = start + int(given["maxResults"])
        items = [{"contentDetails": {"videoId": video}} for video in videos[start:end]]
        return _page("playlistItem", items, str(end) if end < len(videos) else None)

    def _list_search(self, given: dict[str, str]) -> dict[str, Any]:
        found = self.results.get(given["q"], [])
        return _page("search", [{"id": {"kind": "youtube#video", "videoId": one}} for one in found])

    def _list_threads(self, given: dict[str, str]) -> dict[str, Any]:
        if "id" in given:
            return _page("commentThread", [self._thread(one) for one in self._named(given)])
        video = self.videos.get(given["videoId"])
        if video is None or video.hidden:
            raise Fault(404, "videoNotFound")
        if video.refusal:
            raise Fault(*video.refusal)
        threads = [
            one
            for one in self._comments.values()
            if one.video == video.id and not one.parent and not one.hidden
        ]
        threads.sort(key=lambda one: (one.published, one.number), reverse=True)
        token = given.get("pageToken", "empty.0" if self.empty else None)
        if token and token.startswith("empty."):
            number = int(token.removeprefix("empty."))
            if number < self.empty:
                return _page("commentThread", [], f"empty.{number + 1}")
            token = None
        below = self._below(token)
        forgotten = self._forgotten or 0
        there = [one for one in threads if below is None or one.number < below]
        size = min(self.page, int(given["maxResults"]))
        page = [one for one in there[:size] if one.number >= forgotten]
        more = len(there) > len(page)
        token = f"{self._tokens}.{page[-1].number}" if more else None
        return _page("commentThread", [self._thread(one) for one in page], token)

    def _below(self, token: str | None) -> int | None:
        if token is None:
            return None
        generation, _, number = token.partition(".")
        if int(generation) != self._tokens or int(number) <= (self._forgotten or 0):
            raise Fault(400, "invalidPageToken")
        return int(number)

    def _thread(self, top: FakeComment) -> dict[str, Any]:
        if top.raw is not None:
            return dict(top.raw)
        replies = self._replies(top.id)
        shown = [one.resource() for one in replies[-INLINE_REPLIES:]]
        return {
            "kind": "youtube#commentThread",
            "id": top.id,
            "snippet": {
                "channelId": CHANNEL,
                "videoId": top.video,
                "topLevelComment": top.resource(),
                "totalReplyCount": len(replies),
            },
            **({"replies": {"comments": shown}} if shown else {}),
        }

    def _replies(self, thread: str) -> list[FakeComment]:
        replies = [one for one in self._comments.values() if one.parent == thread]
        return sorted(replies, key=lambda one: one.number, reverse=True)

    def _list_comments(self, given: dict[str, str]) -> dict[str, Any]:
        if "id" in given:
            return _page("comment", [one.resource() for one in self._named(given)])
        if given["parentId"] not in self._comments:
            raise Fault(404, "commentNotFound")
        replies = self._replies(given["parentId"])
        start = int(given.get("pageToken", "0"))
        end = start + min(self.page, int(given["maxResults"]))
        items = [one.resource() for one in replies[start:end]]
        return _page("comment", items, str(end) if end < len(replies) else None)

    def _named(self, given: dict[str, str]) -> list[FakeComment]:
        wanted = given["id"].split(",")
        if len(wanted) > MOST_IDS:
            raise Fault(400, "invalidFilters")
        found = [self._comments[one] for one in wanted if one in self._comments]
        if self.strict and len(found) < len(wanted):
            raise Fault(404, "commentNotFound")
        return found

    def _publish(self, text: str, video: str, parent: str | None) -> str:
        with self._lock:
            self._count += 1
            native_id = f"{parent}.r{self._count:08d}" if parent else f"Ugx{self._count:08d}"
            now = self.clock.now()
            self._comments[native_id] = FakeComment(
                native_id, video, text, now, now, self._count, parent
            )
        return native_id

    # The server.

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread_of_server = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )
        self._thread_of_server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._silence.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def take(self, handler: BaseHTTPRequestHandler) -> None:
        """Answers one request."""
        parts = urlsplit(handler.path)
        method = parts.path.removeprefix("/youtube/v3/")
        given = dict(parse_qsl(parts.query))
        with self._lock:
            self.requests.append(Request(f"{method}.list", given, dict(handler.headers)))
            if self._drop:
                self._drop -= 1
                handler.close_connection = True
                return
            silent, self._stall = self._stall > 0, max(0, self._stall - 1)
            try:
                if not silent and self._faults:
                    raise self._faults.pop(0)
                status, headers, body = 200, {}, {} if silent else self.answer(method, given)
            except Fault as fault:
                status, headers, body = fault.status, dict(fault.headers), fault.body()
        if silent:
            self._silence.wait(30)
            return
        data = json.dumps(body).encode()
        handler.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            handler.send_header(name, value)
        handler.send_header("Content-Type", "application/json; charset=UTF-8")
        handler.end_headers()
        handler.wfile.write(data)


def _page(what: str, items: list[dict[str, Any]], token: str | None = None) -> dict[str, Any]:
    page = {"kind": f"youtube#{what}ListResponse", "pageInfo": {"totalResults": len(items)}}
    return {**page, "items": items, **({"nextPageToken": token} if token else {})}


def _handler(fake: FakeYouTube) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # an answer in one piece: two would wait for each other's acknowledgement

        def do_GET(self) -> None:
            fake.take(self)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    return Handler
