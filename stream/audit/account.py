"""Whether the law holds on a live line, to the record: asked of the topics and of the index.

Kafka's offsets are read first, the documents last: whatever a station has committed is in the index
by then. The deletions on record are read before the topics, so that each was asked for there. An id
that seems to break the law is asked for once more, because it may have been deleted meanwhile.
"""

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TextIO

from elasticsearch import Elasticsearch

from stream import offsets
from stream.audit import facts
from stream.audit.law import (
    AT_FAULT,
    Fact,
    Fate,
    Fault,
    Kind,
    State,
    Terms,
    Verdict,
    judge,
    mends,
)
from stream.broker import read_to_end
from stream.errors import Backpressure, UserError
from stream.index import PAGE, is_over, refresh, version_of
from stream.offsets import Reach
from stream.posts import FIRST_POST, is_author_key
from stream.settings import Settings
from stream.topics import CLASSIFIED, DEAD_LETTER, STATIONS, Topic
from stream.workbench.letters import DeadPlaces

Stations = Mapping[str, Topic]
"""The topic before each station."""
POLL_SECONDS = 0.5
SHOWN = 10
MARGIN_MS = 60_000
"""What was classified so shortly before may have been written to its topic after we had read it."""
SKEW_MS = 300_000
"""So much may the clock of a classifier be ahead of ours."""

Reaches = Mapping[str, Mapping[int, Reach]]


@dataclass
class Account:
    """What became of every post and deletion that the topics hold."""

    settled: bool = True
    """Whether, after the wait that was asked for, nothing of then was on its way any more."""
    fates: Counter[Fate] = field(default_factory=Counter)
    faults: Counter[Fault] = field(default_factory=Counter)
    examples: dict[Fault, list[str]] = field(default_factory=dict)
    offsets: list[str] = field(default_factory=list)
    """What is wrong with how far a station has come."""
    deletions: int = 0
    """Ids of which a deletion was collected."""
    lag: dict[str, int] = field(default_factory=dict)
    older: int = 0
    """Documents and deletions older than what the topics hold: nobody can know."""
    others: int = 0
    """Records of other kinds than posts and deletions of posts."""
    of_inputs: int = 0
    """Dead letters about what never was on a topic: lines of files, payloads of platforms."""
    foreign: int = 0
    records: int = 0
    documents: int = 0
    seconds: float = 0.0

    @property
    def broken(self) -> bool:
        """Whether the law is broken, and not only things on their way."""
        return bool(self.faults or self.offsets)

    @property
    def holds(self) -> bool:
        """Whether the law holds."""
        return self.settled and not self.broken

    @property
    def mends(self) -> list[str]:
        """How to mend what is broken."""
        return list(mends(self.faults))

    @property
    def posts(self) -> int:
        """How many posts were collected, by id."""
        return self.fates.total()

    def fields(self) -> dict[str, Any]:
        """Gives everything for a program."""
        return {
            "holds": self.holds,
            "settled": self.settled,
            "posts": self.posts,
            "fates": {fate.value: self.fates[fate] for fate in Fate},
            "deletions": self.deletions,
            "faults": {
                fault.name.lower(): {
                    "meaning": fault.value,
                    "station": AT_FAULT.get(fault),
                    "ids": number,
                    "examples": self.examples[fault],
                }
                for fault, number in self.faults.items()
            },
            "offsets": self.offsets,
            "mends": self.mends,
            "lag": self.lag,
            "unknowable": self.older,
            "records_of_other_kinds": self.others,
            "dead_letters_of_inputs": self.of_inputs,
            "records_that_are_no_dead_letters": self.foreign,
            "records_read": self.records,
            "documents": self.documents,
            "seconds": round(self.seconds, 3),
        }


def audit(
    client: Elasticsearch,
    settings: Settings,
    *,
    stations: Stations = STATIONS,
    since: datetime | None = None,
    wait: float = 0.0,
    names: TextIO | None = None,
) -> Account:
    """Makes the account; `names` gets a line of JSON for every id that breaks the law.

    Args:
        client: reads the index.
        settings: where the topics are, and how long posts are kept.
        stations: which line it is.
        since: only what was written to the topics since then is looked at.
        wait: seconds to wait for what is on its way now.
        names: where the ids go.

    Raises:
        UserError: no broker answers, or it gives nothing any more.
    """
    began = time.monotonic()
    account = Account(settled=_settle(settings, stations, wait))
    with closing(facts.Facts()) as gathered:
        terms = _gather(client, settings, stations, since, account, gathered)
        for page in _pages(gathered, terms, account):
            asked_again = _asked_again(client, page)
            _name(asked_again, replace(terms, latest=_latest()), account, names)
    account.seconds = time.monotonic() - began
    return account


def _gather(
    client: Elasticsearch,
    settings: Settings,
    stations: Stations,
    since: datetime | None,
    account: Account,
    gathered: facts.Facts,
) -> Terms:
    until = version_of(datetime.now(UTC)) - MARGIN_MS
    reaches = _reaches(settings, stations)
    account.offsets = list(_wrong_offsets(reaches, stations))
    account.lag = {
        station: sum(one.lag for one in reach.values()) for station, reach in reaches.items()
    }
    refresh(client)
    gone: set[str] = set()
    gathered.add(_noting_authors(facts.tombstones(client), gone))
    dead = DeadPlaces(
        {
            stations[station].name: {one.partition: one.begin for one in reach.values()}
            for station, reach in reaches.items()
        }
    )
    readings = {}
    try:
        # The letters of what is done were written before it was committed.
        for received in read_to_end(settings, DEAD_LETTER, since):
            dead.add(received)
        gathered.add(
            Fact(key, Kind.CLASSIFIED_POST, state=State.DEAD)
            for topic_name, key in dead.beyond
            if topic_name == CLASSIFIED.name
        )
        for station, topic in stations.items():
            reading = readings[station] = facts.Reading(topic, reaches[station], dead, gone)
            gathered.add(reading.facts(settings, since))
    except Backpressure as pressure:
        raise UserError(f"{pressure}: see that the broker is well, and ask again") from None
    account.of_inputs, account.foreign = dead.of_inputs, dead.foreign
    account.others = sum(one.others for one in readings.values())
    account.records = sum(one.records.total() for one in readings.values())
    refresh(client)
    gathered.add(facts.documents(client))
    known_from = max(offsets.complete_from(settings, topic) for topic in stations.values())
    return Terms(
        past=_past(settings.retention_months),
        known_from=max(known_from, version_of(since) if since else 0),
        known_until=until,
        latest=_latest(),
    )


def _latest() -> int:
    return version_of(datetime.now(UTC)) + SKEW_MS


def _noting_authors(tombstones: Iterator[Fact], gone: set[str]) -> Iterator[Fact]:
    for one in tombstones:
        if is_author_key(one.key):
            gone.add(one.key)
        yield one


def _pages(gathered: facts.Facts, terms: Terms, account: Account) -> Iterator[list[Sequence[Fact]]]:
    """Counts what keeps the law, and gives the facts of the ids that seem to break it."""
    page: list[Sequence[Fact]] = []
    for of_id in gathered.by_id():
        verdict = judge(of_id, terms)
        account.documents += sum(one.kind is Kind.DOCUMENT for one in of_id)
        account.deletions += any(one.kind is Kind.COLLECTED_DELETION for one in of_id)
        if not verdict.faults:
            _count(verdict, account)
            continue
        page.append(of_id)
        if len(page) >= PAGE:
            yield page
            page = []
    if page:
        yield page


def _asked_again(client: Elasticsearch, page: Sequence[Sequence[Fact]]) -> list[Sequence[Fact]]:
    """Replaces what the index said of some ids by what it says now.

    A deletion that was on record before the topics were read stays as old as it was.
    """
    refresh(client)
    now: dict[str, list[Fact]] = {of_id[0].key: [] for of_id in page}
    before = {one.key: one for of_id in page for one in of_id if one.kind is Kind.TOMBSTONE}
    for one in facts.in_the_index(client, list(now)):
        now[one.key].append(before.get(one.key, one) if one.kind is Kind.TOMBSTONE else one)
    of_topics = (Kind.DOCUMENT, Kind.TOMBSTONE)
    return [
        [*(one for one in of_id if one.kind not in of_topics), *now[of_id[0].key]] for of_id in page
    ]


def _name(
    page: Sequence[Sequence[Fact]], terms: Terms, account: Account, names: TextIO | None
) -> None:
    for of_id in page:
        verdict = judge(of_id, terms)
        _count(verdict, account)
        for fault in verdict.faults:
            account.faults[fault] += 1
            examples = account.examples.setdefault(fault, [])
            if len(examples) < SHOWN:
                examples.append(of_id[0].key)
            if names is not None:
                line = {"id": of_id[0].key, "fault": fault.value, "station": AT_FAULT.get(fault)}
                names.write(json.dumps(line) + "\n")


def _count(verdict: Verdict, account: Account) -> None:
    if verdict.fate is not None:
        account.fates[verdict.fate] += 1
    account.older += verdict.older


def _settle(settings: Settings, stations: Stations, wait: float) -> bool:
    """Waits until what is on its way now has passed both stations; False where it has not."""
    deadline = time.monotonic() + wait
    for station, topic in stations.items():
        ends = {one.partition: one.end for one in _reach(settings, topic, station).values()}
        while wait and any(
            one.done < ends[one.partition] and one.lag
            for one in _reach(settings, topic, station).values()
        ):
            if time.monotonic() >= deadline:
                return False
            time.sleep(POLL_SECONDS)
    return True


def _reaches(settings: Settings, stations: Stations) -> Reaches:
    return {station: _reach(settings, topic, station) for station, topic in stations.items()}


def _reach(settings: Settings, topic: Topic, station: str) -> dict[int, Reach]:
    return offsets.reach(settings, topic, station)


def _wrong_offsets(reaches: Reaches, stations: Stations) -> Iterator[str]:
    for station, reach in reaches.items():
        for one in reach.values():
            place = f"{stations[station].name}[{one.partition}]"
            if one.done > one.end:
                yield (
                    f"the {station} has committed offset {one.done:,} of {place}, which ends at "
                    f"{one.end:,}: what comes there until then will not be read; stop every "
                    f"{station}, run `python -m stream rewind {station}`, start it again"
                )
            if one.unread:
                yield (
                    f"{one.unread:,} records of {place} were past the topic's retention before the "
                    f"{station} had read them: nobody can name them"
                )


def _past(months: int | None) -> frozenset[str]:
    if months is None:
        return frozenset()
    now = datetime.now(UTC)
    every = (
        f"{year:04d}.{month:02d}"
        for year in range(FIRST_POST.year, now.year + 1)
        for month in range(1, 13)
    )
    return frozenset(one for one in every if is_over(one, months, now))
