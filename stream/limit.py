"""How many records may become dead letters before a station stops.

A bad deploy makes a dead letter of every record. Without a limit it would empty the topic into the
dead letters before anybody looks.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from stream.errors import UserError
from stream.records import Received, Rejected
from stream.settings import Settings

WINDOW = 1000
"""Records over which the ratio is taken; no ratio is known before so many have come."""
SHOWN = 3


class TooManyDeadLetters(UserError):
    """So many records cannot be used that the fault must be ours, or a producer's."""


@dataclass(frozen=True)
class _Seen:
    """What came last: records that failed in a row, and of some batches (records, failed)."""

    in_a_row: int = 0
    batches: tuple[tuple[int, int], ...] = ()


class Limit:
    """Stops a station at a run of failures, or where too many of the last thousand records fail.

    Checked before the letters of a batch are written, so that nothing of the batch that breaks the
    limit is committed: whoever starts the station again begins with it.
    """

    def __init__(self, station: str, run: int, ratio: float) -> None:
        """Prepares the limit.

        Args:
            station: who is stopped.
            run: so many failures in a row stop it; 0: no number does.
            ratio: failures among the last thousand records; more than this share stop it.
        """
        self._station, self._run, self._ratio = station, run, ratio
        self._seen = self._next = _Seen()

    def check(self, batch: Sequence[Received], rejected: Sequence[Rejected]) -> None:
        """Looks at a batch; it counts once `passed` is called.

        Raises:
            TooManyDeadLetters: with the commonest reasons, and what to do.
        """
        failed = {_place(one.received) for one in rejected}
        in_a_row, bad = self._seen.in_a_row, 0
        for one in batch:
            if _place(one) not in failed:
                in_a_row = 0
                continue
            bad += 1
            in_a_row += 1
            if self._run and in_a_row >= self._run:
                raise self._too_many(f"{in_a_row} records in a row", rejected, "RUN=0")
        batches = _last((*self._seen.batches, (len(batch), bad)))
        among, failures = sum(one for one, _ in batches), sum(one for _, one in batches)
        if among >= WINDOW and failures > self._ratio * among:
            raise self._too_many(f"{failures} of {among} records", rejected, "RATIO=1")
        self._next = _Seen(in_a_row, batches)

    def passed(self) -> None:
        """The batch that was checked last is committed."""
        self._seen = self._next

    def _too_many(
        self, which: str, rejected: Sequence[Rejected], setting: str
    ) -> TooManyDeadLetters:
        reasons = Counter(f"{one.stage}: {one.reason}" for one in rejected)
        shown = "; ".join(reason for reason, _n in reasons.most_common(SHOWN))
        first = min(rejected, key=lambda one: _place(one.received)).received
        return TooManyDeadLetters(
            f"the {self._station} stops: {which} cannot be used, the first of this batch at "
            f"{first.place} ({shown}). Nothing of the batch is committed. Mend the station or the "
            "producer and start it again (`python -m stream dead-letters list` has the ones "
            f"before); if they are rightly dead letters, start it with "
            f"EMOSTREAM_DEAD_LETTER_{setting} until they are passed"
        )


def limit(settings: Settings, station: str) -> Limit:
    """Gives a station's limit as the settings say."""
    return Limit(station, settings.dead_letter_run, settings.dead_letter_ratio)


def _last(batches: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    """Leaves out the oldest batches that the window does not need."""
    while sum(records for records, _bad in batches[1:]) >= WINDOW:
        batches = batches[1:]
    return batches


def _place(received: Received) -> tuple[str, int, int]:
    return received.topic, received.partition, received.offset
