"""The record we keep of a record we could not use."""

import base64
import hashlib
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import Base64Bytes, Field

from stream.posts import SCHEMA_VERSION, Name, Record, Time

Stage = Literal["receiving", "processing", "sending"]

MAX_ORIGINAL = 500_000
"""Bytes of an original kept whole: in base64 it still fits one Kafka record of 1 MB."""


class Source(Record):
    """Where the record was found: a place on a topic, a line of a file, or a payload."""

    topic: Name | None = None
    partition: int | None = None
    offset: int | None = None
    file: Name | None = None
    line: int | None = None

    @property
    def place(self) -> str:
        """Names the place in a few characters, the same for every repeat of the record."""
        if self.topic is not None:
            return f"{self.topic}-{self.partition}-{self.offset}"
        return f"{self.file}:{self.line}" if self.line is not None else str(self.file)


class DeadLetter(Record):
    """A record we could not use, whole, with the reason."""

    kind: Literal["dead_letter"] = "dead_letter"
    schema_version: Literal[1] = SCHEMA_VERSION
    station: Name
    stage: Stage
    reason: Annotated[str, Field(max_length=2000, description="what is wrong; never the text")]
    source: Source
    original: Base64Bytes | None = Field(
        None, description="the record's bytes as they came, in base64; null where it had no value"
    )
    original_size: int = Field(description="bytes; more than kept where the original was cut")
    original_key: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    crawl: Name | None = Field(None, description="the crawl that collected it, where known")
    failed_at: Time
    replay_of: Name | None = Field(
        None, description="the place it had at first, of a record that says it was put back"
    )
    replays: int = Field(0, ge=0, description="how often it had been put back when it failed")
    replayed_at: Time | None = Field(None, description="when it was put back, if it was since")

    @property
    def key(self) -> str:
        """Names the letter by its source, so that a repeat replaces itself.

        Of what is no line the place names no letter: all payloads of a platform may have the same.
        """
        key = self.key_at(self.source.place)
        if self.source.topic is not None or self.source.line is not None:
            return key
        return f"{key}:{hashlib.blake2b(self.original or b'', digest_size=8).hexdigest()}"

    def key_at(self, place: str) -> str:
        """Names the letter of the same station and crawl about the record at another place."""
        return f"{self.station}:{self.crawl or ''}:{place}"

    @property
    def whole(self) -> bool:
        """Whether the original is all here."""
        return len(self.original or b"") == self.original_size

    def stub(self) -> "DeadLetter":
        """Gives the letter without the original: its place is what refers to it."""
        original = None if self.original is None else b""
        return self.model_copy(update={"original": original, "headers": {}})


def dead_letter(
    station: str,
    stage: Stage,
    reason: str,
    source: Source,
    original: bytes | None,
    *,
    original_key: str | None = None,
    headers: dict[str, str] | None = None,
    crawl: str | None = None,
    replay_of: str | None = None,
    replays: int = 0,
) -> DeadLetter:
    """Keeps `original` (the first 500 kB of it) with the reason it could not be used.

    The reason becomes one line, whatever it quotes.
    """
    return DeadLetter(
        station=station,
        stage=stage,
        reason=" ".join(reason.split())[:2000],
        source=source,
        original=None if original is None else base64.b64encode(original[:MAX_ORIGINAL]),
        original_size=len(original or b""),
        original_key=original_key,
        headers=headers or {},
        crawl=crawl,
        failed_at=datetime.now(UTC),
        replay_of=replay_of,
        replays=replays,
    )
