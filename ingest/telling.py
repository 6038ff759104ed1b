"""What a live crawl tells people while it runs: a line in place, or one a minute in the log."""

import logging
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from ingest.sources import Allowance, Gap

logger = logging.getLogger(__name__)

SHOWN_SECONDS = 0.5
LOGGED_SECONDS = 60.0
MINUTE, HOUR, DAY = 60, 3600, 86_400


class LiveLine(AbstractContextManager["LiveLine"]):
    """Shows the newest line in place on a terminal; elsewhere logs one each minute."""

    def __init__(
        self, terminal: bool | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._terminal = sys.stderr.isatty() if terminal is None else terminal
        self._bar = tqdm(bar_format="{desc}", leave=False, disable=not self._terminal)
        self._closing = ExitStack()
        if self._terminal:
            # What is logged meanwhile is written above the line.
            self._closing.enter_context(logging_redirect_tqdm())
        self._clock = clock
        self._told_at = clock()

    def tell(self, line: object) -> None:
        """Tells the line if it is time."""
        due = SHOWN_SECONDS if self._terminal else LOGGED_SECONDS
        if self._clock() - self._told_at < due:
            return
        self._told_at = self._clock()
        if self._terminal:
            self._bar.set_description_str(str(line))
        else:
            logger.info("%s", line)

    def close(self) -> None:
        """Takes the line away."""
        self._bar.close()
        self._closing.close()

    def __exit__(self, *_error: object) -> None:
        self.close()


def span(seconds: float) -> str:
    """Writes a length of time as one would say it: `1.4 s`, `12 min`, `3 h`, `9 d`."""
    if seconds < MINUTE:
        return f"{max(0.0, seconds):.1f} s"
    if seconds < HOUR:
        return f"{seconds / MINUTE:.0f} min"
    return f"{seconds / HOUR:.0f} h" if seconds < 2 * DAY else f"{seconds / DAY:.0f} d"


def described(gap: Gap) -> str:
    """Writes a gap in one line."""
    if gap.since is None:
        return gap.reason
    end = f" to {gap.until:%Y-%m-%d %H:%M:%S}" if gap.until else ""
    return f"{gap.reason} (from {gap.since:%Y-%m-%d %H:%M:%S}{end} UTC)"


def allowed(allowance: Allowance) -> str:
    """Writes what is used up: `day's budget 1200 of 5000 posts until 2026-11-22 00:00 UTC`."""
    of = f" of {allowance.of:g}" if allowance.of is not None else ""
    until = f" until {allowance.until:%Y-%m-%d %H:%M} UTC" if allowance.until else ""
    return f"{allowance.name} {allowance.used:g}{of} {allowance.unit}{until}"
