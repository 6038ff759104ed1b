"""Every post sent is accounted for, and what is not is named."""

import json
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest
from elasticsearch import Elasticsearch

from indexer import accounting
from indexer.accounting import Account, Report, Sent
from indexer.sink import ElasticsearchSink
from stack import Stack
from stream.broker import KafkaWriter, create_topics
from stream.codec import encode
from stream.dead_letters import DeadLetter, Source, dead_letter
from stream.elastic import connect
from stream.errors import Backpressure, UserError
from stream.posts import Author, AuthorDeletion, Collected, Deletion
from stream.records import Outgoing, Received
from stream.settings import Settings
from stream.sinks import KafkaDeadLetters
from stream.topics import COLLECTED, DEAD_LETTER
from stream.workbench import letters
from tests.faults.proxy import proxy
from tests.indexer.records import NOON, classified, deletion, items, origin


def account(**changes: Any) -> Account:
    """A settled account of four posts, with changes."""
    facts: dict[str, Any] = {
        "report": Report(crawl="c", deletions=1, dead_letters=1, unique_ids=4),
        "sent": Sent(frozenset({"x:1", "x:2", "x:3", "x:4"}), frozenset({"x:3"})),
        "indexed": frozenset({"x:1", "x:2"}),
        "deleted": frozenset({"x:3"}),
        "dead": frozenset({"x:4"}),
        "superseded": frozenset(),
        "undeleted": frozenset(),
        "strangers": frozenset(),
        "unreadable": 1,
    }
    return Account(**(facts | changes))


def test_a_settled_account_says_the_sum() -> None:
    one = account()
    assert one.settled
    assert one.sentences() == [
        "every one of 4 posts accounted for: 2 indexed + 1 deleted + 1 dead letters",
        "and 1 unreadable entries are dead letters from ingest",
    ]


def test_a_post_kept_in_a_newer_observation_is_accounted_for() -> None:
    one = account(dead=frozenset(), superseded=frozenset({"x:4"}), unreadable=1)
    assert one.settled
    assert one.sentences()[0].endswith("+ 0 dead letters + 1 kept in a newer observation")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"indexed": frozenset({"x:1"})},
            '1 of 4 posts are neither indexed nor deleted nor dead letters: "x:2"',
        ),
        ({"undeleted": frozenset({"x:3"})}, '1 of 1 deletions are not carried out: "x:3"'),
        (
            {"strangers": frozenset({"x:9"})},
            '1 documents are of this crawl, which did not send them: "x:9"',
        ),
        (
            {"unreadable": 0},
            "1 unreadable entries were sent to posts.dead-letter, which holds 0",
        ),
        (
            {"report": Report(crawl="c", deletions=1, dead_letters=1, unique_ids=5)},
            "5 posts were sent, but posts.collected holds 4 of crawl c",
        ),
        (
            {"report": Report(crawl="c", deletions=2, dead_letters=1, unique_ids=4)},
            "2 deletions were sent, but posts.collected holds 1 of crawl c",
        ),
    ],
)
def test_each_number_that_differs_is_named(changes: dict[str, Any], said: str) -> None:
    one = account(**changes)
    assert not one.settled
    assert one.sentences() == ["NOT every post is accounted for:", f"- {said}"]


def test_at_most_ten_missing_ids_are_shown() -> None:
    sent = Sent(frozenset(f"x:{n:02}" for n in range(30)), frozenset())
    report = Report(crawl="c", deletions=0, dead_letters=1, unique_ids=30)
    one = account(
        report=report, sent=sent, indexed=frozenset(), deleted=frozenset(), dead=frozenset()
    )
    assert one.sentences()[1].count('"x:') == 10
    assert one.sentences()[1].endswith(" ...")


def test_reasons_that_differ_in_numbers_are_one() -> None:
    found = [letter("x:1", "600 bytes are too many"), letter("x:2", "700 bytes are too many")]
    assert letters.reasons(found) == {"indexer: N bytes are too many": 2}


def test_a_report_that_is_none_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        accounting.read_report(tmp_path / "none.json")
    (tmp_path / "other.json").write_text('{"crawl": "c"}')
    with pytest.raises(UserError, match=r"other\.json is not a report.*unique_ids"):
        accounting.read_report(tmp_path / "other.json")


def letter(
    key: str | None,
    reason: str = "bad",
    *,
    station: str = "indexer",
    crawl: str = "c",
    offset: int = 0,
    original: bytes = b"{}",
) -> DeadLetter:
    source = Source(topic="posts.classified", partition=0, offset=offset)
    if station == "ingest":
        source = Source(file="posts.ndjson", line=offset)
    return dead_letter(
        station, "receiving", reason, source, original, original_key=key, crawl=crawl
    )


class Crawl:
    """One crawl whose records are put by hand where the stations would have put them."""

    def __init__(self, stack: Stack, sink: ElasticsearchSink) -> None:
        self.settings = Settings(kafka=stack.kafka, elasticsearch=stack.elasticsearch)
        self.id = f"crawl-{uuid4().hex}"
        self.sink = sink
        self.origin = origin(self.id)
        create_topics(self.settings)

    def post(self, native_id: str, **changes: Any) -> Any:
        return classified(native_id, origin=self.origin, **changes)

    def deletion(self, native_id: str) -> Deletion:
        return deletion(native_id, origin=self.origin)

    def collect(self, records: Sequence[Collected]) -> None:
        with KafkaWriter(self.settings) as writer:
            outgoing = [Outgoing(one.key, encode(one), self.id) for one in records]
            assert writer.write(COLLECTED, outgoing) == []

    def bury(self, *letters: DeadLetter) -> None:
        with KafkaWriter(self.settings) as writer:
            KafkaDeadLetters(writer).write(letters)

    def settle(self, client: Elasticsearch, wait: float = 0, **counts: int) -> Account:
        report = Report(
            **{"crawl": self.id, "deletions": 0, "dead_letters": 0, "unique_ids": 0} | counts
        )
        return accounting.settle(
            client, self.settings, report, wait, lambda _done, _of, _last: None
        )


@pytest.fixture
def crawl(stack: Stack, sink: ElasticsearchSink) -> Crawl:
    return Crawl(stack, sink)


@pytest.mark.stack
def test_an_older_document_of_another_crawl_does_not_account_for_a_post(
    node: Elasticsearch, crawl: Crawl
) -> None:
    post = crawl.post("again")
    earlier = classified("again", observed_at=post.post.observed_at - timedelta(seconds=1))
    crawl.sink.write(items(earlier))
    crawl.collect([post.post])
    assert crawl.settle(node, unique_ids=1).missing == {post.key}
    crawl.sink.write(items(post))
    assert crawl.settle(node, unique_ids=1).settled


@pytest.mark.stack
def test_posts_indexed_deleted_superseded_and_dead_make_the_sum(
    node: Elasticsearch, crawl: Crawl
) -> None:
    posts = {name: crawl.post(name) for name in ("kept", "twice", "gone", "dead", "older")}
    crawl.collect([one.post for one in posts.values()])
    crawl.collect([posts["twice"].post, crawl.deletion("gone"), crawl.deletion("never-seen")])
    # Another crawl has observed this one later.
    crawl.sink.write(items(classified("older", observed_at=NOON.replace(hour=18))))
    crawl.sink.write(items(*(posts[n] for n in ("kept", "twice", "gone", "older", "twice"))))
    crawl.sink.write(items(crawl.deletion("gone"), crawl.deletion("never-seen")))
    crawl.bury(
        letter("x:dead", crawl=crawl.id),
        letter("x:dead", crawl=crawl.id),  # a repeat
        letter("x:kept", crawl="another"),
        letter(None, station="ingest", crawl=crawl.id),
        letter(None, station="ingest", crawl=crawl.id, offset=1),
    )
    one = crawl.settle(node, unique_ids=5, deletions=2, dead_letters=2)
    assert one.settled, one.sentences()
    assert one.indexed == {"x:kept", "x:twice"}
    assert one.deleted == {"x:gone"}
    assert one.dead == {"x:dead"}
    assert one.superseded == {"x:older"}
    assert one.unreadable == 2


@pytest.mark.stack
def test_an_author_s_deletion_and_the_posts_that_go_with_it_are_accounted_for(
    node: Elasticsearch, crawl: Crawl
) -> None:
    before, behind = (crawl.post(one, author=Author(id="7")) for one in ("before", "behind"))
    gone = AuthorDeletion(platform="x", author_id="7", deleted_at=NOON, origin=crawl.origin)
    crawl.collect([before.post, gone, behind.post])
    crawl.sink.write(items(before))
    counts = {"unique_ids": 2, "deletions": 1}
    assert crawl.settle(node, **counts).undeleted == {gone.key}
    crawl.sink.write(items(gone))
    assert crawl.settle(node, **counts).missing == {behind.key}
    crawl.sink.write(items(behind))
    one = crawl.settle(node, **counts)
    assert one.settled, one.sentences()
    assert one.deleted == {before.key, behind.key}


@pytest.mark.stack
def test_a_record_that_is_no_dead_letter_is_counted_and_passed_over(crawl: Crawl) -> None:
    since = datetime.now(UTC)
    with KafkaWriter(crawl.settings) as writer:
        junk = [Outgoing("k", value, None) for value in (b"junk", b"{}")]
        assert writer.write(DEAD_LETTER, junk) == []
    crawl.bury(letter("x:1", crawl=crawl.id))
    found = letters.letters(crawl.settings, crawl.id, since)
    assert [one.original_key for one in found.found] == ["x:1"]
    assert found.foreign == 2


@pytest.mark.stack
def test_dead_letters_from_before_the_replay_are_not_read(crawl: Crawl) -> None:
    crawl.bury(letter("x:1", crawl=crawl.id))
    time.sleep(0.01)
    since = datetime.now(UTC)
    crawl.bury(letter("x:2", crawl=crawl.id, offset=1))
    found = letters.letters(crawl.settings, crawl.id, since)
    assert [one.original_key for one in found.found] == ["x:2"]


def test_a_broker_that_gives_nothing_any_more_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def silent(*_: Any) -> Iterator[Received]:
        raise Backpressure("Kafka gives nothing of posts.dead-letter any more")
        yield

    # A real broker falls silent only after half a minute.
    monkeypatch.setattr(letters, "read_to_end", silent)
    with pytest.raises(UserError, match=r"^Kafka gives nothing of .* \(at 127.0.0.1:1\): see"):
        letters.letters(Settings(kafka="127.0.0.1:1"), None)


@pytest.mark.stack
def test_a_lost_post_and_a_lost_deletion_are_named(node: Elasticsearch, crawl: Crawl) -> None:
    lost, kept = crawl.post("lost"), crawl.post("kept")
    crawl.collect([lost.post, kept.post, crawl.deletion("kept")])
    crawl.sink.write(items(kept))
    one = crawl.settle(node, unique_ids=2, deletions=1, dead_letters=1)
    assert one.missing == {"x:lost"}
    assert one.undeleted == {"x:kept"}
    assert len(one.differences()) == 3


@pytest.mark.stack
def test_a_deleted_post_that_is_still_there_is_named(node: Elasticsearch, crawl: Crawl) -> None:
    post = crawl.post("1")
    crawl.collect([post.post, crawl.deletion("1")])
    crawl.sink.write(items(crawl.deletion("1")))
    crawl.sink.write(items(crawl.post("2")))
    node.index(
        index="emotions-v1-2026.03",
        id="x:1",
        document={"emostream": {"origin": {"crawl": crawl.id}}},
    )
    one = crawl.settle(node, unique_ids=1, deletions=1)
    assert one.undeleted == {"x:1"}
    assert one.strangers == {"x:2"}


@pytest.mark.stack
def test_waiting_ends_when_the_last_post_has_come(node: Elasticsearch, crawl: Crawl) -> None:
    first, last = crawl.post("first"), crawl.post("last")
    crawl.collect([first.post, last.post])
    crawl.sink.write(items(first))
    seen: list[int] = []

    def progress(done: int, of: int, ended: bool) -> None:
        seen.append(done)
        if len(seen) == 3:
            crawl.sink.write(items(last))

    report = Report(crawl=crawl.id, deletions=0, dead_letters=0, unique_ids=2)
    one = accounting.settle(node, crawl.settings, report, 60, progress)
    assert one.settled
    assert seen[0] == 1
    assert seen[-1] == 2


@pytest.mark.stack
@pytest.mark.parametrize("asked", [b"/_count", b"/_mget"])
def test_a_node_that_does_not_answer_while_we_wait_is_asked_again(
    stack: Stack, crawl: Crawl, asked: bytes
) -> None:
    post = crawl.post("1")
    crawl.collect([post.post])
    crawl.sink.write(items(post))
    with proxy(stack.elasticsearch) as between:

        def heal() -> None:
            between.lost.wait()
            between.lose = None

        between.lose = asked
        Thread(target=heal, daemon=True).start()
        with connect(Settings(elasticsearch=between.address)) as client:
            one = crawl.settle(client.options(request_timeout=1), wait=60, unique_ids=1)
    assert between.lost.is_set()
    assert one.settled, one.sentences()


@pytest.mark.stack
def test_the_account_of_an_empty_index_is_made_too(node: Elasticsearch, crawl: Crawl) -> None:
    crawl.collect([crawl.post("1").post])
    assert crawl.settle(node, unique_ids=1).missing == {"x:1"}


def test_a_report_file_is_read_as_ingest_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    counts = {"posts": 9, "deletions": 1, "dead_letters": 2, "unique_ids": 8}
    path.write_text(json.dumps({"crawl": "c", "repeated": 1, "seconds": 0.5, **counts}))
    assert accounting.read_report(path) == Report(
        crawl="c", deletions=1, dead_letters=2, unique_ids=8
    )
