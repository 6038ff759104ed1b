"""The interval that stands for Kibana's "auto": the shortest of at most a hundred bars."""

from datetime import UTC, datetime

INTERVALS = {
    "1s": 1,
    "10s": 10,
    "1m": 60,
    "5m": 300,
    "10m": 600,
    "30m": 1800,
    "1h": 3600,
    "3h": 10_800,
    "12h": 43_200,
    "1d": 86_400,
    "7d": 604_800,
    "30d": 2_592_000,
}
"""Widths of a bar, with their seconds."""
BARS = 100
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "M": 2_592_000, "y": 31_536_000}


def interval_for(since: str, now: datetime | None = None) -> str:
    """Gives the interval for "auto": the shortest by which the time has at most a hundred bars."""
    seconds = _seconds_since(since, now or datetime.now(UTC))
    fitting = (name for name, width in INTERVALS.items() if seconds / width <= BARS)
    return next(fitting, "30d")


def _seconds_since(since: str, now: datetime) -> float:
    if since.startswith("now-"):
        number, unit = since.removeprefix("now-")[:-1], since[-1]
        return int(number) * UNITS[unit]
    moment = datetime.fromisoformat(since)
    return (now - (moment if moment.tzinfo else moment.replace(tzinfo=UTC))).total_seconds()
