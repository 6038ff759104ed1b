"""The interval that Kibana chooses for "auto", which makes about fifty bars."""

from datetime import UTC, datetime

BARS = 50
"""Kibana's setting `histogram:barTarget`."""

MINUTE, HOUR, DAY = 60, 3600, 86_400
WIDTHS = (
    (5, "1s"),
    (7.5, "5s"),
    (15, "10s"),
    (45, "30s"),
    (3 * MINUTE, "1m"),
    (9 * MINUTE, "5m"),
    (20 * MINUTE, "10m"),
    (45 * MINUTE, "30m"),
    (2 * HOUR, "1h"),
    (6 * HOUR, "3h"),
    (DAY, "12h"),
    (7 * DAY, "1d"),
    (21 * DAY, "7d"),
)
"""Below so many seconds a bar, this is the interval: Kibana's `calcAutoIntervalNear`."""
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "M": 2_592_000, "y": 31_536_000}


def interval_for(since: str, now: datetime | None = None) -> str:
    """Gives the interval for "auto" from `since` until now; a month, as 30 days, is the longest."""
    seconds = _seconds_since(since, now or datetime.now(UTC)) / BARS
    return next((name for bound, name in WIDTHS if seconds < bound), "30d")


def _seconds_since(since: str, now: datetime) -> float:
    if since.startswith("now-"):
        number, unit = since.removeprefix("now-")[:-1], since[-1]
        return int(number) * UNITS[unit]
    moment = datetime.fromisoformat(since)
    return (now - (moment if moment.tzinfo else moment.replace(tzinfo=UTC))).total_seconds()
