"""Every post that was sent is indexed, deleted, or a dead letter: shown, not believed.

What was sent is read from `posts.collected`, what became of it from the index, the deletions'
index and `posts.dead-letter`. The sum is made over sets of keys, so that a post which is in two
of these places counts once: deleted before anything, then indexed, then dead letter.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from elasticsearch import ApiError, ConnectionTimeout, Elasticsearch
from elasticsearch import ConnectionError as NoConnection
from pydantic import AwareDatetime, BaseModel, ConfigDict, NonNegativeInt, ValidationError

from indexer import deletions, queries
from stream.backoff import Backoff
from stream.codec import decode_collected, explain
from stream.elastic import RETRIABLE
from stream.errors import Backpressure, InvalidRecord, UserError
from stream.index import PAGE, version_of
from stream.posts import Post
from stream.settings import Settings
from stream.topics import COLLECTED, DEAD_LETTER
from stream.workbench.letters import letters, records

POLL_SECONDS = 0.5
SHOWN = 10

Progress = Callable[[int, int, bool], None]


class Report(BaseModel):
    """What a replay says it sent."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    crawl: str
    deletions: NonNegativeInt
    dead_letters: NonNegativeInt
    unique_ids: NonNegativeInt
    started_at: AwareDatetime | None = None


@dataclass(frozen=True)
class Sent:
    """The keys a crawl has put on `posts.collected`."""

    posts: frozenset[str]
    deletions: frozenset[str]
    versions: Mapping[str, int] = field(default_factory=dict)
    """The version of each post's newest observation."""


@dataclass(frozen=True)
class Account:
    """What became of every post of a crawl; the first four sets do not overlap."""

    report: Report
    sent: Sent
    indexed: frozenset[str]
    deleted: frozenset[str]
    dead: frozenset[str]
    superseded: frozenset[str]
    undeleted: frozenset[str]
    strangers: frozenset[str]
    unreadable: int

    @property
    def missing(self) -> frozenset[str]:
        """The posts nobody can account for."""
        return self.sent.posts - self.indexed - self.deleted - self.dead - self.superseded

    @property
    def accounted(self) -> int:
        """How many posts are accounted for."""
        return len(self.sent.posts) - len(self.missing)

    @property
    def settled(self) -> bool:
        """Whether nothing is missing and no number differs."""
        return not self.differences()

    def differences(self) -> list[str]:
        """Names each number that is not as it must be, with ids where they are known."""
        report, sent = self.report, self.sent
        found = []
        if len(sent.posts) != report.unique_ids:
            found.append(
                f"{report.unique_ids:,} posts were sent, but {COLLECTED.name} holds "
                f"{len(sent.posts):,} of crawl {report.crawl}"
            )
        if len(sent.deletions) != report.deletions:
            found.append(
                f"{report.deletions:,} deletions were sent, but {COLLECTED.name} holds "
                f"{len(sent.deletions):,} of crawl {report.crawl}"
            )
        if self.missing:
            found.append(
                f"{len(self.missing):,} of {len(sent.posts):,} posts are neither indexed nor "
                f"deleted nor dead letters: {_some(self.missing)}"
            )
        if self.undeleted:
            found.append(
                f"{len(self.undeleted):,} of {len(sent.deletions):,} deletions are not carried "
                f"out: {_some(self.undeleted)}"
            )
        if self.strangers:
            found.append(
                f"{len(self.strangers):,} documents are of this crawl, which did not send them: "
                f"{_some(self.strangers)}"
            )
        if self.unreadable != report.dead_letters:
            found.append(
                f"{report.dead_letters:,} unreadable entries were sent to {DEAD_LETTER.name}, "
                f"which holds {self.unreadable:,}"
            )
        return found

    def sentences(self) -> list[str]:
        """Says that all is accounted for, or what is not."""
        if not self.settled:
            return ["NOT every post is accounted for:"] + [f"- {one}" for one in self.differences()]
        kept = len(self.superseded)
        sums = (
            f"every one of {len(self.sent.posts):,} posts accounted for: "
            f"{len(self.indexed):,} indexed + {len(self.deleted):,} deleted + "
            f"{len(self.dead):,} dead letters"
            + (f" + {kept:,} kept in a newer observation" if kept else "")
        )
        unread = f"and {self.unreadable:,} unreadable entries are dead letters from ingest"
        return [sums, unread] if self.unreadable else [sums]


def read_report(path: Path) -> Report:
    """Reads what `ingest replay --report` wrote; raises UserError."""
    try:
        return Report.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    except ValidationError as error:
        raise UserError(
            f"{path} is not a report of `python -m ingest replay --report`: {explain(error)}"
        ) from None


def settle(
    client: Elasticsearch, settings: Settings, report: Report, wait: float, progress: Progress
) -> Account:
    """Waits until every post of a crawl is accounted for, `wait` seconds at most.

    The costly full account is made when the cheap count of documents stands still or could
    already be complete.

    Raises:
        UserError: Kafka gives nothing any more.
    """
    sent = sent_by(settings, report)
    complete = len(sent.posts - sent.deletions)
    deadline = time.monotonic() + wait
    before = -1
    while True:
        late = time.monotonic() >= deadline
        try:
            queries.refresh(client)
            count = queries.count(client, queries.of_crawl(report.crawl))
            progress(count, len(sent.posts), False)
            if count in (before, complete) or late:
                account = account_of(client, settings, report, sent)
                if account.settled or late:
                    progress(account.accounted, len(sent.posts), True)
                    return account
            before = count
        except (ApiError, NoConnection, ConnectionTimeout, Backpressure) as error:
            # A new month's index cannot be searched for a moment; a node may be restarting.
            if late or getattr(error, "status_code", 503) not in RETRIABLE:
                raise
        time.sleep(min(POLL_SECONDS, max(0.0, deadline - time.monotonic())))


def account_of(client: Elasticsearch, settings: Settings, report: Report, sent: Sent) -> Account:
    """Makes the account as things are now."""
    queries.refresh(client)
    crawl = queries.of_crawl(report.crawl)
    documents = {hit["_id"] for hit in queries.all_documents(client, crawl, source=False)}
    found = letters(settings, report.crawl, report.started_at).found
    failed = frozenset(one.original_key for one in found if one.station != "ingest")
    keys = sorted(sent.posts | sent.deletions)
    recorded = frozenset(_recorded(client, keys))
    deleted = (sent.posts & recorded) - documents
    indexed = sent.posts & documents
    dead = (sent.posts & failed) - deleted - indexed
    rest = sorted(sent.posts - indexed - deleted - dead)
    others = queries.present(client, rest)
    return Account(
        report=report,
        sent=sent,
        indexed=frozenset(indexed),
        deleted=frozenset(deleted),
        dead=frozenset(dead),
        # Of other crawls only: one of ours that has come since the search above is just late.
        # An older document of another crawl proves nothing: ours is still on its way to it.
        superseded=frozenset(k for k, version in others.items() if version > sent.versions[k]),
        undeleted=frozenset((sent.deletions - recorded - failed) | (recorded & documents)),
        strangers=frozenset(documents - sent.posts),
        unreadable=sum(one.station == "ingest" for one in found),
    )


def sent_by(settings: Settings, report: Report) -> Sent:
    """Reads which posts and deletions a crawl has sent."""
    versions: dict[str, int] = {}
    gone: set[str] = set()
    for received in records(settings, COLLECTED, report.started_at):
        if received.crawl != report.crawl:
            continue
        key = (received.key or b"").decode(errors="replace")
        try:
            record = decode_collected(received.value)
        except InvalidRecord:  # the classifier makes a dead letter of it
            versions.setdefault(key, 0)
            continue
        if isinstance(record, Post):
            versions[key] = max(versions.get(key, 0), version_of(record.observed_at))
        else:
            gone.add(key)
    return Sent(frozenset(versions), frozenset(gone), versions)


def _recorded(client: Elasticsearch, keys: list[str]) -> set[str]:
    known: set[str] = set()
    if not client.indices.exists(index=deletions.INDEX):  # no station has run yet
        return known
    for start in range(0, len(keys), PAGE):
        page = keys[start : start + PAGE]
        known |= deletions.known(client, Backoff(1.0), page)
    return known


def _some(keys: frozenset[str]) -> str:
    shown = sorted(keys)[:SHOWN]
    return json.dumps(shown, ensure_ascii=True)[1:-1] + (" ..." if len(keys) > SHOWN else "")
