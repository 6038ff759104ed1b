"""What ingest could not read, read once more: `python -m ingest dead-letters`.

Each original, or what a fix makes of it, is read as a line of an `.ndjson` file, in its own crawl
and as observed when it failed, so that a repeat replaces itself.
"""

import argparse
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice

from ingest import shapes
from ingest.inputs import Line
from ingest.payloads import parse
from ingest.reading import STATION, Found, told
from ingest.sightings import Outcome, Refusal, Sighting
from stream.broker import KafkaWriter, create_topics
from stream.codec import encode
from stream.dead_letters import DeadLetter
from stream.errors import Backpressure, InvalidRecord, UserError
from stream.posts import Origin
from stream.records import Outgoing
from stream.settings import Settings, load_settings
from stream.sinks import KafkaDeadLetters
from stream.topics import COLLECTED
from stream.workbench import command as workbench
from stream.workbench.letters import latest
from stream.workbench.replaying import BATCH, Fix, Left, Unmendable, filter_command

CRAWL = "dead-letters"
"""The crawl of what comes from letters that name none."""

Read = tuple[DeadLetter, Sequence[Found | DeadLetter]]


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command."""
    command = commands.add_parser(
        "dead-letters",
        help="read once more what could not be read, after a mend",
        description="Reads dead letters of ingest once more, each as a line of an .ndjson file. "
        "`python -m stream dead-letters` lists and shows them.",
    )
    workbench.add_ids(command)
    workbench.add_choice(command, station=False)
    workbench.add_replay(command)
    command.set_defaults(run=_run)


def again(letter: DeadLetter, fix: Fix | None, now: datetime) -> Iterator[Found | DeadLetter]:
    """Gives what is in the original; what still cannot be read is a letter in place of this one.

    Raises:
        Unmendable: the original is not all here, or the fix failed.
    """
    if letter.source.topic is not None:
        raise Unmendable("it was on a topic: `python -m stream dead-letters replay` takes it")
    if not letter.whole:
        raise Unmendable(
            f"its {letter.original_size:,} bytes were too many to keep: replay its file, or the "
            "archive of its crawl"
        )
    data = letter.original or b""
    data = fix(data) if fix else data
    outcomes = _outcomes(data, letter)
    refusals = [one for one in outcomes if isinstance(one, Refusal)]
    if len(refusals) == len(outcomes):
        reason = refusals[0].reason if refusals else "there is nothing in it"
        # With the original as it came, whatever a fix has made of it.
        failed = {"failed_at": now, "replays": letter.replays + 1, "replayed_at": None}
        yield letter.model_copy(update=failed | {"reason": " ".join(reason.split())[:2000]})
        return
    line = Line(letter.source.line or 0, data, len(data))
    yield from told(letter.source.file or STATION, line, outcomes, letter.crawl or CRAWL)


def replay(
    settings: Settings, letters: Iterable[DeadLetter], fix: Fix | None = None
) -> Iterator[Left | DeadLetter]:
    """Sends what is in the letters, and gives each as it is then: replayed, or left with a reason.

    The records first, then the letters that are marked as replayed: a crash between repeats both.

    Raises:
        UserError: the broker takes nothing now, or the fix cannot be run.
    """
    coming = iter(letters)
    create_topics(settings)
    with KafkaWriter(settings) as writer:
        while batch := list(islice(coming, BATCH)):
            read: list[Read] = []
            for letter in batch:
                try:
                    read.append((letter, list(again(letter, fix, datetime.now(UTC)))))
                except Unmendable as error:
                    yield Left(letter, str(error))
            try:
                yield from _sent(writer, read)
            except Backpressure as pressure:
                raise UserError(f"{pressure}: repeat this when the broker is well") from None


def _sent(writer: KafkaWriter, read: Sequence[Read]) -> list[Left | DeadLetter]:
    found = [one for _letter, told_ in read for one in told_ if isinstance(one, Found)]
    outgoing = [
        Outgoing(one.record.key, encode(one.record), one.record.origin.crawl) for one in found
    ]
    refused = writer.write(COLLECTED, outgoing)
    now = datetime.now(UTC)
    buried: list[DeadLetter] = []
    result: list[Left | DeadLetter] = []
    for letter, told_ in read:
        failed = [one for one in told_ if isinstance(one, DeadLetter)]
        if len(failed) < len(told_):
            replayed = letter.model_copy(update={"replayed_at": now})
            result.append(replayed)
            buried.append(replayed)
        else:
            result.append(Left(letter, failed[0].reason))
        buried += failed
    buried += [found[position].letter("sending", reason) for position, reason in refused]
    KafkaDeadLetters(writer).write(buried)
    return result


def _outcomes(data: bytes, letter: DeadLetter) -> list[Outcome]:
    sighting = Sighting(
        origin=Origin(crawl=letter.crawl or CRAWL, stream=letter.source.file),
        observed_at=letter.failed_at,
        created_at=letter.failed_at,
    )
    try:
        return list(shapes.outcomes(parse(data), sighting))
    except InvalidRecord as error:
        return [Refusal(str(error))]


def _run(arguments: argparse.Namespace) -> int:
    settings = load_settings()
    letters = latest(settings, replace(workbench.choice(arguments), station=STATION))
    if arguments.dry_run:
        return workbench.dry_run(letters)
    fix = filter_command(arguments.fix) if arguments.fix else None
    return workbench.report(replay(settings, letters, fix))
