"""X's word that a post is gone: events of its compliance stream, to deletions.

Fields: https://docs.x.com/x-api/compliance/streams/introduction. The filtered and sampled streams
send none of these; who may read the compliance stream can replay it.
"""

from typing import Annotated, Any

from pydantic import StringConstraints

from ingest.payloads import Payload, PlatformTime, checked
from ingest.sightings import Refusal, Sighting
from stream.errors import InvalidRecord
from stream.posts import Deletion

PLATFORM = "x"
EVENTS = ("delete", "drop")
"""Deleted by its author; gone from view, as when its author is suspended."""


class _Gone(Payload):
    id: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,19}$")]


class _Event(Payload):
    tweet: _Gone
    event_at: PlatformTime | None = None


def deletion(data: dict[str, Any], sighting: Sighting) -> Deletion | Refusal:
    """Makes a deletion of an event, or refuses it."""
    name = next(name for name in EVENTS if name in data)
    try:
        event = checked(_Event, data[name])
        return checked(
            Deletion,
            {
                "platform": PLATFORM,
                "native_id": event.tweet.id,
                "deleted_at": event.event_at or sighting.observed_at,
                "origin": sighting.origin,
            },
        )
    except InvalidRecord as error:
        return Refusal(f"{name}: {error}")
