"""What must be there at the end, from what went in: a model that knows nothing else.

The one thing it asks of the line is the classifier's predictor, for the labels.

For each post the newest sight of it, unless the post was ever deleted, or its author with all posts
until then; each deletion on record; a dead letter for each record that nobody could use. Nothing
else, and nothing twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from classifier.predictor import Predictor
from tests.chaos.inputs import PLATFORM, Inputs


class Document(NamedTuple):
    """One document, as far as the oracle knows what it holds."""

    key: str
    month: str
    version: int
    text: str


@dataclass
class State:
    """What is there, or must be."""

    documents: list[Document] = field(default_factory=list)
    deletions: set[str] = field(default_factory=set)
    letters: set[tuple[str, bytes]] = field(default_factory=set)
    """Station, and the record: its bytes, or its key where a station on the way rewrote it."""
    labels: dict[str, Any] = field(default_factory=dict)
    """Of each document what the classifier says of its text."""


def expected(inputs: Inputs) -> State:
    """Says what the line must hold of a crawl when it is at rest."""
    state = State()
    newest: dict[str, Document] = {}
    until: dict[str, int] = {}
    for one in inputs.ingest:
        if one.means == "unreadable":
            state.letters.add(("ingest", one.data))
        elif one.means == "refused":
            state.letters.add(("indexer", one.key.encode()))
        elif one.means == "deletion":
            state.deletions.add(one.key)
        elif one.means == "author gone":
            state.deletions.add(one.key)
            until[one.key] = max(one.moment, until.get(one.key, 0))
        elif one.key not in newest or one.observed > newest[one.key].version:
            newest[one.key] = Document(one.key, one.month, one.observed, one.text)
    state.deletions |= {
        one.key for one in inputs.ingest if one.author and one.moment <= until.get(one.author, -1)
    }
    state.documents = [one for key, one in newest.items() if key not in state.deletions]
    state.letters |= {("classifier", data) for data in inputs.collected}
    state.letters |= {("indexer", data) for data in inputs.classified}
    return state


def label(state: State, predictor: Predictor) -> None:
    """Adds what the classifier says of each text, asked directly."""
    texts = [one.text for one in state.documents]
    predictions = predictor.predict(texts, ["en"] * len(texts))
    for one, found in zip(state.documents, predictions, strict=True):
        state.labels[one.key] = (found.probabilities, list(found.emotions), found.primary)


def violations(wanted: State, found: State) -> Iterator[str]:
    """Names everything that is not as it must be."""
    by_key: dict[str, list[Document]] = {}
    for one in found.documents:
        by_key.setdefault(one.key, []).append(one)
    for want in wanted.documents:
        have = by_key.pop(want.key, [])
        if not have:
            yield f"{want.key}: lost"
        elif len(have) > 1:
            yield f"{want.key}: there {len(have)} times"
        elif have[0] != want:
            yield f"{want.key}: {_difference(want, have[0])}"
        elif wanted.labels[want.key] != found.labels[want.key]:
            yield f"{want.key}: the labels are not the classifier's"
    for key in by_key:
        yield f"{key}: there, though " + ("deleted" if key in wanted.deletions else "never sent")
    yield from _differing(wanted, found)


def _differing(wanted: State, found: State) -> Iterator[str]:
    for key in wanted.deletions - found.deletions:
        yield f"{key}: its deletion is not on record"
    for key in found.deletions - wanted.deletions:
        yield f"{key}: a deletion is on record that nobody sent"
    for station, record in wanted.letters - found.letters:
        yield f"no dead letter from {station} for {record[:80]!r}"
    for station, record in found.letters - wanted.letters:
        yield f"a dead letter from {station} too many, for {record[:80]!r}"


def _difference(want: Document, have: Document) -> str:
    names = [n for n in want._fields if getattr(want, n) != getattr(have, n)]
    return ", ".join(f"{n} is {getattr(have, n)!r}, not {getattr(want, n)!r}" for n in names)


def letter_of(station: str, original: bytes, original_key: str | None) -> tuple[str, bytes]:
    """Names a dead letter as `State.letters` does."""
    rewritten = station == "indexer" and (original_key or "").startswith(f"{PLATFORM}:")
    return station, (original_key or "").encode() if rewritten else original
