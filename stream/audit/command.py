"""`python -m stream audit` on a terminal."""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from stream.audit.law import AT_FAULT, Fate
from stream.errors import UserError
from stream.settings import load_settings

if TYPE_CHECKING:
    from stream.audit.account import Account

WORDS = {
    Fate.INDEXED: "indexed",
    Fate.DELETED: "deleted",
    Fate.DEAD: "dead letters",
    Fate.FILTERED: "past EMOSTREAM_RETENTION_MONTHS",
    Fate.WAITING: "on their way",
    Fate.LOST: "LOST",
}


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command `audit`."""
    command = commands.add_parser(
        "audit",
        help="account for every post and deletion on the topics; exit code 1 if one is missing",
        description="Reads the topics and the index and accounts for every post and deletion, by "
        "id. Exit code 0: the law holds; 1: it does not, and the ids are named; 2: the servers "
        "cannot be asked; 3: after --wait, nothing is broken and not everything has arrived.",
    )
    add = command.add_argument
    add(
        "--wait",
        type=_seconds,
        default=0.0,
        metavar="SECONDS",
        help="how long to wait for what is on its way now; exit code 3 if it still is then",
    )
    add("--since", type=past, metavar="TIME", help="only what was put on the topics since then")
    add("--ids", type=Path, metavar="FILE", help="write every id that breaks the law there")
    add("--json", action="store_true", help="write the account as JSON")
    command.set_defaults(run=_run)


def sentences(account: "Account") -> Iterator[str]:
    """Says that the law holds, or what breaks it."""
    sums = " + ".join(
        f"{account.fates[fate]:,} {words}"
        for fate, words in WORDS.items()
        if account.fates[fate] or fate in (Fate.INDEXED, Fate.DELETED, Fate.DEAD)
    )
    yield f"{account.posts:,} posts collected = {sums}"
    yield f"{account.deletions:,} deletions collected, {account.documents:,} documents in the index"
    if account.of_inputs:
        yield f"{account.of_inputs:,} dead letters of ingest, about what never was on a topic"
    if account.others:
        yield f"{account.others:,} records of other kinds are not accounted for"
    if account.foreign:
        yield f"{account.foreign:,} records on the topic of dead letters are none"
    if account.older:
        yield (
            f"{account.older:,} documents or deletions are older than what the topics hold: "
            "where they came from cannot be known"
        )
    if waiting := {station: lag for station, lag in account.lag.items() if lag}:
        behind = " and ".join(f"{lag:,} of the {station}" for station, lag in waiting.items())
        yield f"records on their way: {behind}"
    yield ""
    yield from _judgement(account)


def _judgement(account: "Account") -> Iterator[str]:
    late = "after the time to wait, what was on its way then has not arrived yet"
    if not account.broken:
        yield (
            f"not settled yet: {late}" if not account.settled
            else "nothing to judge: no record was read" if not account.records
            else "the law holds: nothing lost, nothing double, nothing that came from nowhere"
        )  # fmt: skip
        return
    yield "THE LAW IS BROKEN:"
    if not account.settled:
        yield f"- {late}"
    for sentence in account.offsets:
        yield f"- {sentence}"
    for fault, ids in account.faults.items():
        station = AT_FAULT.get(fault)
        shown = json.dumps(account.examples[fault])[1:-1]
        more = " ..." if ids > len(account.examples[fault]) else ""
        yield (
            f"- {ids:,} {fault.value}" + (f" (the {station})" if station else "")
            + f": {shown}{more}"
        )  # fmt: skip
    for mend in account.mends:
        yield f"to mend: {mend}"


def past(text: str) -> datetime:
    """Reads a time on the command line that is no later than now; without a zone it is UTC."""
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text}: must be a time, as 2026-11-14T20:00:00Z"
        ) from None
    given = given if given.tzinfo else given.replace(tzinfo=UTC)
    if given > datetime.now(UTC):
        raise argparse.ArgumentTypeError(f"{text}: is in the future")
    return given


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text}: must be a number of seconds, 0 or more")
    return seconds


def _run(arguments: argparse.Namespace) -> int:
    # Where only ingest or the classifier is installed, there is no client for Elasticsearch.
    from stream.audit.account import audit
    from stream.elastic import asking, connect

    settings = load_settings()
    with ExitStack() as closing:
        names = None
        if arguments.ids:
            try:
                names = closing.enter_context(arguments.ids.open("w", encoding="utf-8"))
            except OSError as error:
                raise UserError(f"{arguments.ids}: cannot be written: {error.strerror}") from None
        closing.enter_context(asking(settings))
        client = closing.enter_context(connect(settings))
        account = audit(client, settings, since=arguments.since, wait=arguments.wait, names=names)
    if arguments.json:
        sys.stdout.write(json.dumps(account.fields(), indent=2) + "\n")
    else:
        sys.stdout.write("\n".join(sentences(account)) + "\n")
        sys.stderr.write(
            f"{account.records:,} records and {account.documents:,} documents "
            f"in {account.seconds:.1f} s\n"
        )
    return 1 if account.broken else 0 if account.settled else 3
