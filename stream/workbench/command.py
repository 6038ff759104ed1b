"""`python -m stream dead-letters`: what could not be used by cause, one by one, and back again."""

import argparse
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from stream.dead_letters import DeadLetter
from stream.errors import UserError
from stream.settings import load_settings
from stream.topics import DEAD_LETTER
from stream.workbench.letters import Choice, cause_of, id_of, latest
from stream.workbench.replaying import Left, filter_command, replay

UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Categories of characters that would move, hide or recolour what a terminal shows."""
HEX_BYTES = 4096
SHORTEST_ID = 4


@dataclass
class Cause:
    """The letters of one cause."""

    cause: str
    example: str
    first: datetime
    last: datetime
    open: int = 0
    replayed: int = 0
    """Those that were put back and have not failed since."""


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command `dead-letters` with its own commands."""
    command = commands.add_parser("dead-letters", help="list, show and replay the dead letters")
    actions = command.add_subparsers(dest="action", required=True, metavar="ACTION")
    group = actions.add_parser("list", help="the causes, the commonest first")
    add_choice(group)
    group.set_defaults(run=_list)
    one = actions.add_parser("show", help="one letter with the bytes it keeps")
    one.add_argument("ids", nargs=1, metavar="ID", type=_id, help="or the beginning of it")
    one.set_defaults(run=_show)
    back = actions.add_parser(
        "replay",
        help="put originals back on the topics they came from",
        description="Puts originals back, with their keys and headers, on the topics they came "
        "from. A repeat is harmless; a record that fails again replaces its letter. What ingest "
        "could not read was on no topic: `python -m ingest dead-letters` takes it.",
    )
    add_ids(back)
    add_choice(back)
    add_replay(back)
    back.set_defaults(run=_replay)


def add_ids(command: argparse.ArgumentParser) -> None:
    """Adds letters by id."""
    command.add_argument("ids", nargs="*", metavar="ID", type=_id, help="or the beginning of it")


def add_choice(command: argparse.ArgumentParser, *, station: bool = True) -> None:
    """Adds options that choose letters; without `station` they are of one anyway."""
    add = command.add_argument
    add("--cause", default="", metavar="TEXT", help="a part of the cause, as `list` writes it")
    if station:
        add("--station", default="", metavar="NAME", help="who could not use the record")
    add("--crawl", default="", metavar="ID", help="the crawl that collected it")
    add("--again", action="store_true", help="also those that have been replayed")


def add_replay(command: argparse.ArgumentParser) -> None:
    """Adds what says how to replay."""
    add = command.add_argument
    add("--all", action="store_true", help="every letter")
    add(
        "--fix",
        metavar="COMMAND",
        help="a filter that reads an original and writes the mended one, run for each without a "
        "shell: 'jq -c .post'; where it fails or writes nothing, the letter stays",
    )
    add("--dry-run", action="store_true", help="only name them")


def choice(arguments: argparse.Namespace) -> Choice:
    """Gives the letters that are meant; of a replay they must be named in some way.

    Raises:
        UserError: nothing chooses any.
    """
    ids = tuple(getattr(arguments, "ids", ()))
    station = getattr(arguments, "station", "")
    chosen = Choice(ids, arguments.cause, station, arguments.crawl, arguments.again)
    named = ids or chosen.cause or chosen.station or chosen.crawl
    if hasattr(arguments, "all") and not arguments.all and not named:
        raise UserError("which? Name ids, --cause, --station or --crawl, or say --all")
    return chosen


def report(outcomes: Iterator[Left | DeadLetter]) -> int:
    """Tells what became of each letter; 1 where one was left, or none was there."""
    back = left = 0
    for one in outcomes:
        if isinstance(one, Left):
            left += 1
            _say(f"{id_of(one.letter)}  left: {shown(one.reason)}")
        else:
            back += 1
    if not back + left:
        return _none()
    _say(f"{back:,} replayed, {left:,} left")
    return 1 if left else 0


def dry_run(letters: Iterator[DeadLetter]) -> int:
    """Names the letters that would be replayed; 1 where there is none."""
    found = False
    for one in letters:
        found = True
        _say(f"{id_of(one)}  {shown(one.source.place)}  {shown(cause_of(one))}")
    return 0 if found else _none()


def shown(text: str) -> str:
    """Gives a text in a form that cannot drive a terminal: one line, nothing unseen."""
    return "".join(
        f"\\u{{{ord(sign):x}}}" if unicodedata.category(sign) in UNSEEN else sign for sign in text
    )


def described(letter: DeadLetter) -> Iterator[str]:
    """Writes one letter: where and why, and the bytes, as text where they are UTF-8."""
    rows = {
        "id": id_of(letter),
        "place": letter.source.place,
        "station": f"{letter.station}, {letter.stage}",
        "reason": letter.reason,
        "failed": f"{letter.failed_at:%Y-%m-%d %H:%M:%S} UTC",
        "crawl": letter.crawl,
        "key": letter.original_key,
        "put back": _put_back(letter),
        **{f"header {name}": value for name, value in letter.headers.items()},
    }
    for name, value in rows.items():
        if value is not None:
            yield f"{shown(name):10} {shown(value)}"
    cut = "" if letter.whole else f", of which {len(letter.original or b''):,} are kept"
    if letter.original is None:
        yield f"{'original':10} no value at all (null)"
        return
    yield f"{'original':10} {letter.original_size:,} bytes{cut}"
    try:
        text = letter.original.decode()
    except UnicodeDecodeError:
        yield from _hexadecimal(letter.original)
    else:
        # The indent is ours: no line of the text can look like a row above.
        yield from (f"  {shown(line)}" for line in text.split("\n"))


def _put_back(letter: DeadLetter) -> str | None:
    times = f"{letter.replays} times before it failed like this" if letter.replays else ""
    since = f"at {letter.replayed_at:%Y-%m-%d %H:%M:%S} UTC" if letter.replayed_at else ""
    return ", ".join(part for part in (times, since) if part) or None


def _hexadecimal(data: bytes) -> Iterator[str]:
    for start in range(0, min(len(data), HEX_BYTES), 16):
        row = data[start : start + 16]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        yield f"  {start:08x}  {row.hex(' '):47}  {text}"
    if len(data) > HEX_BYTES:
        yield f"  and {len(data) - HEX_BYTES:,} bytes more"


def _list(arguments: argparse.Namespace) -> int:
    causes: dict[str, Cause] = {}
    every = Choice((), arguments.cause, arguments.station, arguments.crawl, again=True)
    for letter in latest(load_settings(), every):
        name, at = cause_of(letter), letter.failed_at
        one = causes.setdefault(name, Cause(name, id_of(letter), at, at))
        one.first, one.last = min(one.first, at), max(one.last, at)
        if letter.replayed_at is not None:
            one.replayed += 1
        else:
            one.open += 1
            one.example = id_of(letter)
    for one in sorted(causes.values(), key=lambda cause: -cause.open):
        if not one.open and not arguments.again:
            continue
        times = f"{one.first:%Y-%m-%d %H:%M} to {one.last:%Y-%m-%d %H:%M} UTC"
        replayed = f", {one.replayed:,} replayed" if one.replayed else ""
        _say(f"{one.open:>7,}  {shown(one.cause)}")
        _say(f"         {times}, for example {one.example}{replayed}")
    letters = sum(one.open for one in causes.values())
    replayed_ = sum(one.replayed for one in causes.values())
    _say(f"{letters:,} dead letters; {replayed_:,} more were replayed and have not failed since")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    (start,) = arguments.ids
    found = list(latest(load_settings(), Choice((start,), again=True)))
    if not found:
        raise UserError(f"no letter on {DEAD_LETTER.name} has an id that begins with {start}")
    if len(found) > 1:
        raise UserError(f"{len(found)} letters have ids that begin with {start}: write more of it")
    for line in described(found[0]):
        _say(line)
    return 0


def _replay(arguments: argparse.Namespace) -> int:
    settings = load_settings()
    letters = latest(settings, choice(arguments))
    if arguments.dry_run:
        return dry_run(letters)
    fix = filter_command(arguments.fix) if arguments.fix else None
    return report(replay(settings, letters, fix))


def _id(text: str) -> str:
    if len(text) < SHORTEST_ID or set(text) - set("0123456789abcdef"):
        raise argparse.ArgumentTypeError(f"{text}: must be an id, or its first four digits or more")
    return text


def _none() -> int:
    _say("no letter matches (--again: also those that have been replayed)")
    return 1


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
