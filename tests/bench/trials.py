"""Sides that do the same work, measured in turn: A B C, B C A, C A B ..., and their ratios.

Side by side within a round, so that whatever else the machine does meets all of them; each round
begins with another, so that none is always the first. A ratio is made within each round; its
median, lowest and highest over the rounds are what is said.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, NamedTuple

EFFORTS = ("seconds", "cpu")


@dataclass(frozen=True)
class Run:
    """One side's turn.

    Attributes:
        records: how many it did.
        seconds: how long that took, on the wall.
        cpu: processor seconds of what is measured, over all its processes and threads.
        more: further numbers by name, with their unit at the end: `p99_ms`, `macro_f1`.
    """

    records: int
    seconds: float
    cpu: float
    more: Mapping[str, float] = field(default_factory=dict)

    def number(self, name: str) -> float:
        """Gives seconds or processor seconds a record, or a further number by its name.

        Raises:
            KeyError: this run has no such number.
        """
        if name in EFFORTS:
            return float(getattr(self, name)) / self.records
        return self.more[name]


Side = Callable[[], Run]
Rounds = Mapping[str, Sequence[Run]]


class Ratio(NamedTuple):
    """Over the rounds."""

    median: float
    lowest: float
    highest: float


@dataclass(frozen=True)
class Goal:
    """Ours against a peer.

    By `seconds` or `cpu` and `at_least`, the ratio is how many times as many records a second (of
    the wall, of a processor) ours does; with `at_least=False` how many times as much a record
    costs. By any other number, it is ours over the peer's.
    """

    ours: str
    peer: str
    times: float
    by: Literal["seconds", "cpu"] | str = "seconds"
    at_least: bool = True

    def ratio(self, rounds: Rounds) -> Ratio:
        """Gives the ratio, from each round's own."""
        over = [
            ours.number(self.by) / peer.number(self.by)
            for ours, peer in zip(rounds[self.ours], rounds[self.peer], strict=True)
        ]
        if self.at_least and self.by in EFFORTS:
            over = [1 / one for one in over]
        return Ratio(statistics.median(over), min(over), max(over))

    def reached(self, rounds: Rounds) -> bool:
        """Whether the median is on the right side."""
        median = self.ratio(rounds).median
        return median >= self.times if self.at_least else median <= self.times


@dataclass(frozen=True)
class Limit:
    """What a number of one side may be at most, whatever a peer does.

    Attributes:
        by: `seconds` or `cpu` (both in microseconds a record), or a further number by its name.
    """

    side: str
    by: str
    at_most: float

    def measured(self, rounds: Rounds) -> Ratio:
        """Gives the number over the rounds."""
        unit = 1e6 if self.by in EFFORTS else 1.0
        numbers = [one.number(self.by) * unit for one in rounds[self.side]]
        return Ratio(statistics.median(numbers), min(numbers), max(numbers))

    def reached(self, rounds: Rounds) -> bool:
        """Whether the median is within it."""
        return self.measured(rounds).median <= self.at_most


@dataclass(frozen=True)
class Bench:
    """What is measured against what.

    Attributes:
        about: what is measured, in two sentences.
        sides: sets up, gives the sides by name, ours first, and tears down.
        peers: whether the sides do the same work, so that the first is compared with the others.
    """

    name: str
    title: str
    about: str
    sides: Callable[[], AbstractContextManager[Mapping[str, Side]]]
    goals: Sequence[Goal] = ()
    limits: Sequence[Limit] = ()
    peers: bool = True

    def run(self, rounds: int, told: Callable[[str], object]) -> dict[str, list[Run]]:
        """Runs every side once a round, and tells of each turn."""
        with self.sides() as sides:
            done: dict[str, list[Run]] = {name: [] for name in sides}
            for number in range(rounds):
                for name in self._order(list(sides), number):
                    run = sides[name]()
                    done[name].append(run)
                    told(f"{number + 1}/{rounds} {name}: {spoken(run)}")
        return done

    def _order(self, names: list[str], number: int) -> list[str]:
        """Whose turn it is in a round; where they are no peers, one may need what another left."""
        first = number % len(names) if self.peers and names else 0
        return names[first:] + names[:first]

    def result(self, rounds: Rounds) -> dict[str, Any]:
        """Gives what was wanted and every run, for the raw file."""
        return {
            "bench": self.name,
            "title": self.title,
            "about": self.about,
            "peers": self.peers,
            "goals": [asdict(one) for one in self.goals],
            "limits": [asdict(one) for one in self.limits],
            "sides": {name: [asdict(one) for one in runs] for name, runs in rounds.items()},
        }


def spoken(run: Run) -> str:
    """Says a run in a line."""
    rate, cost = run.records / run.seconds, run.cpu / run.records * 1e6
    more = "".join(f", {name} {value:,.4g}" for name, value in run.more.items())
    return (
        f"{run.records:,} records in {run.seconds:.3f} s, {rate:,.0f} a second,"
        f" {cost:,.2f} µs of processor each{more}"
    )
