"""Crash points: named places where a station can be killed, to show that no moment does harm.

`EMOSTREAM_CRASH_AT=indexer.written` ends the process there as `kill -9` does, `indexer.written:3`
when it passes for the third time. Tests and `python -m tests.chaos` set it; nothing else should.
"""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass

LOOPS = ("classifier", "indexer", "indexer-letters")

_LOOP = {
    "polled": "a batch has come, nothing is done with it",
    "decoded": "the batch is parted into records and dead letters",
    "transformed": "what is to be written is ready, nothing is written",
    "written": "the batch is written, its dead letters are not",
    "buried": "the batch and its dead letters are written, no offset is committed",
    "committed": "the offsets are committed",
}

POINTS: dict[str, str] = {
    f"{loop}.{step}": meaning for loop in LOOPS for step, meaning in _LOOP.items()
} | {
    "indexer.remembered": "deletions are on record, their posts are still in the index",
    "indexer.author-remembered": "authors are on record, their posts are still in the index",
    "indexer.erased": "the deleted posts are erased, no post of the batch is written",
    "indexer.ready": "a new month is made, no post is in it",
    "bulk.part": "one bulk request of a batch is answered",
    "kafka.half": "half the records of a write are on the topic",
    "kafka.sent": "all records of a write are handed over, none is known to be durable",
    "kafka.flushed": "all records of a write are durable, nobody knows yet",
    "ingest.archived": "the payloads of a batch are in the archive, nothing is sent",
    "ingest.sent": "the records of a batch are sent, its dead letters are not",
    "ingest.buried": "all of a batch is sent, the cursor is not saved",
    "ingest.saving": "the new state lies beside the old one",
    "ingest.saved": "the cursor is saved",
}
"""Each crash point, and what has happened when a station is there."""


@dataclass
class _Armed:
    point: str
    left: int


_armed: _Armed | None = None


def parse(crash_at: str) -> tuple[str, int]:
    """Reads `POINT` or `POINT:N`; raises ValueError, naming the points there are."""
    point, _colon, passes = crash_at.partition(":")
    if point not in POINTS:
        raise ValueError(f"is no crash point; there are {', '.join(POINTS)}")
    if _colon and not (passes.isascii() and passes.isdigit() and int(passes) > 0):
        raise ValueError("must be POINT or POINT:N, N from 1 on")
    return point, int(passes or 1)


def arm(crash_at: str | None) -> None:
    """Says where this process is to be killed, as the setting does; None: nowhere."""
    global _armed
    _armed = _Armed(*parse(crash_at)) if crash_at else None


def reached(point: str, first: Callable[[], object] | None = None) -> None:
    """Kills this process if it is to end here; `first` is called before that, and only then."""
    armed = _armed
    if armed is None or armed.point != point:
        return
    armed.left -= 1
    if armed.left == 0:
        if first is not None:
            first()
        os.kill(os.getpid(), signal.SIGKILL)
