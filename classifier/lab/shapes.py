"""One post as the laboratory sees it, and what becomes one: records, documents, NDJSON."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from stream.codec import decode_classified, decode_collected
from stream.errors import InvalidRecord
from stream.posts import (
    MAX_TEXT,
    AuthorDeletion,
    ClassifiedPost,
    Deletion,
    Post,
    author_key,
)


@dataclass(frozen=True, slots=True)
class Sample:
    """A text and what is known of it; most is, of a post, and nothing of a bare line."""

    text: str
    key: str = ""  # `platform:native_id`
    author: str = ""  # `platform:author:id`
    language: str | None = None  # as the platform says
    distant: tuple[str, ...] = ()  # labels from hashtags, which are no longer in the text
    time: datetime | None = None  # the post's own


@dataclass
class Gone:
    """Which posts were deleted, and which authors."""

    posts: set[str] = field(default_factory=set)
    authors: dict[str, datetime | None] = field(default_factory=dict)  # None: for good

    def has(self, one: Sample) -> bool:
        """Whether a post must not be used."""
        if one.key in self.posts:
            return True
        if one.author not in self.authors:
            return False
        until = self.authors[one.author]
        return until is None or one.time is None or one.time <= until


def deleted(values: Iterable[bytes]) -> Gone:
    """Gathers the deletions among records."""
    gone = Gone()
    for value in values:
        if b'deletion"' not in value:  # as their `kind` ends: decoding everything would take long
            continue
        try:
            record = decode_collected(value)
        except InvalidRecord:
            continue
        if isinstance(record, Deletion):
            gone.posts.add(record.key)
        elif isinstance(record, AuthorDeletion):
            before = gone.authors.get(record.key, record.deleted_at)
            latest = max(before, record.deleted_at) if before else None
            gone.authors[record.key] = None if record.for_good else latest
    return gone


def of_record(value: bytes) -> Sample | None:
    """Reads a record of a topic, a line of `classify`, or any object with `text`.

    A deletion is no post: None.

    Raises:
        InvalidRecord: with a reason that does not quote the record.
    """
    content = parsed(value)
    if not isinstance(content, Mapping):
        raise InvalidRecord("not a JSON object")
    kind = content.get("kind")
    if kind is None:
        return _of_object(content)
    record = (decode_classified if kind == "classified_post" else decode_collected)(value)
    if isinstance(record, ClassifiedPost):
        return of_post(record.post)
    return of_post(record) if isinstance(record, Post) else None


def of_post(post: Post) -> Sample:
    """What the laboratory keeps of a post."""
    return Sample(
        text=post.text,
        key=post.key,
        author=author_key(post.platform, post.author.id) if post.author.id else "",
        language=post.language,
        distant=post.distant_labels,
        time=post.created_at,
    )


def of_document(hit: Mapping[str, Any]) -> Sample:
    """Reads a document of the index."""
    fields = hit["_source"]
    ours = fields.get("emostream", {})
    author, platform = fields.get("user", {}).get("id"), fields["event"]["provider"]
    return Sample(
        text=fields.get("message", ""),
        key=hit["_id"],
        author=author_key(platform, author) if author else "",
        language=ours.get("language"),
        distant=tuple(ours.get("distant_labels", ())),
        time=datetime.fromisoformat(fields["@timestamp"]),
    )


def _of_object(content: Mapping[str, Any]) -> Sample:
    text = content.get("text")
    if not isinstance(text, str):
        raise InvalidRecord("text: " + ("is missing" if text is None else "is no string"))
    if len(text) > MAX_TEXT:
        raise InvalidRecord(f"text: is longer than {MAX_TEXT:,} characters")
    language, key = content.get("language"), content.get("key")
    return Sample(
        text=_whole(text),
        key=key if isinstance(key, str) else "",
        language=language if isinstance(language, str) else None,
        distant=_strings(content.get("distant_labels")),
    )


def _whole(text: str) -> str:
    """A text that can be written: half a surrogate pair, which only an escape can bring, is `?`."""
    return text.encode("utf-8", "replace").decode()


def parsed(line: bytes) -> Any:
    """The JSON of a line; None where it is none."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _strings(value: Any) -> tuple[str, ...]:
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()
