"""Our own records, as they are on `posts.collected`."""

from typing import Any

from ingest.payloads import REPLACEMENT, moment, said
from ingest.sightings import Sighting
from stream.codec import collected_from
from stream.errors import InvalidRecord
from stream.posts import AuthorDeletion, Collected, Post

KINDS = ("post", "deletion", "author_deletion")
TIMES = ("created_at", "observed_at", "deleted_at")


def recognises(payload: dict[str, Any]) -> bool:
    """Says whether a JSON object means to be one of our records."""
    return payload.get("kind") in KINDS or payload.keys() >= {
        "platform",
        "native_id",
    }


def record(payload: dict[str, Any], sighting: Sighting) -> Collected:
    """Makes the record, now part of this crawl; an observation it states is kept.

    Raises:
        InvalidRecord: naming the fields that are wrong.
    """
    fields = dict(payload)
    for name in TIMES:
        if fields.get(name) is not None:
            try:
                fields[name] = moment(fields[name])
            except ValueError as error:
                raise InvalidRecord(f"{name}: {error}") from None
    fields["origin"] = _origin(fields.get("origin"), sighting)
    if fields.get("kind") == "post":
        fields.setdefault("observed_at", sighting.observed_at)
        fields["language"] = fields.get("language") or sighting.language
    made = collected_from(fields)
    name = "author_id" if isinstance(made, AuthorDeletion) else "native_id"
    if REPLACEMENT in getattr(made, name):
        raise InvalidRecord(f"{name}: has characters that no id can have")
    if isinstance(made, Post):
        said(made.text)
    return made


def _origin(stated: Any, sighting: Sighting) -> Any:
    if stated is not None and not isinstance(stated, dict):
        return stated  # refused with its name when the record is made
    ours = sighting.origin
    known = stated or {}
    return {**known, "crawl": ours.crawl, "stream": known.get("stream") or ours.stream}
