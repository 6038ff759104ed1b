"""A classified post becomes a document: its `_id`, its index, its version, its fields.

All but `event.ingested`, the moment of the write, are functions of the record alone, so a record
that Kafka delivers twice overwrites its document instead of counting it twice. docs/records.md
describes every field.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson

from indexer import fields
from stream import structs
from stream.errors import InvalidRecord
from stream.index import version_of
from stream.posts import ClassifiedPost

PREFIX = "emotions-v1-"
"""What the names of the months' indices begin with. The number is raised for a mapping that the
months there are cannot take on: then `python -m indexer migrate` copies their documents over."""
FAMILY = PREFIX.removesuffix("-")
"""The months' indices together: the name of their index template."""

ACTION = b'{"index":{"_index":"%b","_id":%b,"version":%d,"version_type":"external_gte"}}\n%b\n'

MAX_ID = 512
"""Bytes of UTF-8. Elasticsearch refuses a whole bulk request for one longer `_id`."""

AnyClassified = ClassifiedPost | structs.ClassifiedPost
"""A post as our own code makes it, or as it is read from a topic."""


@dataclass(slots=True)
class Document:
    """What Elasticsearch stores of one post."""

    id: str
    index: str
    version: int
    body: bytes
    """The fields, as one line of JSON."""

    @property
    def fields(self) -> dict[str, Any]:
        """The fields as a dictionary."""
        read: dict[str, Any] = orjson.loads(self.body)
        return read

    def bulk_action(self) -> bytes:
        """Writes the line pair of a bulk request.

        `external_gte`: an older observation loses with status 409, the same one repeats
        harmlessly, and the same one with new labels replaces.
        """
        return ACTION % (self.index.encode(), orjson.dumps(self.id), self.version, self.body)


def document(record: AnyClassified, ingested: datetime) -> Document:
    """Makes the document of a post as it is written at `ingested`."""
    record = as_struct(record)
    post = record.post
    return Document(
        id=post.key,
        index=index_of(post.created),
        version=version_of(post.observed_at),
        body=fields.body(record, timestamp(ingested)),
    )


def as_struct(record: AnyClassified) -> structs.ClassifiedPost:
    """Gives the struct of a record, which it nearly always is already."""
    return structs.struct_of(record) if isinstance(record, ClassifiedPost) else record


def index_of(created: str) -> str:
    """Names the index of a post from its own time, as a struct has it: that month, in UTC."""
    return f"{PREFIX}{created[:4]}.{created[5:7]}"


@lru_cache(1)  # all documents of a batch are written at one
def timestamp(moment: datetime) -> str:
    """Writes a moment as Elasticsearch keeps it: UTC, milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def checked_id(key: str) -> str:
    """Gives the key back if it can be an `_id`; raises InvalidRecord."""
    if 4 * len(key) > MAX_ID and (size := len(key.encode())) > MAX_ID:
        raise InvalidRecord(f"the post's key has {size} bytes; an _id takes at most {MAX_ID}")
    return key
