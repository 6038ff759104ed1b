"""What the laboratory's commands on posts share: where posts come from, and what is asked for."""

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stream.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from classifier.lab.shapes import Sample

MODEL = "a run, or an artifact folder (default: EMOSTREAM_MODEL, else the shipped one)"


def add_source(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Adds the options that say which posts are read."""
    parser.add_argument(
        "--from", dest="where", metavar="WHERE", required=required,
        help="kafka (posts.classified, or kafka:posts.collected), elasticsearch, a file of lines,"
        " .tsv or NDJSON, or - for standard input",
    )  # fmt: skip
    parser.add_argument(
        "--limit",
        type=count,
        metavar="N",
        help="read so many posts at most: the newest of Kafka and the index",
    )
    parser.add_argument(
        "--since", type=_time, metavar="TIME", help="posts from then on, by their own time"
    )
    parser.add_argument("--until", type=_time, metavar="TIME", help="posts from before")


def posts(arguments: argparse.Namespace, limit: int | None = None) -> "Iterator[Sample]":
    """The posts that a command line asks for."""
    from classifier.lab import sources

    wanted = sources.Wanted(
        arguments.where, arguments.limit or limit, arguments.since, arguments.until
    )
    return sources.read(wanted, load_settings())


def named(arguments: argparse.Namespace) -> str:
    """What is read, in words."""
    since, until = (one and f"{one:%Y-%m-%d %H:%M}" for one in (arguments.since, arguments.until))
    span = f"{f' from {since}' if since else ''}{f' to {until}' if until else ''}"
    return f"{arguments.where}{span}"


def origin(arguments: argparse.Namespace) -> dict[str, Any]:
    """What is read, for a record: a file with its digest."""
    from classifier.lab import claims

    path = Path(arguments.where)
    return {
        "from": arguments.where,
        "sha256": claims.of_path(path) if path.is_file() else None,
        "limit": arguments.limit,
        "since": arguments.since and arguments.since.isoformat(),
        "until": arguments.until and arguments.until.isoformat(),
    }


def count(text: str) -> int:
    """A number from 1 on, of the command line."""
    return int(_number(text, int, 1, None))


def share(text: str) -> float:
    """A number from 0 to 1, of the command line."""
    return float(_number(text, float, 0, 1))


def _number(text: str, kind: Callable[[str], Any], least: float, most: float | None) -> Any:
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not least <= value <= (most if most is not None else value):
        limits = f"from {least} to {most}" if most is not None else f"{least} or more"
        raise argparse.ArgumentTypeError(f"{text}: must be a number, {limits}")
    return value


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text}: write a time such as 2026-11-01 or 2026-11-01T12:00+01:00"
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def command_line() -> str:
    """The command as it was typed."""
    return " ".join(["python -m classifier", *sys.argv[1:]])
