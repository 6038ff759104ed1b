"""The law of the line: every post collected is indexed, deleted, a dead letter, or past its time.

Judged for one id at a time, from all that the topics and the index say of it; nothing is asked
here. `stream/audit/account.py` gathers the facts.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from typing import NamedTuple

from stream.topics import CLASSIFIED, COLLECTED, STATIONS


class Kind(IntEnum):
    """What a fact is about."""

    COLLECTED_POST = 0
    COLLECTED_DELETION = 1
    CLASSIFIED_POST = 2
    CLASSIFIED_DELETION = 3
    DOCUMENT = 4
    TOMBSTONE = 5
    AUTHOR_GONE = 6
    """A post goes with its author, whose deletion is on record."""


class State(IntEnum):
    """How far a record of a topic has come."""

    DONE = 0
    """The station behind the topic has committed it."""
    WAITING = 1
    DEAD = 2
    """A dead letter keeps it."""


class Fact(NamedTuple):
    """One thing that is known of an id."""

    key: str
    kind: Kind
    month: str = ""
    """Of the post's own time, `2026.03`; of a document, where it lies."""
    version: int = 0
    """Of the observation, in milliseconds."""
    state: State = State.DONE
    at: int = 0
    """In milliseconds since 1970: when a document was classified (0 where it does not say), or when
    a tombstone was asked for once more."""


class Fate(StrEnum):
    """What became of the posts of one id."""

    INDEXED = "indexed"
    DELETED = "deleted"
    DEAD = "dead letter"
    FILTERED = "past its time"
    WAITING = "on its way"
    LOST = "lost"


class Fault(StrEnum):
    """How an id breaks the law."""

    NOT_CLASSIFIED = f"posts of {COLLECTED.name} that are not on {CLASSIFIED.name}"
    NOT_INDEXED = f"posts of {CLASSIFIED.name} that are not indexed"
    DELETION_NOT_PASSED_ON = f"deletions of {COLLECTED.name} that are not on {CLASSIFIED.name}"
    DELETION_NOT_REMEMBERED = f"deletions of {CLASSIFIED.name} that are not on record"
    NOT_ERASED = "deleted posts that are still indexed"
    NEVER_ASKED = "deletions on record that no topic asked for"
    WRONG_MONTH = "documents in another month than the post's"
    STRANGER = "documents that came from no topic"


AT_FAULT = {
    Fault.NOT_CLASSIFIED: "classifier",
    Fault.DELETION_NOT_PASSED_ON: "classifier",
    Fault.NOT_INDEXED: "indexer",
    Fault.DELETION_NOT_REMEMBERED: "indexer",
    Fault.NOT_ERASED: "indexer",
    Fault.WRONG_MONTH: "indexer",
}
"""The station; where none is named, somebody else wrote to the index."""

BY_HAND = {
    Fault.NEVER_ASKED: "delete them from emotions-deletions-v1, by id, for they keep the post out; "
    "then rewind the indexer",
    Fault.WRONG_MONTH: "delete the document in the wrong month, by index and id",
    Fault.STRANGER: "delete them, by index and id, and see who else may write to the index",
}
"""What no station mends by reading its topic once more."""


@dataclass(frozen=True)
class Terms:
    """What is allowed, and what can be known."""

    past: frozenset[str] = frozenset()
    """The months whose posts need not be there any more."""
    known_from: int = 0
    """From when on the topics hold every record, in milliseconds since 1970; 0: from the first."""
    known_until: int = 2**62
    """What was classified later may come from records that were not read."""
    latest: int = 2**62
    """Nobody can have classified anything later: the time of asking, and what clocks may differ."""


@dataclass(frozen=True)
class Verdict:
    """What one id comes to."""

    fate: Fate | None
    """None where no post of this id was collected."""
    faults: tuple[Fault, ...] = ()
    older: int = 0
    """Documents and deletions that are older than what the topics hold: nobody can know."""


def judge(facts: Sequence[Fact], terms: Terms) -> Verdict:
    """Judges one id by all that is known of it."""
    of: dict[Kind, list[Fact]] = {kind: [] for kind in Kind}
    for fact in facts:
        of[fact.kind].append(fact)
    collected, classified = of[Kind.COLLECTED_POST], of[Kind.CLASSIFIED_POST]
    deleted = bool(of[Kind.TOMBSTONE])
    documents = {one.month: one.version for one in of[Kind.DOCUMENT]}
    passed_on = {(one.month, one.version) for one in classified}

    def answered(post: Fact) -> bool:
        """Whether the index holds this observation or a newer one, or must not hold any."""
        kept = documents.get(post.month, -1) >= post.version
        return kept or deleted or post.month in terms.past

    open_ = [one for one in collected if one.state is State.DONE and not answered(one)]
    faults: list[Fault] = []
    # A letter of the indexer whose record its topic does not hold any more says no version.
    buried = any(not one.month and one.state is State.DEAD for one in classified)
    if not buried and any((one.month, one.version) not in passed_on for one in open_):
        faults.append(Fault.NOT_CLASSIFIED)
    if any(one.state is State.DONE and not answered(one) for one in classified):
        faults.append(Fault.NOT_INDEXED)
    lost = bool(faults)
    verdict = _deletions(of, terms, deleted)
    faults += verdict.faults
    strange = _documents(of[Kind.DOCUMENT], [*collected, *classified], terms)
    faults += strange.faults
    fate = None
    if collected:
        waits = any(
            one.state is State.WAITING and not answered(one) for one in [*collected, *classified]
        )
        fate = (
            Fate.LOST if lost
            else Fate.DELETED if deleted
            else Fate.WAITING if waits
            else Fate.INDEXED if documents
            else Fate.FILTERED if any(one.month in terms.past for one in collected)
            else Fate.DEAD
        )  # fmt: skip
    return Verdict(fate, tuple(faults), verdict.older + strange.older)


def mends(faults: Collection[Fault]) -> Iterator[str]:
    """Says how each of these is mended."""
    for station in STATIONS:
        if any(AT_FAULT.get(fault) == station and fault not in BY_HAND for fault in faults):
            yield f"stop every {station}, run `python -m stream rewind {station}`, start it again"
    for fault, mend in BY_HAND.items():
        if fault in faults:
            yield f"{fault.value}: {mend}"


def _deletions(of: dict[Kind, list[Fact]], terms: Terms, deleted: bool) -> Verdict:
    """Judges whether what was deleted is on record and gone, and was asked to be."""
    collected, classified = of[Kind.COLLECTED_DELETION], of[Kind.CLASSIFIED_DELETION]
    faults = []
    older = 0
    if not deleted:
        if not classified and any(one.state is State.DONE for one in collected):
            faults.append(Fault.DELETION_NOT_PASSED_ON)
        if any(one.state is State.DONE for one in classified):
            faults.append(Fault.DELETION_NOT_REMEMBERED)
    else:
        if of[Kind.DOCUMENT]:
            faults.append(Fault.NOT_ERASED)
        asked = collected or classified or of[Kind.AUTHOR_GONE]
        if not asked and all(one.at < terms.known_until for one in of[Kind.TOMBSTONE]):
            if terms.known_from:
                older = 1
            else:
                faults.append(Fault.NEVER_ASKED)
    return Verdict(None, tuple(faults), older)


def _documents(documents: Sequence[Fact], posts: Sequence[Fact], terms: Terms) -> Verdict:
    """Judges whether each document came from a record, and lies in that record's month."""
    verdict = Verdict(None)
    places = {(one.month, one.version) for one in posts}
    versions = {one.version for one in posts}
    for one in documents:
        if (one.month, one.version) in places:
            continue
        if one.version in versions:
            verdict = replace(verdict, faults=(*verdict.faults, Fault.WRONG_MONTH))
        elif terms.known_from and 0 < one.at < terms.known_from:
            verdict = replace(verdict, older=verdict.older + 1)
        elif not terms.known_until < one.at <= terms.latest:
            verdict = replace(verdict, faults=(*verdict.faults, Fault.STRANGER))
    return verdict
