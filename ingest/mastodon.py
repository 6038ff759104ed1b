r"""Statuses of Mastodon to posts and deletions: what its streaming API says, and its timelines.

An event is read in the form that the API has on a WebSocket, with the instance that said it:

    {"instance": "mastodon.example", "event": "update", "payload": "{\"id\": ...}"}

A status alone, as in a saved timeline, is known by its fields; then its instance must show in it.
Fields: https://docs.joinmastodon.org/entities/Status/
"""

import json
import re
from collections.abc import Iterator
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import NonNegativeInt, StringConstraints

from ingest.markup import Markup
from ingest.payloads import Payload, PlatformTime, checked, parse, said
from ingest.sightings import Outcome, Refusal, Sighting
from stream.errors import InvalidRecord
from stream.posts import Deletion, Post

PLATFORM = "mastodon"
SHOWN = ("update", "status.update")
GONE = "delete"

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{1,64}$")]
Instance = Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]{1,253}(:[0-9]{1,5})?$")]


class _Event(Payload):
    instance: Instance
    event: str
    payload: str


class _Account(Payload):
    acct: str
    """`user` of the instance itself, `user@host` of another."""
    uri: str | None = None
    url: str | None = None
    display_name: str | None = None
    followers_count: NonNegativeInt | None = None
    noindex: bool = False


class _Tag(Payload):
    name: str


class _Mention(Payload):
    acct: str


class _Status(Payload):
    id: Id
    created_at: PlatformTime
    uri: str | None = None
    url: str | None = None
    content: str
    spoiler_text: str = ""
    visibility: str
    language: str | None = None
    in_reply_to_id: Id | None = None
    account: _Account
    reblog: Any = None
    tags: tuple[_Tag, ...] = ()
    mentions: tuple[_Mention, ...] = ()
    favourites_count: NonNegativeInt | None = None
    replies_count: NonNegativeInt | None = None
    reblogs_count: NonNegativeInt | None = None
    quotes_count: NonNegativeInt | None = None


def recognises(payload: dict[str, Any]) -> bool:
    """Says whether a JSON object is an event of ours, or a status."""
    return (
        payload.keys() >= {"instance", "event", "payload"}
        or payload.keys() >= {"id", "content", "visibility", "account"}
    )  # fmt: skip


def wrapped(instance: str, event: str, payload: str) -> bytes:
    """Puts an event into the form that is read here; the payload is kept as it came."""
    return json.dumps(
        {"instance": instance, "event": event, "payload": payload}, ensure_ascii=False
    ).encode()


def outcomes(payload: dict[str, Any], sighting: Sighting) -> Iterator[Outcome]:
    """Gives the post or the deletion in an event or a status.

    Nothing for what is not public, for a boost of another's status, for a picture without words,
    and where the author asks not to be indexed.
    """
    try:
        found = (
            _of_event(checked(_Event, payload), sighting)
            if "event" in payload
            else _post(payload, None, sighting)
        )
        if found is not None:
            yield found
    except InvalidRecord as error:
        yield Refusal(str(error))


def native_id(instance: str, status: str) -> str:
    """Names a status as its instance does, with the instance: a `delete` says no more than that.

    The status's `uri` would be the same on every instance, but is not told when it goes.
    """
    return f"{instance}/{status}"


def _of_event(event: _Event, sighting: Sighting) -> Post | Deletion | None:
    if event.event == GONE:
        gone = checked(_Gone, {"id": event.payload})
        return checked(
            Deletion,
            {
                "platform": PLATFORM,
                "native_id": native_id(event.instance, gone.id),
                "deleted_at": sighting.observed_at,
                "origin": sighting.origin,
            },
        )
    if event.event not in SHOWN:
        return None
    try:
        status = parse(event.payload.encode())
    except InvalidRecord as error:
        raise InvalidRecord(f"payload: {error}") from None
    return _post(status, event.instance, sighting)


class _Gone(Payload):
    id: Id


def _post(payload: Any, instance: str | None, sighting: Sighting) -> Post | None:
    status = checked(_Status, payload)
    if status.visibility != "public" or status.reblog or status.account.noindex:
        return None
    text, links = _read(status)
    if not text:
        return None
    instance = instance or _own_instance(status)
    ours = native_id(instance, status.id)
    answered = status.in_reply_to_id and native_id(instance, status.in_reply_to_id)
    author = status.account
    return checked(
        Post,
        {
            "platform": PLATFORM,
            "native_id": ours,
            "text": said(text),
            "created_at": status.created_at,
            "observed_at": sighting.observed_at,
            "url": status.url or status.uri,
            "author": {
                "id": author.uri or author.url,
                "name": _full(author.acct, instance),
                "display_name": author.display_name or None,
                "followers": author.followers_count,
            },
            "language": status.language or sighting.language,
            "hashtags": _unique(tag.name for tag in status.tags),
            "mentions": _unique(_full(one.acct, instance) for one in status.mentions),
            "links": links,
            "reply_to": answered,
            # The thread's first status is not told: known only where this is it.
            "conversation": None if answered else ours,
            "counts": {
                "likes": status.favourites_count,
                "replies": status.replies_count,
                "reposts": status.reblogs_count,
                "quotes": status.quotes_count,
            },
            "origin": sighting.origin,
        },
    )


def _read(status: _Status) -> tuple[str, tuple[str, ...]]:
    """Gives the text as a reader sees it, the author's warning above it, and where it leads."""
    markup = Markup.read(status.content)
    parts = [status.spoiler_text.strip(), markup.text]
    return "\n\n".join(part for part in parts if part), markup.links


def _own_instance(status: _Status) -> str:
    """Tells the instance of a status that is of the instance's own people."""
    host = urlsplit(status.uri or "").netloc.lower()
    if "@" in status.account.acct or not re.fullmatch(r"[a-z0-9.:-]+", host):
        raise InvalidRecord("instance: cannot be told: the status is another instance's")
    return host


def _full(acct: str, instance: str) -> str:
    return acct if "@" in acct else f"{acct}@{instance}"


def _unique(values: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))
