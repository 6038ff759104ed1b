"""Ids of statuses: in which order they were given, and the time that is in them."""

from datetime import UTC, datetime, timedelta
from typing import Any

FIRST_SNOWFLAKE, LAST_SNOWFLAKE = (datetime(year, 1, 1, tzinfo=UTC) for year in (2016, 2100))
"""Ids that seem to hold another time hold none: other servers that speak this API count."""


def id_of(status: Any) -> str | None:
    """Gives the id of what a page holds, if it has one."""
    found = status.get("id") if isinstance(status, dict) else None
    return found if isinstance(found, str) and found.isalnum() and found.isascii() else None


def order(status: str) -> tuple[int, str]:
    """Orders ids by when they were given: numbers by their value, ULIDs by their letters."""
    return len(status), status


def time_of(status: str) -> datetime | None:
    """Reads the time in an id: milliseconds since 1970, before 16 bits of chance."""
    if not status.isdigit():
        return None
    seconds = (int(status) >> 16) / 1000
    if not FIRST_SNOWFLAKE.timestamp() <= seconds < LAST_SNOWFLAKE.timestamp():
        return None
    return datetime.fromtimestamp(seconds, UTC)


def at(moment: datetime) -> str:
    """Gives the lowest id that a status of this moment can have, where ids hold a time."""
    return str(int(moment.timestamp() * 1000) << 16)


def earlier(status: str, by: timedelta) -> str:
    """Gives the id that a status would have had so much earlier; its own if ids hold no time."""
    if not by or time_of(status) is None:
        return status
    return str(int(status) - (by // timedelta(milliseconds=1) << 16))
