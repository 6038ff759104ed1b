"""Plain texts without an id or a time of their own."""

import hashlib
from datetime import datetime

from ingest.payloads import checked, clean_text, said
from ingest.sightings import Sighting
from stream.posts import Post

PLATFORM = "text"


def post(text: str, sighting: Sighting) -> Post:
    """Makes a post whose id is its text's: equal texts are one post.

    Raises:
        InvalidRecord: the text is empty or too long.
    """
    text = clean_text(text)
    native_id = hashlib.sha256(text.encode()).hexdigest()[:16]
    return undated(text, native_id, sighting.platform or PLATFORM, sighting)


def undated(
    text: str,
    native_id: str,
    platform: str,
    sighting: Sighting,
    created_at: datetime | None = None,
) -> Post:
    """Makes a post of a clean text that states nothing else."""
    return checked(
        Post,
        {
            "platform": platform,
            "native_id": native_id,
            "text": said(text),
            "created_at": created_at or sighting.created_at,
            "observed_at": sighting.observed_at,
            "language": sighting.language,
            "origin": sighting.origin,
        },
    )
