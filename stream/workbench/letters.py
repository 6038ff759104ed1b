"""The dead letters on their topic: read, told apart, grouped by cause."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from stream.broker import read_to_end
from stream.codec import decode_dead_letter
from stream.dead_letters import DeadLetter
from stream.errors import Backpressure, InvalidRecord, UserError
from stream.index import MILLISECOND, version_of
from stream.records import Received
from stream.settings import Settings
from stream.topics import DEAD_LETTER, Topic

NUMBERS = re.compile(r"(?<![\w-])\d+")
ID_DIGITS = 12
STALE_MS = timedelta(days=1) // MILLISECOND
"""A letter so much older than a record speaks of another record: the topic was made anew."""


@dataclass(frozen=True)
class Letters:
    """What is on `posts.dead-letter`; `foreign` counts the records that are no dead letters."""

    found: list[DeadLetter]
    foreign: int


@dataclass(frozen=True)
class Choice:
    """Which letters somebody means; what is empty means all."""

    ids: tuple[str, ...] = ()
    """Beginnings of ids."""
    cause: str = ""
    """A part of `station, stage: reason`, with or without its numbers."""
    station: str = ""
    crawl: str = ""
    again: bool = False
    """Also those that were replayed and have not failed since."""

    def __call__(self, letter: DeadLetter) -> bool:
        """Whether this letter is meant."""
        return (
            (not self.ids or id_of(letter).startswith(self.ids))
            and (self.cause in cause_of(letter) or self.cause in letter.reason)
            and self.station in ("", letter.station)
            and self.crawl in ("", letter.crawl)
            and (self.again or letter.replayed_at is None)
        )


class Replays:
    """How replays ended: the letter of what failed again belongs to the letter it came from.

    A record only says where it came from. It is believed where the letter of that place says that
    it was put back so often; else its letter stands for itself, as every other does.
    """

    def __init__(self) -> None:
        self._marked: dict[bytes, int] = {}
        """How often each letter has been put back, of those that have."""
        self._failed: dict[tuple[bytes, int], DeadLetter] = {}
        """What failed again, without its bytes, by the first letter's key and the replay."""

    def add(self, letter: DeadLetter) -> None:
        """Notes a letter; of several under one key the last counts."""
        digest = _digest(letter.key.encode())
        times = letter.replays + (letter.replayed_at is not None)
        if letter.replayed_at or (times and letter.replay_of is None):
            self._marked[digest] = times
        else:
            self._marked.pop(digest, None)
        if letter.replay_of is not None:
            first = _digest(letter.key_at(letter.replay_of).encode())
            self._failed[first, letter.replays] = letter.stub()

    def now(self, letter: DeadLetter) -> DeadLetter | None:
        """Gives a letter as it is once all are noted; None where it belongs to another."""
        if letter.replay_of is not None:
            first = _digest(letter.key_at(letter.replay_of).encode())
            if letter.replays <= self._marked.get(first, 0):
                return None
        times = letter.replays + 1
        failed = self._failed.get((_digest(letter.key.encode()), times))
        if letter.replayed_at is None or failed is None:
            return letter
        return letter.model_copy(
            update={
                "stage": failed.stage,
                "reason": failed.reason,
                "failed_at": failed.failed_at,
                "replays": times,
                "replayed_at": None,
            }
        )


class DeadPlaces:
    """The places of topics whose records dead letters keep."""

    def __init__(self, begins: Mapping[str, Mapping[int, int]]) -> None:
        """Prepares to note letters; `begins` has the first offset of each topic's partitions."""
        self.of_inputs = 0
        """Letters about lines of files and payloads of platforms, which were on no topic."""
        self.foreign = 0
        self.beyond: list[tuple[str, str]] = []
        """Topic and key of each letter whose record that topic does not hold any more."""
        self._begins = begins
        self._kept: dict[str, int] = {}
        self._inputs: set[bytes] = set()

    def add(self, received: Received) -> None:
        """Notes a record of the dead-letter topic."""
        try:
            letter = decode_dead_letter(received.value)
        except InvalidRecord:
            self.foreign += received.value is not None
            return
        if letter.source.topic is None:
            self._inputs.add(_digest(letter.key.encode()))
            self.of_inputs = len(self._inputs)
            return
        source = letter.source
        begin = self._begins.get(source.topic or "", {}).get(source.partition or 0, 0)
        if (source.offset or 0) < begin and letter.original_key:
            self.beyond.append((source.topic or "", letter.original_key))
        failed_at = version_of(letter.failed_at)
        self._kept[source.place] = max(self._kept.get(source.place, 0), failed_at)

    def keep(self, record: Received) -> bool:
        """Whether a letter keeps this record, at its own place."""
        found = self._kept.get(record.place)
        return found is not None and found > record.timestamp - STALE_MS


def letters(settings: Settings, crawl: str | None = None, since: datetime | None = None) -> Letters:
    """Reads the dead letters, of one crawl or all; of several under one key the last.

    Raises:
        UserError: Kafka gives nothing any more.
    """
    found: dict[str, DeadLetter] = {}
    replays = Replays()
    foreign = 0
    for received in records(settings, DEAD_LETTER, since):
        if received.value is None:  # a record without a value: compaction removes its key
            continue
        try:
            letter = decode_dead_letter(received.value)
        except InvalidRecord:
            foreign += 1
            continue
        if crawl in (None, letter.crawl):
            found[letter.key] = letter
            replays.add(letter)
    return Letters([one for letter in found.values() if (one := replays.now(letter))], foreign)


def latest(
    settings: Settings, wanted: Callable[[DeadLetter], bool], since: datetime | None = None
) -> Iterator[DeadLetter]:
    """Gives, of the letters under each key, the last, if it is wanted.

    A letter whose replay failed again is open, with the last reason and the first original. The
    topic is read twice, so that not all originals need be in memory at once.

    Raises:
        UserError: Kafka gives nothing any more.
    """
    last: dict[bytes, tuple[int, int]] = {}
    replays = Replays()
    for received in records(settings, DEAD_LETTER, since):
        digest = _digest(received.key or received.place.encode())
        last[digest] = (received.partition, received.offset)
        if letter := _letter(received):
            replays.add(letter)
    places = set(last.values())
    for received in records(settings, DEAD_LETTER, since):
        if (received.partition, received.offset) not in places:
            continue
        letter = _letter(received)
        now = replays.now(letter) if letter else None
        if now is not None and wanted(now):
            yield now


def records(settings: Settings, topic: Topic, since: datetime | None = None) -> Iterator[Received]:
    """Reads a topic to its end; raises UserError where Kafka gives nothing any more."""
    try:
        yield from read_to_end(settings, topic, since)
    except Backpressure as pressure:
        raise UserError(
            f"{pressure} (at {settings.kafka}): see that the broker is well, and ask again"
        ) from None


def reasons(found: Iterable[DeadLetter]) -> Counter[str]:
    """Counts dead letters by station and reason; reasons that differ in numbers are one."""
    return Counter(f"{one.station}: {alike(one.reason)}" for one in found)


def alike(reason: str) -> str:
    """Gives a reason without its numbers, so that one cause is one reason."""
    return NUMBERS.sub("N", reason)


def cause_of(letter: DeadLetter) -> str:
    """Gives what went wrong, the same for all letters of one cause."""
    return f"{letter.station}, {letter.stage}: {alike(letter.reason)}"


def id_of(letter: DeadLetter) -> str:
    """Names a letter in a few characters that can be typed."""
    return _digest(letter.key.encode()).hex()[:ID_DIGITS]


def _letter(received: Received) -> DeadLetter | None:
    try:
        return decode_dead_letter(received.value)
    except InvalidRecord:
        return None


def _digest(key: bytes) -> bytes:
    return hashlib.blake2b(key, digest_size=16).digest()
