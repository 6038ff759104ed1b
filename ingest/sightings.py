"""What every normaliser takes beside a payload, and what it gives.

A normaliser is a pure function from one payload and a `Sighting` to outcomes: the records that are
in the payload, and a `Refusal` for each part of it that is none. A bad part never costs a good one.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from stream.posts import AuthorDeletion, Deletion, Origin, Post


@dataclass(frozen=True, slots=True)
class Sighting:
    """When and where we came by a payload, and what to say where the payload says nothing."""

    origin: Origin
    observed_at: datetime
    created_at: datetime
    """Of posts that state no time."""
    language: str | None = None
    """Of posts that state none."""
    platform: str | None = None
    """Of texts that belong to none; `text` or `dataset` where unset."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A part of a payload that is no record, with the reason."""

    reason: str
    pointer: str = ""
    """Where in the payload (JSON Pointer, RFC 6901); empty for the whole of it."""
    part: Any = None


Outcome = Post | Deletion | AuthorDeletion | Refusal
