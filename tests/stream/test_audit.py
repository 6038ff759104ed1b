"""The audit over real topics and a real node: what keeps the law, and each way to break it."""

import io
import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, TopicPartition

from indexer import templates
from stack import Stack
from stream import offsets
from stream.audit.account import Account, _wrong_offsets, audit
from stream.audit.command import sentences
from stream.audit.law import Fate, Fault
from stream.broker import KafkaWriter, connection, create_topics
from stream.codec import encode
from stream.elastic import connect
from stream.errors import UserError
from stream.index import DELETIONS
from stream.offsets import Reach
from stream.posts import AuthorDeletion, ClassifiedPost, Deletion, Origin
from stream.records import Outgoing
from stream.settings import Settings
from stream.topics import COLLECTED, STATIONS, Topic
from tests import forks
from tests.indexer.conftest import empty
from tests.indexer.records import NOON, classification
from tests.law import assert_law_by_hand
from tests.line import Line, skip, wait_until

INDEX = "emotions-v1-2026.03"
OTHER_MONTH = "emotions-v1-2026.04"


@pytest.fixture
def line(stack: Stack) -> Iterator[Line]:
    settings = Settings(kafka=stack.kafka, elasticsearch=stack.elasticsearch)
    with connect(settings) as client:
        empty(client)
        templates.set_up(client)
        yield Line(settings, client)
        empty(client)


def deletion_of(line: Line, key: str) -> Deletion:
    platform, native_id = key.split(":")
    origin = Origin(crawl=line.crawl)
    return Deletion(platform=platform, native_id=native_id, deleted_at=NOON, origin=origin)


@pytest.mark.stack
def test_everything_that_was_collected_is_accounted_for_to_the_record(
    line: Line, stack: Stack
) -> None:
    kept = [line.post(str(n)) for n in range(20)]
    edited = line.post("edited", observed_at=NOON + timedelta(minutes=5))
    gone, by_author = line.post("gone"), line.post("by-author", author={"id": line.crawl})
    line.send(*kept, kept[0], edited, line.post("edited"), gone, by_author)
    line.send(deletion_of(line, gone.key), deletion_of(line, f"x:never-seen-{line.crawl}"))
    line.send(b"\xff no JSON", b'{"kind": "mystery"}', encode(line.post("no key")), key=None)
    line.send(line.post("i" * 503), b"", key=f"x:{line.crawl}")
    line.drain()
    origin = Origin(crawl=line.crawl)
    line.send(AuthorDeletion(platform="x", author_id=line.crawl, deleted_at=NOON, origin=origin))
    line.drain()
    account = line.audit()
    assert account.holds, list(sentences(account))
    assert account.fates == {Fate.INDEXED: 22, Fate.DELETED: 2, Fate.DEAD: 4}
    assert (account.deletions, account.others, account.older) == (3, 0, 0)
    assert account.documents == 22
    assert_law_by_hand(stack, line.since)


@pytest.mark.stack
def test_every_id_that_breaks_the_law_is_named_with_the_station_at_fault(
    line: Line, tmp_path: Path, stack: Stack
) -> None:
    names = ("lost", "kept", "gone", "back", "forgotten", "hidden", "moved")
    posts = {name: line.post(name) for name in names}
    line.send(*posts.values())
    line.send(*(deletion_of(line, posts[name].key) for name in ("gone", "back", "forgotten")))
    line.drain()
    es = line.client
    es.delete(index=INDEX, id=posts["lost"].key)
    es.index(index=INDEX, id=posts["back"].key, document={"message": "again"})
    es.delete(index=DELETIONS, id=posts["forgotten"].key)
    es.index(index=INDEX, id="x:stranger", document={"message": "whence?"})
    es.index(index=DELETIONS, id=posts["hidden"].key, document={"platform": "x"})
    es.delete(index=INDEX, id=posts["hidden"].key)
    moved = es.get(index=INDEX, id=posts["moved"].key)
    es.index(
        index=OTHER_MONTH,
        id=posts["moved"].key,
        document=moved["_source"],
        version=moved["_version"],
        version_type="external",
    )
    # A classifier that commits without having written.
    skipped = line.post("skipped")
    line.send(skipped)
    skip(line.settings, COLLECTED.name, "classifier")
    found = io.StringIO()
    account = audit(es, line.settings, since=line.since, names=found)
    assert account.examples == {
        Fault.NOT_INDEXED: sorted([posts["forgotten"].key, posts["lost"].key]),
        Fault.NOT_CLASSIFIED: [skipped.key],
        Fault.NOT_ERASED: [posts["back"].key],
        Fault.DELETION_NOT_REMEMBERED: [posts["forgotten"].key],
        Fault.STRANGER: [posts["back"].key, "x:stranger"],
        Fault.WRONG_MONTH: [posts["moved"].key],
    }
    assert not account.holds
    assert account.fates[Fate.LOST] == 3
    # Who wrote this one down cannot be known: the topics are read from the test's beginning only.
    assert account.older == 1
    lines = [json.loads(one) for one in found.getvalue().splitlines()]
    assert {"id": skipped.key, "fault": Fault.NOT_CLASSIFIED, "station": "classifier"} in lines
    assert {"id": "x:stranger", "fault": Fault.STRANGER, "station": None} in lines
    assert len(lines) == 8
    said = "\n".join(sentences(account))
    assert f'1 {Fault.NOT_CLASSIFIED.value} (the classifier): "{skipped.key}"' in said
    words = ("--json", "--since", line.since.isoformat(), "--ids", str(tmp_path / "ids"))
    done = asked(*words, servers=stack)
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["faults"]["not_classified"]["station"] == "classifier"
    assert (tmp_path / "ids").read_text() == found.getvalue()


@pytest.mark.stack
def test_what_no_station_has_read_yet_is_on_its_way_and_no_loss(line: Line, stack: Stack) -> None:
    line.send(line.post("1"), line.post("2"))
    account = line.audit()
    assert account.holds
    assert account.fates == {Fate.WAITING: 2}
    assert account.lag["classifier"] == 2
    late = line.audit(wait=0.2)
    assert (late.holds, late.broken) == (False, False)
    said = "\n".join(sentences(late))
    assert "not settled yet: after the time to wait" in said
    assert "BROKEN" not in said
    done = asked("--since", line.since.isoformat(), "--wait", "0.2", servers=stack)
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    with line.running():
        assert line.audit(wait=60).fates == {Fate.INDEXED: 2}


@pytest.mark.stack
def test_a_deletion_that_nobody_asked_for_does_not_pass_for_the_posts_fate(line: Line) -> None:
    # A topic of its own, which has lost nothing: there all that was asked for can be known.
    topic = Topic(f"test-{line.crawl}", holds="", partitions=1)
    create_topics(line.settings, [topic])
    post = line.post("hidden")
    classified = ClassifiedPost(post=post, classification=classification())
    with KafkaWriter(line.settings) as writer:
        assert not writer.write(topic, [Outgoing(post.key, encode(classified))])
    skip(line.settings, topic.name, line.crawl)
    line.client.index(index=DELETIONS, id=post.key, document={"platform": "x"})
    account = audit(line.client, line.settings, stations={line.crawl: topic})
    assert account.examples.get(Fault.NEVER_ASKED) == [post.key]
    assert not account.holds


@pytest.mark.stack
def test_a_document_from_the_future_came_from_nowhere(line: Line) -> None:
    line.send(line.post("1"))
    line.drain()
    fields = {"emostream": {"classified_at": "2099-01-01T00:00:00Z"}}
    line.client.index(index=INDEX, id="x:future", document=fields)
    assert line.audit().examples == {Fault.STRANGER: ["x:future"]}


@pytest.mark.stack
def test_a_station_that_reads_its_topic_again_mends_what_it_lost(line: Line, stack: Stack) -> None:
    lost, gone, kept = line.post("lost"), line.post("gone"), line.post("kept")
    line.send(lost, gone, kept)
    line.drain()
    line.send(deletion_of(line, gone.key))
    line.drain()
    version = line.client.get(index=INDEX, id=lost.key)["_version"]
    line.client.delete(index=INDEX, id=lost.key, version=version, version_type="external_gte")
    line.client.delete(index=DELETIONS, id=gone.key)
    skipped = line.post("skipped")
    line.send(skipped)
    skip(line.settings, COLLECTED.name, "classifier")
    broken = line.audit()
    assert broken.fates == {Fate.INDEXED: 1, Fate.LOST: 3}
    words = [line.split("`")[1].removeprefix("python -m stream ") for line in broken.mends]
    assert words == ["rewind classifier", "rewind indexer"]
    with line.running():
        wait_until(lambda: refused(line, "indexer"), "a group with members left alone")
    for word in words:
        done = asked(*word.split()[1:], "--since", line.since.isoformat(), command="rewind",
                     servers=stack)  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "records of posts." in done.stdout
    line.drain()
    account = line.audit()
    assert account.holds, list(sentences(account))
    assert account.fates == {Fate.INDEXED: 3, Fate.DELETED: 1}


def refused(line: Line, group: str) -> bool:
    try:
        offsets.rewind(line.settings, STATIONS[group], group, datetime.now(UTC))
    except UserError as error:
        return f"stop every {group}" in str(error)
    return False


@pytest.mark.stack
def test_a_rewind_never_skips_what_was_not_read(line: Line) -> None:
    line.send(line.post("1"), line.post("2"))
    assert offsets.rewind(line.settings, COLLECTED, "classifier", datetime.now(UTC)) == 0
    reach = offsets.reach(line.settings, COLLECTED, "classifier")
    assert sum(one.lag for one in reach.values()) == 2


@pytest.mark.stack
def test_an_index_that_is_closed_is_named_with_the_mend(line: Line, stack: Stack) -> None:
    line.send(line.post("1"))
    line.drain()
    line.client.indices.close(index=INDEX)
    try:
        done = asked("--since", line.since.isoformat(), servers=stack)
    finally:
        line.client.indices.open(index=INDEX)
    assert done.returncode == 2
    assert f"the index {INDEX} at {stack.elasticsearch} is closed" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.stack
def test_where_nothing_was_read_nothing_is_certified(line: Line, stack: Stack) -> None:
    assert list(sentences(line.audit()))[-1] == "nothing to judge: no record was read"
    done = asked("--since", "2099-01-01", servers=stack)
    assert done.returncode == 2
    assert "2099-01-01: is in the future" in done.stderr


def asked(
    *words: str, servers: Stack, command: str = "audit"
) -> "subprocess.CompletedProcess[str]":
    """Runs `python -m stream` as its users do."""
    names = {"EMOSTREAM_KAFKA": servers.kafka, "EMOSTREAM_ELASTICSEARCH": servers.elasticsearch}
    return forks.told("stream", command, *words, **names)


@pytest.mark.stack
def test_a_month_past_its_time_is_filtered_by_declaration(line: Line) -> None:
    line.send(line.post("1"))
    line.drain()
    line.client.indices.delete(index=INDEX)
    assert line.audit().fates == {Fate.LOST: 1}
    kept_a_month = line.settings.model_copy(update={"retention_months": 1})
    account = audit(line.client, kept_a_month, since=line.since)
    assert account.holds
    assert account.fates == {Fate.FILTERED: 1}


@pytest.mark.stack
def test_a_topic_that_was_trimmed_says_from_when_on_it_is_complete(line: Line) -> None:
    line.send(*(line.post(str(n)) for n in range(30)))
    line.drain()
    admin = KafkaAdminClient(**connection(line.settings))
    try:
        ends = offsets.reach(line.settings, COLLECTED, "classifier")
        admin.delete_records(
            {TopicPartition(COLLECTED.name, n): one.end for n, one in ends.items()}
        )
    finally:
        admin.close()
    began = datetime.now(UTC)
    line.send(*(line.post(f"later-{n}") for n in range(30)))
    line.drain()
    assert offsets.complete_from(line.settings, COLLECTED) >= began.timestamp() * 1000
    account = audit(line.client, line.settings, since=line.since)
    assert account.holds, list(sentences(account))
    assert (account.posts, account.documents) == (30, 60)


def test_a_station_ahead_of_its_topic_or_overtaken_by_retention_is_named() -> None:
    reach = {
        0: Reach(0, begin=0, end=10, committed=10),
        1: Reach(1, begin=5, end=10, committed=None),
        2: Reach(2, begin=0, end=10, committed=12),
        3: Reach(3, begin=7, end=10, committed=4),
    }
    ahead, behind = _wrong_offsets({"classifier": reach}, STATIONS)
    assert "`python -m stream rewind classifier`" in ahead
    assert "committed offset 12 of posts.collected[2], which ends at 10" in ahead
    assert "3 records of posts.collected[3]" in behind
    assert [one.lag for one in reach.values()] == [0, 5, 0, 3]


def test_an_account_that_holds_says_so() -> None:
    account = Account(records=1234)
    account.fates[Fate.INDEXED] = 1234
    assert "1,234 posts collected = 1,234 indexed + 0 deleted + 0 dead" in next(sentences(account))
    assert account.fields()["holds"] is True
