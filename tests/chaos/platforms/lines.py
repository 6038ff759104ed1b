"""A live source for the tests: the lines of a file, at a pace, with the next line as its cursor."""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from ingest import own
from ingest.context import Context
from ingest.sightings import Outcome, Refusal, Sighting
from ingest.sources import Allowance, Arrival, Cursor, Gap, LiveSource, Pause, Told
from stream.errors import InvalidRecord
from stream.settings import Settings

NAME = "lines"
HELP = "the lines of a file"
TOGETHER = 20
"""Lines between two pauses; at each the crawl sends what it has and saves the cursor."""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--file", type=Path)
    parser.add_argument("--rate", type=float, default=0.0)


def make(arguments: argparse.Namespace, settings: Settings, context: Context) -> LiveSource:
    return Lines(arguments.file, arguments.rate, context)


class Lines:
    platform = NAME

    def __init__(self, file: Path, rate: float, context: Context) -> None:
        self._file, self._rate, self._context = file, rate, context

    def read(self, cursor: Cursor | None) -> Iterator[Arrival | Gap | Pause]:
        lines = self._file.read_bytes().splitlines()
        sighting = self._context.sighting("lines")
        for number in range(cursor["line"] if cursor else 0, len(lines)):
            data = lines[number]
            yield Arrival(data, [_outcome(data, sighting)], f"lines {number}", {"line": number + 1})
            if number % TOGETHER == 0:
                yield Pause()
                if self._rate:
                    self._context.stop.wait(TOGETHER / self._rate)

    def check(self) -> Told:
        return Told()

    def plan(self) -> Sequence[str]:
        return ()

    def allowances(self) -> Sequence[Allowance]:
        return ()


def _outcome(data: bytes, sighting: Sighting) -> Outcome:
    try:
        return own.record(json.loads(data), sighting)
    except (InvalidRecord, ValueError) as error:
        return Refusal(str(error))
