"""`python -m stream rewind`: a station reads its topic again, and writes what is missing behind it.

Harmless by the same means as every repeat: ids and versions make one document of each post.
"""

import argparse
import sys

from stream import offsets
from stream.audit.command import past
from stream.settings import load_settings
from stream.topics import STATIONS


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command `rewind`."""
    command = commands.add_parser(
        "rewind",
        help="make a station read its topic again, and write what is missing behind it",
        description="Sets the station's consumer group back on its topic, never forward. Stop "
        "every worker of the station first: a group with members is left alone.",
    )
    command.add_argument("station", choices=STATIONS)
    command.add_argument(
        "--since",
        type=past,
        metavar="TIME",
        help="only what was put on the topic since then; without it, all that the topic holds",
    )
    command.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    station = arguments.station
    topic = STATIONS[station]
    again = offsets.rewind(load_settings(), topic, station, arguments.since)
    sys.stdout.write(f"the {station} will read {again:,} records of {topic.name} again\n")
    return 0
