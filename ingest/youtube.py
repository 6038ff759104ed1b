"""Payloads of the YouTube Data API v3 to posts: comment threads, comments, and lists of them.

Fields: https://developers.google.com/youtube/v3/docs/commentThreads and .../docs/comments
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import NonNegativeInt, StringConstraints

from ingest.payloads import Payload, PlatformTime, checked, said
from ingest.sightings import Outcome, Refusal, Sighting
from stream.errors import InvalidRecord
from stream.posts import ContextAnnotation, Post
from stream.references import unescape

PLATFORM = "youtube"
THREAD, COMMENT = "youtube#commentThread", "youtube#comment"
LISTS = {"youtube#commentThreadListResponse": THREAD, "youtube#commentListResponse": COMMENT}

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]{1,256}$")]

# `textDisplay` is HTML of YouTube's own making: what people typed is escaped in it.
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_HREF = re.compile(r"<a\s[^<>]*?href=\"([^\"]*)\"", re.IGNORECASE)
_PLAIN_LINK = re.compile(r"https?://[^\s<>\"]+")
_HASHTAG = re.compile(r"(?<![\w&/#])#(\w*[^\W\d]\w*)")
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_MENTION = re.compile(r"(?<![\w@/.])@{1,2}([\w\-.·]{2,29}[\w\-·])")


class _Channel(Payload):
    value: str | None = None


class _CommentSnippet(Payload):
    textOriginal: str | None = None  # noqa: N815 - the platform's own names
    textDisplay: str | None = None  # noqa: N815 - as above
    authorDisplayName: str | None = None  # noqa: N815
    authorChannelId: _Channel = _Channel()  # noqa: N815
    videoId: Id | None = None  # noqa: N815
    channelId: Id | None = None  # noqa: N815
    parentId: Id | None = None  # noqa: N815
    likeCount: NonNegativeInt | None = None  # noqa: N815
    publishedAt: PlatformTime  # noqa: N815


class _Comment(Payload):
    id: Id
    snippet: _CommentSnippet


class _ThreadSnippet(Payload):
    videoId: Id | None = None  # noqa: N815
    channelId: Id | None = None  # noqa: N815
    totalReplyCount: NonNegativeInt | None = None  # noqa: N815
    topLevelComment: Any  # noqa: N815 - checked by itself, so that it fails by itself


class _Replies(Payload):
    comments: tuple[Any, ...] = ()


class _Thread(Payload):
    snippet: _ThreadSnippet
    replies: _Replies = _Replies()


@dataclass(frozen=True, slots=True)
class Video:
    """What a crawl knows of the video that comments belong to; they say little of it themselves."""

    id: str | None = None
    title: str | None = None
    channel: str | None = None
    channel_title: str | None = None
    topics: tuple[str, ...] = ()
    """Names of Wikipedia articles, as YouTube assigns them: `Video game culture`."""

    @property
    def context(self) -> tuple[ContextAnnotation, ...]:
        """Title, channel and topics, as annotations of each of its comments."""
        known = [("Video", self.id, self.title), ("Channel", self.channel, self.channel_title)]
        return tuple(
            ContextAnnotation(domain=domain, entity_id=id_ or None, entity=entity)
            for domain, id_, entity in [*known, *(("Topic", None, name) for name in self.topics)]
            if entity
        )


UNKNOWN = Video()


def recognises(payload: dict[str, Any]) -> bool:
    """Says whether a JSON object comes from the YouTube Data API, an error answer included."""
    kind = payload.get("kind")
    return (isinstance(kind, str) and kind.startswith("youtube#")) or isinstance(
        payload.get("error"), dict
    )


def outcomes(
    payload: dict[str, Any], sighting: Sighting, about: Video = UNKNOWN
) -> Iterator[Outcome]:
    """Gives the posts of a payload, and a refusal for each part that is none.

    Args:
        payload: a thread, a comment, or a list of either.
        sighting: when and where we came by it.
        about: the video, where the crawl knows it.
    """
    kind = payload.get("kind")
    items = payload.get("items", [])
    if kind in LISTS and isinstance(items, list):
        for number, item in enumerate(items):
            pointer = f"/items/{number}"
            if isinstance(item, dict) and item.get("kind", LISTS[kind]) == THREAD:
                yield from _thread(item, sighting, pointer, about)
            else:
                yield _comment(item, sighting, pointer, about)
    elif kind in LISTS:
        yield Refusal("items: must be a list")
    elif kind == THREAD:
        yield from _thread(payload, sighting, "", about)
    elif kind == COMMENT:
        yield _comment(payload, sighting, "", about)
    else:
        yield Refusal(_problem(payload))


def post(
    comment: Any,
    sighting: Sighting,
    *,
    about: Video = UNKNOWN,
    replies: int | None = None,
) -> Post:
    """Makes a post of a comment resource; its thread or the crawl may know the video and replies.

    Raises:
        InvalidRecord: naming the fields that are wrong.
    """
    read = checked(_Comment, comment)
    snippet = read.snippet
    video = snippet.videoId or about.id
    channel = snippet.channelId or about.channel
    # A reply's id is its parent's, a dot, and its own.
    parent = snippet.parentId or (read.id.partition(".")[0] if "." in read.id else None)
    text = said(_text(snippet))
    author = snippet.authorDisplayName
    return checked(
        Post,
        {
            "platform": PLATFORM,
            "native_id": read.id,
            "text": text,
            "created_at": snippet.publishedAt,
            "observed_at": sighting.observed_at,
            "url": f"https://www.youtube.com/watch?v={video}&lc={read.id}" if video else None,
            "author": {
                "id": snippet.authorChannelId.value or None,
                "name": author[1:] or None if author and author.startswith("@") else None,
                "display_name": author,
            },
            "language": sighting.language,
            "hashtags": _unique(_HASHTAG.findall(text)),
            "mentions": _unique(_MENTION.findall(text)),
            "links": _links(snippet, text),
            "reply_to": parent,
            "conversation": parent or read.id,
            "counts": {"likes": snippet.likeCount, "replies": replies},
            "context": about.context,
            "origin": {
                **sighting.origin.model_dump(),
                "video": video or sighting.origin.video,
                "channel": channel or sighting.origin.channel,
            },
        },
    )


def _thread(payload: Any, sighting: Sighting, pointer: str, about: Video) -> Iterator[Outcome]:
    try:
        thread = checked(_Thread, payload)
    except InvalidRecord as error:
        yield Refusal(str(error), pointer, payload)
        return
    snippet = thread.snippet
    about = replace(
        about, id=snippet.videoId or about.id, channel=snippet.channelId or about.channel
    )
    yield _comment(
        snippet.topLevelComment,
        sighting,
        f"{pointer}/snippet/topLevelComment",
        about,
        snippet.totalReplyCount,
    )
    for number, reply in enumerate(thread.replies.comments):
        yield _comment(reply, sighting, f"{pointer}/replies/comments/{number}", about)


def _comment(
    comment: Any, sighting: Sighting, pointer: str, about: Video, replies: int | None = None
) -> Post | Refusal:
    try:
        return post(comment, sighting, about=about, replies=replies)
    except InvalidRecord as error:
        return Refusal(str(error), pointer, comment)


def _problem(payload: dict[str, Any]) -> str:
    error = payload.get("error")
    if not isinstance(error, dict):
        return "kind: no YouTube resource with comments"
    # Anyone's object may have an error with a message, so only what looks like a code is quoted.
    errors = error.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    reason = first.get("reason") if isinstance(first, dict) else error.get("reason")
    codes = [str(one) for one in (error.get("code"), reason) if type(one) in (int, str)]
    known = " ".join(code for code in codes if _CODE.fullmatch(code))
    return f"an error of the YouTube API, no post{known and ': '}{known}"


def _text(snippet: _CommentSnippet) -> str:
    if snippet.textOriginal is not None and snippet.textOriginal.strip():
        return snippet.textOriginal
    if snippet.textDisplay is None:
        raise InvalidRecord("snippet.textOriginal: Field required")
    return unescape(_TAG.sub("", _BREAK.sub("\n", snippet.textDisplay)))


def _links(snippet: _CommentSnippet, text: str) -> tuple[str, ...]:
    """Gives where the text leads: YouTube marks addresses in `textDisplay` alone.

    The links that YouTube itself makes of hashtags, handles and times in the video are left out.
    """
    marked = [unescape(link) for link in _HREF.findall(snippet.textDisplay or "")]
    if not marked:
        return _unique(link.rstrip(".,;:!?)'") for link in _PLAIN_LINK.findall(text))
    return _unique(link for link in marked if not _made_by_youtube(link, snippet.videoId))


def _made_by_youtube(link: str, video: str | None) -> bool:
    place = re.sub(r"^https?://(www\.)?youtube\.com(?=/)", "", link)
    return place.startswith(("/results?", "/hashtag/", "/channel/", "/@")) or (
        video is not None and place.startswith(f"/watch?v={video}&") and "t=" in place
    )


def _unique(values: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))
