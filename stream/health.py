"""Whether a station still works: each loop touches a file at every turn, a check reads the ages.

A batch that takes long is no turn, so whoever moves it touches the file too, as long as it gets on.
Files, because the check is another process, and because nothing need listen on a port. A loop that
waits for a server still turns, and so is alive; one that hangs does not.
"""

import time
from pathlib import Path

from stream.errors import UserError

STALE_SECONDS = 300.0
"""A batch that gets on says so whenever a part of it is taken, and no part takes so long; Kafka too
gives up on a consumer that has not polled for as long (`max.poll.interval.ms`). A batch that hangs
still polls, and is noticed by this alone."""


class Heartbeat:
    """Touches the file of one loop in the folder of `EMOSTREAM_HEALTH_DIR`, if there is one.

    Raises:
        UserError: the folder cannot be used.
    """

    def __init__(self, folder: Path | None, loop: str) -> None:
        self._file = folder / loop if folder else None
        try:
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
            self.beat()
        except OSError as error:
            raise UserError(f"EMOSTREAM_HEALTH_DIR={folder}: {error.strerror}") from None

    def beat(self) -> None:
        """Says: alive at this moment."""
        if self._file is not None:
            self._file.touch()


def verdict(folder: Path) -> tuple[bool, str]:
    """Tells whether every loop that has a file here is alive, and a sentence that says why."""
    now = time.time()
    ages = {file.name: now - file.stat().st_mtime for file in folder.glob("*")}
    if not ages:
        return False, f"nothing in {folder}: no loop of a station has turned yet"
    loop = max(ages, key=lambda name: ages[name])
    if ages[loop] > STALE_SECONDS:
        return False, f"{loop} last turned {ages[loop]:.0f} s ago, more than {STALE_SECONDS:g} s"
    return True, f"alive: {loop} last turned {max(ages[loop], 0.0):.1f} s ago"
