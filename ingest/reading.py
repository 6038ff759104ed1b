"""Inputs to records and dead letters: every line becomes one or the other."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from ingest.inputs import Input, Line
from ingest.payloads import clean_text
from ingest.shapes import Sight, pieces
from ingest.sightings import Outcome, Refusal
from stream.dead_letters import DeadLetter, Source, Stage, dead_letter
from stream.posts import Collected

STATION = "ingest"


@dataclass(frozen=True, slots=True)
class Found:
    """A record together with the line it came from."""

    record: Collected
    file: str
    line: Line
    alone: bool = True
    """Whether the line holds nothing else."""

    def letter(self, stage: Stage, reason: str) -> DeadLetter:
        """Makes the dead letter of a record that turned out to be unusable."""
        part = "" if self.alone else f"#{self.record.key}"
        return letter(stage, reason, self.file, self.line, self.record.origin.crawl, part)


def read(inputs: Sequence[Input], sight: Sight) -> Iterator[Found | DeadLetter]:
    """Gives what is in the inputs, in order.

    Raises:
        UserError: an input cannot be read.
    """
    for source in inputs:
        lines = source.lines()
        for first in lines:
            if not first.blank:
                for line, outcomes in pieces(source, first, chain([first], lines), sight):
                    crawl = sight(source).origin.crawl
                    yield from told(source.name, line, list(outcomes), crawl)


def letter(
    stage: Stage, reason: str, file: str, line: Line, crawl: str, part: str = "", data: Any = None
) -> DeadLetter:
    """Makes the dead letter of a line, or of a part of it; a long line is cut, its size kept."""
    name = clean_text(file + part)[-512:]
    made = dead_letter(
        STATION,
        stage,
        reason,
        Source(file=name, line=line.number or None),
        line.data if data is None else data,
        crawl=crawl,
    )
    return made if data is not None else made.model_copy(update={"original_size": line.size})


def told(
    file: str, line: Line, outcomes: Sequence[Outcome], crawl: str
) -> Iterator[Found | DeadLetter]:
    """Gives the records of a line, and a dead letter for each part of it that is none."""
    alone = len(outcomes) == 1
    for outcome in outcomes:
        if not isinstance(outcome, Refusal):
            yield Found(outcome, file, line, alone)
            continue
        # A part among others is a dead letter by itself, under a name of its own.
        data = None if alone else _bytes(outcome.part)
        part = "" if alone else f"#{outcome.pointer}"
        yield letter("receiving", outcome.reason, file, line, crawl, part, data)


def _bytes(part: Any) -> bytes | None:
    try:
        return json.dumps(part, ensure_ascii=False).encode()
    except RecursionError:
        return None
