"""Events of Bluesky's Jetstream, as its v1 wire has them, to posts and deletions of both kinds.

Wire: https://github.com/bluesky-social/jetstream; fields of a post: the lexicon
https://github.com/bluesky-social/atproto/blob/main/lexicons/app/bsky/feed/post.json
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from ingest.payloads import Payload, checked, moment
from ingest.sightings import Outcome, Refusal, Sighting
from stream.errors import InvalidRecord
from stream.posts import FIRST_POST, AuthorDeletion, Deletion, Post

PLATFORM = "bluesky"
POSTS = "app.bsky.feed.post"
GONE = frozenset({"deleted", "takendown", "suspended", "deactivated"})
"""States of an account whose posts Bluesky no longer shows."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_YEAR_9999 = 253_370_764_800_000_000
_URI = re.compile(rf"at://(did:[^/]+)/{re.escape(POSTS)}/([^/]+)")
_FACET = "app.bsky.richtext.facet#"
_MAX_LANGUAGE = 35

Did = Annotated[str, StringConstraints(pattern=r"^did:[a-z]+:[A-Za-z0-9._:%-]{1,256}$")]
TimeUs = Annotated[int, Field(gt=0, lt=_YEAR_9999)]
"""When a server saw an event, in microseconds since 1970: the cursor."""
RecordKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:~-]{1,255}$")]


class _Account(Payload):
    active: bool = True
    status: str = "inactive"


class Event(Payload):
    """What every event says, whatever its kind."""

    did: Did
    time_us: TimeUs
    kind: Literal["commit", "identity", "account"]
    commit: Any = None
    account: _Account = _Account()

    @property
    def time(self) -> datetime:
        """When the server saw it."""
        return _EPOCH + timedelta(microseconds=self.time_us)

    @property
    def gone(self) -> bool:
        """Whether the posts of an account are no longer shown from now on."""
        account = self.account
        return self.kind == "account" and not account.active and account.status in GONE


class _Commit(Payload):
    collection: str
    operation: Literal["create", "update", "delete"]
    rkey: RecordKey
    record: dict[str, Any] = Field(default_factory=dict)


class _Record(Payload):
    """Only the text is asked to be right: anyone's program writes the rest."""

    text: str
    createdAt: Any = None  # noqa: N815 - the platform's name
    langs: Any = None
    facets: Any = None
    tags: Any = None
    reply: Any = None
    embed: Any = None


def recognises(payload: dict[str, Any]) -> bool:
    """Says whether a JSON object is an event of Jetstream."""
    return payload.keys() >= {"did", "time_us"}


def event(payload: Any) -> Event:
    """Reads what an event says whatever its kind, or raises InvalidRecord."""
    return checked(Event, payload)


def outcomes(payload: dict[str, Any], sighting: Sighting) -> Iterator[Outcome]:
    """Gives the post or the deletion of an event, which may be an account's; nothing for others.

    A post without words (a picture alone) says nothing, and is none.
    """
    try:
        read = event(payload)
        found = _of_commit(read, sighting) if read.kind == "commit" else _of_account(read, sighting)
        if found is not None:
            yield found
    except InvalidRecord as error:
        yield Refusal(str(error))


def created_at(stated: Any, seen: datetime) -> datetime:
    """Gives the post's own time: what the author's program states, and never later than was seen.

    The earlier of the two is also how Bluesky itself sorts posts (`sortAt`). Where it states
    nothing that can be read, or a time before any platform, it is the time the server saw it.
    """
    try:
        time = moment(stated)
    except ValueError:
        return seen
    return time if FIRST_POST <= time < seen else seen


def _of_account(read: Event, sighting: Sighting) -> AuthorDeletion | None:
    if not read.gone:
        return None
    return checked(
        AuthorDeletion,
        {
            "platform": PLATFORM,
            "author_id": read.did,
            "deleted_at": read.time,
            "origin": sighting.origin,
        },
    )


def _of_commit(read: Event, sighting: Sighting) -> Post | Deletion | None:
    commit = checked(_Commit, read.commit)
    if commit.collection != POSTS:
        return None
    native_id = f"{read.did}/{commit.rkey}"
    if commit.operation == "delete":
        # The post's own time is not told, and a guess would look in the wrong month.
        return checked(
            Deletion,
            {
                "platform": PLATFORM,
                "native_id": native_id,
                "deleted_at": read.time,
                "origin": sighting.origin,
            },
        )
    record = checked(_Record, commit.record)
    if not record.text.strip():
        return None
    root, parent = _thread(record.reply)
    return checked(
        Post,
        {
            "platform": PLATFORM,
            "native_id": native_id,
            "text": record.text,
            "created_at": created_at(record.createdAt, read.time),
            "observed_at": sighting.observed_at,
            "url": f"https://bsky.app/profile/{read.did}/post/{commit.rkey}",
            "author": {"id": read.did},
            "language": _language(record.langs) or sighting.language,
            "hashtags": _unique([*_features(record, "tag"), *_strings(record.tags)]),
            "mentions": _unique(_features(record, "mention")),
            "links": _unique([*_features(record, "link"), *_card(record.embed)]),
            "reply_to": parent,
            "conversation": root or parent or native_id,
            "origin": sighting.origin,
        },
    )


def _language(langs: Any) -> str | None:
    return next((one for one in _strings(langs) if len(one) <= _MAX_LANGUAGE), None)


def _thread(reply: Any) -> tuple[str | None, str | None]:
    if not isinstance(reply, dict):
        return None, None
    return _referenced(reply.get("root")), _referenced(reply.get("parent"))


def _referenced(reference: Any) -> str | None:
    uri = reference.get("uri") if isinstance(reference, dict) else None
    found = _URI.fullmatch(uri) if isinstance(uri, str) else None
    return f"{found[1]}/{found[2]}" if found else None


def _features(record: _Record, kind: str) -> Iterator[str]:
    """Gives what the facets of one kind mark: a tag, a link, or the handle that a mention shows."""
    for facet in _dicts(record.facets):
        for feature in _dicts(facet.get("features")):
            if feature.get("$type") != _FACET + kind:
                continue
            if kind == "mention":  # the feature names the account; its handle is in the text alone
                yield _marked(record.text, facet.get("index")).removeprefix("@")
            else:
                yield from _strings([feature.get("tag" if kind == "tag" else "uri")])


def _marked(text: str, index: Any) -> str:
    """Gives the part of a text that a facet marks, in bytes of UTF-8."""
    start, end = (
        (index.get("byteStart"), index.get("byteEnd")) if isinstance(index, dict) else (0, 0)
    )
    if not (type(start) is type(end) is int and 0 <= start <= end):
        return ""
    return text.encode()[start:end].decode(errors="ignore").strip()


def _card(embed: Any) -> Iterator[str]:
    """Gives the link of a preview, which need not be in the text."""
    media = embed.get("media") if isinstance(embed, dict) else None
    for one in _dicts([embed, media]):
        external = one.get("external")
        if isinstance(external, dict):
            yield from _strings([external.get("uri")])


def _dicts(values: Any) -> Iterator[dict[str, Any]]:
    return (
        (one for one in values if isinstance(one, dict)) if isinstance(values, list) else iter(())
    )


def _strings(values: Any) -> Iterator[str]:
    return (one for one in values if isinstance(one, str)) if isinstance(values, list) else iter(())


def _unique(values: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))
