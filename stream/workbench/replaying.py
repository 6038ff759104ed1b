"""Dead letters' originals back to the topics they came from.

A letter is marked as replayed before its original goes back, and keeps that original: what fails
again has a letter of its own, which is believed to belong to the first because that is marked. What
is between the two when the command dies stays a dead letter and says that it was replayed:
`--again` takes it too.
"""

import shlex
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from stream import offsets
from stream.broker import KafkaWriter
from stream.dead_letters import DeadLetter
from stream.errors import Backpressure, UserError
from stream.records import (
    CRAWL_HEADER,
    MAX_HEADERS,
    MAX_KEY,
    MAX_NAME,
    REPLAY_HEADER,
    Outgoing,
    Received,
)
from stream.settings import Settings
from stream.sinks import KafkaDeadLetters
from stream.topics import CLASSIFIED, COLLECTED

BATCH = 200
FIX_SECONDS = 30.0
LOST = "\ufffd"
"""Stands in a letter for bytes of a key or header that were no UTF-8."""
TOPICS = {topic.name: topic for topic in (COLLECTED, CLASSIFIED)}

Fix = Callable[[bytes], bytes]


class Unmendable(Exception):
    """Why one letter stays as it is."""


@dataclass(frozen=True)
class Left:
    """A letter that was not replayed, and why."""

    letter: DeadLetter
    reason: str


def filter_command(command: str) -> Fix:
    """Makes a fix of a command that reads one original on stdin and writes the mended one.

    Raises:
        UserError: it is no command line, or there is no such program.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UserError(f"--fix: {error}") from None

    def mended(original: bytes) -> bytes:
        try:
            done = subprocess.run(
                words, input=original, capture_output=True, timeout=FIX_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise Unmendable(f"--fix took more than {FIX_SECONDS:g} s") from None
        except (OSError, IndexError) as error:
            why = getattr(error, "strerror", None) or "it is empty"
            raise UserError(f"--fix: {words[:1] or command!r} cannot be run: {why}") from None
        if done.returncode:
            raise Unmendable(f"--fix ended with exit code {done.returncode}")
        if not done.stdout.strip():
            raise Unmendable("--fix wrote nothing")
        return done.stdout.removesuffix(b"\n")

    return mended


def replay(
    settings: Settings, letters: Iterable[DeadLetter], fix: Fix | None = None
) -> Iterator[Left | DeadLetter]:
    """Puts originals back, and gives each letter as it is then: replayed, or left with a reason.

    Raises:
        UserError: the broker takes nothing now, or the fix cannot be run.
    """
    coming = iter(letters)
    with KafkaWriter(settings) as writer:
        while batch := list(islice(coming, BATCH)):
            ready: list[tuple[DeadLetter, Outgoing]] = []
            for letter, whole in zip(batch, _wholes(settings, batch), strict=True):
                try:
                    ready.append((letter, _outgoing(letter, whole, fix)))
                except Unmendable as error:
                    yield Left(letter, str(error))
            yield from _put_back(writer, ready)


def _put_back(
    writer: KafkaWriter, ready: Sequence[tuple[DeadLetter, Outgoing]]
) -> Iterator[Left | DeadLetter]:
    now = datetime.now(UTC)
    marked = [letter.model_copy(update={"replayed_at": now}) for letter, _record in ready]
    try:
        KafkaDeadLetters(writer).write(marked)
        for topic in TOPICS.values():
            sent = [one for one, (letter, _) in zip(marked, ready, strict=True)
                    if letter.source.topic == topic.name]  # fmt: skip
            records = [record for letter, record in ready if letter.source.topic == topic.name]
            refused = dict(writer.write(topic, records))
            if refused:
                KafkaDeadLetters(writer).write(
                    [sent[one].model_copy(update={"replayed_at": None}) for one in refused]
                )
            for number, letter in enumerate(sent):
                yield Left(letter, refused[number]) if number in refused else letter
    except Backpressure as pressure:
        raise UserError(
            f"{pressure}: some of {len(ready)} letters may be marked as replayed and are not: "
            "repeat this with --again when the broker is well; a repeat is harmless"
        ) from None


def _wholes(settings: Settings, batch: Sequence[DeadLetter]) -> list[Received | None]:
    """Gives the record itself, as long as its topic holds it, where the letter lacks some of it."""
    wanted = {
        number: (letter.source.topic, letter.source.partition, letter.source.offset)
        for number, letter in enumerate(batch)
        if letter.source.topic in TOPICS and not _complete(letter)
    }
    places = [
        (topic or "", partition or 0, offset or 0) for topic, partition, offset in wanted.values()
    ]
    found = dict(zip(wanted, offsets.fetch(settings, places), strict=True)) if places else {}
    return [found.get(number) for number in range(len(batch))]


def _complete(letter: DeadLetter) -> bool:
    key = letter.original_key or ""
    words = [key, *letter.headers, *letter.headers.values()]
    cut = len(key) >= MAX_KEY or any(len(word) >= MAX_NAME for word in words[1:])
    lossy = cut or any(LOST in word for word in words)
    return letter.whole and not lossy and len(letter.headers) < MAX_HEADERS


def _outgoing(letter: DeadLetter, whole: Received | None, fix: Fix | None) -> Outgoing:
    if letter.source.topic is None:
        raise Unmendable("it was on no topic: `python -m ingest dead-letters` takes it")
    if letter.source.topic not in TOPICS:
        raise Unmendable("it names a topic that is not one of the line's")
    if whole is not None and not (whole.value or b"").startswith(letter.original or b""):
        whole = None  # the topic was made anew: another record has the place now
    if whole is None and not letter.whole:
        raise Unmendable(
            f"{letter.original_size:,} bytes were too many to keep, and "
            f"{letter.source.topic} does not hold them any more"
        )
    value = letter.original if whole is None else whole.value
    origin = f"{letter.source.place} {letter.replays + 1}".encode()
    if whole is None:
        key: str | bytes | None = letter.original_key
        headers = tuple((name, text.encode()) for name, text in letter.headers.items())
    else:
        key = whole.key
        headers = tuple(pair for pair in whole.headers if pair[0] != REPLAY_HEADER)
    if letter.crawl and CRAWL_HEADER not in dict(headers):
        headers = (*headers, (CRAWL_HEADER, letter.crawl.encode()))
    return Outgoing(
        key=key,
        value=fix(value or b"") if fix else value,
        headers=(*headers, (REPLAY_HEADER, origin)),
    )
