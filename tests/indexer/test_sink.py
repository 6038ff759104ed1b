"""The sink keeps its promises on a real node; what a real one does seldom, a fake one does."""

from collections.abc import Iterator
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from indexer import deletions, queries
from indexer.bulk import Bulk, IndexingError
from indexer.documents import document, timestamp
from indexer.sink import ElasticsearchSink
from stack import Stack
from stream import worker
from stream.codec import decode_classified, encode
from stream.elastic import connect
from stream.errors import Backpressure, UserError
from stream.posts import Counts
from stream.records import Item, Rejected
from stream.settings import Settings
from stream.testing import MemoryDeadLetters, MemorySource
from tests.indexer.fake_node import FakeNode, cut, fake_node, whole
from tests.indexer.fake_node import items as bulk_items
from tests.indexer.records import LIMITS, NOON, classification, classified, deletion, found, items

APRIL = NOON + timedelta(days=31)


@pytest.fixture
def fake() -> Iterator[FakeNode]:
    with fake_node() as node:
        yield node


def station(sink: Any, records: list[Any]) -> tuple[MemorySource, MemoryDeadLetters, Any]:
    """A whole station over memory, except for its sink."""
    stop = Event()
    source = MemorySource([encode(record) for record in records], stop, batch_records=20)
    letters = MemoryDeadLetters()

    def run() -> Any:
        return worker.run(
            "indexer", source, decode_classified, lambda batch: batch, sink, letters, stop
        )

    return source, letters, run


@pytest.mark.wire
@pytest.mark.parametrize("trouble", [whole(503), whole(429), cut])
@pytest.mark.case(2)
@pytest.mark.case(3)
def test_the_station_waits_and_repeats_what_a_node_in_trouble_did_not_take(
    fake: FakeNode, trouble: Any
) -> None:
    fake.script = [trouble, trouble]
    with connect(Settings(elasticsearch=fake.address)) as client:
        sink = ElasticsearchSink(client, LIMITS, Event())
        source, letters, run = station(sink, [classified(str(n)) for n in range(30)])
        counters = run()
    assert counters.pressed == 2
    assert source.committed == 30
    assert sink.counters.indexed == 30
    assert letters.letters == []


@pytest.mark.wire
def test_a_refused_credential_stops_the_station_and_buries_nothing(fake: FakeNode) -> None:
    fake.script = [whole(401)]
    with connect(Settings(elasticsearch=fake.address)) as client:
        sink = ElasticsearchSink(client, LIMITS, Event())
        source, letters, run = station(sink, [classified("1")])
        with pytest.raises(UserError, match="401"):
            run()
    assert source.committed == 0
    assert letters.letters == []


@pytest.mark.wire
def test_of_several_observations_in_a_batch_the_newest_is_sent_alone(fake: FakeNode) -> None:
    """A refused item that is sent again must not overtake a later one of its version."""
    fake.script = [lambda ids: bulk_items(dict.fromkeys(ids, 429))]
    newer, older = classified(observed_at=NOON + timedelta(hours=1)), classified()
    with connect(Settings(elasticsearch=fake.address)) as client:
        sink = ElasticsearchSink(client, LIMITS, Event())
        sink.write(items(older, newer, older, classified("2")))
    assert fake.requests == [["x:1", "x:2"]] * 2
    assert (sink.counters.indexed, sink.counters.older) == (2, 2)


@pytest.mark.stack
@pytest.mark.case(10)
def test_a_repeat_is_harmless(node: Elasticsearch, sink: ElasticsearchSink) -> None:
    for _ in range(3):
        assert not sink.write(items(classified("1"), classified("2")))
    queries.refresh(node)
    assert queries.count(node, queries.of_crawl(None)) == 2


@pytest.mark.stack
@pytest.mark.case(11)
def test_an_older_observation_loses(node: Elasticsearch, sink: ElasticsearchSink) -> None:
    newer = classified(observed_at=NOON + timedelta(hours=1), counts=Counts(likes=9))
    assert not sink.write(items(newer))
    assert not sink.write(items(classified(counts=Counts(likes=1))))
    assert found(node, ["1"])["x:1"]["emostream"]["counts"] == {"likes": 9}
    assert (sink.counters.indexed, sink.counters.older) == (1, 1)


@pytest.mark.stack
@pytest.mark.case(11)
def test_new_labels_of_the_same_observation_replace(
    node: Elasticsearch, sink: ElasticsearchSink
) -> None:
    sink.write(items(classified(primary="joy")))
    sink.write(items(classified(primary="anger")))
    assert found(node, ["1"])["x:1"]["emostream"]["emotion"]["primary"] == "anger"


@pytest.mark.stack
def test_of_equal_observations_in_one_batch_the_last_stays(
    node: Elasticsearch, sink: ElasticsearchSink
) -> None:
    sink.write(items(classified(primary="joy"), classified(primary="anger")))
    assert found(node, ["1"])["x:1"]["emostream"]["emotion"]["primary"] == "anger"


@pytest.mark.stack
def test_where_the_newest_of_a_batch_is_refused_the_one_before_it_is_indexed(
    node: Elasticsearch, sink: ElasticsearchSink
) -> None:
    good = classified(observed_at=NOON + timedelta(hours=1))
    first = classified(observed_at=NOON + timedelta(minutes=1))
    bad = classified(observed_at=NOON + timedelta(hours=2), counts=Counts(likes=2**63))
    rejected = sink.write(items(first, bad, good, bad, classified("2")))
    assert [one.received.offset for one in rejected] == [3, 1]
    assert found(node, ["1", "2"]).keys() == {"x:1", "x:2"}
    assert found(node, ["1"])["x:1"]["event"]["created"] == timestamp(good.post.observed_at)
    assert (sink.counters.indexed, sink.counters.older, sink.counters.rejected) == (2, 1, 2)


@pytest.mark.stack
@pytest.mark.case(7)
@pytest.mark.case(8)
@pytest.mark.case(20)
def test_a_document_the_mapping_refuses_is_rejected_and_the_rest_indexed(
    node: Elasticsearch, sink: ElasticsearchSink
) -> None:
    unknown_label = classification(probabilities={"boredom": 0.5})
    too_large = Counts(likes=2**63)
    rejected = sink.write(
        items(
            classified("1"),
            classified("2", labels=unknown_label),
            classified("3", counts=too_large, text="SECRET"),
            classified("4", counts=Counts(likes=2**64)),
            classified("i" * 512),
            deletion("d" * 512),
            classified("5"),
        )
    )
    assert [(one.received.offset, one.stage) for one in sorted(rejected, key=offset)] == [
        (offset_, "sending") for offset_ in (1, 2, 3, 4, 5)
    ]
    reasons = {one.received.offset: one.reason for one in rejected}
    assert reasons[1] == "strict_dynamic_mapping_exception in field [boredom]"
    assert reasons[2].startswith("document_parsing_exception in field [emostream.counts.likes]")
    assert reasons[3].startswith("document_parsing_exception in field [emostream.counts.likes]")
    assert "514 bytes" in reasons[4]
    assert "SECRET" not in str(reasons)
    assert set(found(node, ["1", "2", "3", "5"])) == {"x:1", "x:5"}


def offset(one: Rejected) -> int:
    return one.received.offset


@pytest.mark.stack
@pytest.mark.case(9)
def test_a_hashtag_of_98_kilobytes_is_kept_and_does_not_fail_its_post(
    node: Elasticsearch, sink: ElasticsearchSink
) -> None:
    long = "é" * 49_000
    assert not sink.write(items(classified(hashtags=(long, "fun"))))
    queries.refresh(node)
    assert found(node, ["1"])["x:1"]["tags"] == [long, "fun"]
    assert queries.count(node, {"term": {"tags": "fun"}}) == 1


@pytest.mark.stack
def test_a_deletion_removes_the_post_and_is_remembered(
    node: Elasticsearch, sink: ElasticsearchSink
) -> None:
    sink.write(items(classified("1"), classified("2")))
    assert not sink.write(items(deletion("1", created_at=NOON)))
    assert set(found(node, ["1", "2"])) == {"x:2"}
    record = node.get(index=deletions.INDEX, id="x:1")["_source"]
    assert record == {
        "platform": "x",
        "native_id": "1",
        "deleted_at": "2026-03-14T13:00:00.000Z",
        "crawl": "crawl-1",
    }
    assert sink.counters.deleted == 1


@pytest.mark.stack
def test_a_deletion_of_unknown_month_finds_the_post_in_every_month(
    node: Elasticsearch, sink: ElasticsearchSink
) -> None:
    sink.write(items(classified("1"), classified("2", created_at=APRIL), classified("3")))
    sink.write(items(deletion("1"), deletion("2")))
    queries.refresh(node)
    assert [hit["_id"] for hit in queries.all_documents(node)] == ["x:3"]


@pytest.mark.stack
@pytest.mark.parametrize("created_at", [NOON, APRIL, None])
@pytest.mark.case(13)
@pytest.mark.case(34)
def test_a_deletion_erases_in_every_month_whatever_time_it_names(
    node: Elasticsearch, sink: ElasticsearchSink, created_at: Any
) -> None:
    """A post's time may have changed, and a text without one may be in two months."""
    sink.write(items(classified("1")))
    sink.write(items(classified("1", created_at=APRIL, observed_at=APRIL)))
    sink.write(items(deletion("1", created_at=created_at)))
    queries.refresh(node)
    assert list(queries.all_documents(node)) == []
    assert sink.counters.deleted == 2


@pytest.mark.stack
@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"index.default_pipeline": "gone"}, r"pipeline with id \[gone\] does not exist"),
        ({"index.sort.field": "nope"}, r"unknown index sort field:\[nope\]"),
    ],
)
@pytest.mark.case(14)
def test_a_fault_of_the_cluster_stops_the_station_and_buries_nothing(
    node: Elasticsearch, sink: ElasticsearchSink, broken: dict[str, str], said: str
) -> None:
    custom = "emotions-v1@custom"
    node.cluster.put_component_template(name=custom, template={"settings": broken})
    source, letters, run = station(sink, [classified(str(n)) for n in range(20)])
    with pytest.raises(IndexingError, match=said):
        run()
    assert source.committed == 0
    assert letters.letters == []


@pytest.mark.stack
@pytest.mark.case(34)
def test_a_deletion_that_comes_first_keeps_the_post_out(
    node: Elasticsearch, sink: ElasticsearchSink
) -> None:
    assert not sink.write(items(deletion("1")))
    assert not sink.write(items(classified("1")))
    assert not node.indices.exists(index="emotions-v1-2026.03")
    assert sink.counters.deleted == 1


@pytest.mark.stack
@pytest.mark.parametrize("created_at", [NOON, None])
@pytest.mark.parametrize("order", ["post first", "deletion first", "post again"])
@pytest.mark.case(34)
def test_a_post_and_its_deletion_in_one_batch_leave_nothing(
    node: Elasticsearch, sink: ElasticsearchSink, order: str, created_at: Any
) -> None:
    post, gone = classified("1"), deletion("1", created_at=created_at)
    batches = {
        "post first": [post, gone],
        "deletion first": [gone, post],
        "post again": [post, gone, post],
    }
    sink.write(items(classified("2")))
    assert not sink.write(items(*batches[order]))
    assert set(found(node, ["1", "2"])) == {"x:2"}


@pytest.mark.stack
@pytest.mark.case(12)
def test_a_late_replay_does_not_bring_a_deleted_post_back(
    node: Elasticsearch, sink: ElasticsearchSink
) -> None:
    """Not even when Elasticsearch has forgotten the version of the deleted document."""
    sink.write(items(classified("1")))
    node.indices.put_settings(index="emotions-v1-2026.03", settings={"index.gc_deletes": "0s"})
    sink.write(items(deletion("1")))
    node.indices.refresh(index="emotions-v1-2026.03")
    later = NOON + timedelta(days=300)
    sink.write(items(classified("1"), classified("1", observed_at=later, created_at=APRIL)))
    queries.refresh(node)
    assert queries.present(node, ["x:1"]) == {}


@pytest.mark.stack
@pytest.mark.case(12)
def test_a_worker_that_wakes_late_cannot_write_a_deleted_post(
    node: Elasticsearch, sink: ElasticsearchSink
) -> None:
    """It had asked for deletions before there was one; the erasure's version stops its write."""
    sink.write(items(classified("1")))
    sink.write(items(deletion("1")))
    late = document(classified("1", observed_at=NOON + timedelta(days=1)), NOON)
    (outcome,) = Bulk(node, LIMITS, Event()).send([late.bulk_action()])
    assert outcome.older
    assert found(node, ["1"]) == {}


@pytest.mark.stack
def test_repeating_a_deletion_changes_nothing(node: Elasticsearch, sink: ElasticsearchSink) -> None:
    sink.write(items(classified("1")))
    for _ in range(2):
        assert not sink.write(items(deletion("1", created_at=NOON)))
    assert sink.counters.deleted == 1
    queries.refresh(node)
    assert queries.deletions(node) == 1


@pytest.mark.stack
def test_of_several_deletions_of_a_post_in_one_batch_the_last_is_on_record(
    node: Elasticsearch, sink: ElasticsearchSink
) -> None:
    sink.write(items(classified("1")))
    later = NOON + timedelta(days=2)
    assert not sink.write(items(deletion("1"), deletion("2"), deletion("1", deleted_at=later)))
    record = node.get(index=deletions.INDEX, id="x:1")["_source"]
    assert record["deleted_at"] == "2026-03-16T12:00:00.000Z"
    assert sink.counters.deleted == 1


@pytest.mark.stack
def test_each_probability_can_be_averaged_over_time(
    node: Elasticsearch, sink: ElasticsearchSink
) -> None:
    hours = {0: [0.2, 0.4], 1: [0.9]}
    posts = [
        classified(
            f"{hour}-{value}",
            created_at=NOON + timedelta(hours=hour),
            labels=classification(probabilities={"joy": value, "fear": 1 - value}),
        )
        for hour, values in hours.items()
        for value in values
    ]
    sink.write(items(*posts))
    queries.refresh(node)
    answer = node.search(
        index="emotions",
        size=0,
        aggregations={
            "hours": {
                "date_histogram": {"field": "@timestamp", "fixed_interval": "1h"},
                "aggregations": {
                    label: {"avg": {"field": f"emostream.emotion.probability.{label}"}}
                    for label in ("joy", "fear", "grief")
                },
            }
        },
    )
    first, second = answer["aggregations"]["hours"]["buckets"]
    assert first["joy"]["value"] == pytest.approx(0.3)
    assert first["fear"]["value"] == pytest.approx(0.7)
    assert second["joy"]["value"] == pytest.approx(0.9)
    assert second["grief"]["value"] is None


class Interrupted:
    """The real sink on a node that is killed before the nth write and restarted before the mth."""

    def __init__(self, sink: ElasticsearchSink, stack: Stack, killed: int, restarted: int) -> None:
        self.sink, self.stack, self.writes = sink, stack, 0
        self.killed, self.restarted = killed, restarted

    def write(self, batch: list[Item[Any]]) -> Any:
        self.writes += 1
        if self.writes == self.killed:
            self.stack.kill("elasticsearch")
        if self.writes == self.restarted:
            self.stack.start("elasticsearch")
        return self.sink.write(batch)


@pytest.mark.stack
@pytest.mark.case(3)
def test_a_node_killed_in_mid_stream_and_restarted_misses_nothing(
    node: Elasticsearch, sink: ElasticsearchSink, stack: Stack
) -> None:
    records = [classified(str(n)) for n in range(200)] + [deletion("7")]
    interrupted = Interrupted(sink, stack, killed=4, restarted=7)
    source, letters, run = station(interrupted, records)
    counters = run()
    assert counters.pressed >= 3
    assert source.committed == 201
    assert letters.letters == []
    queries.refresh(node)
    ids = {hit["_id"] for hit in queries.all_documents(node)}
    assert ids == {f"x:{n}" for n in range(200) if n != 7}


@pytest.mark.stack
def test_one_batch_may_hold_posts_of_two_hundred_months(
    node: Elasticsearch, sink: ElasticsearchSink
) -> None:
    months = [NOON.replace(year=2005 + n // 12, month=1 + n % 12, day=1) for n in range(200)]
    records = [classified(f"m{n}", created_at=moment) for n, moment in enumerate(months)]
    while True:
        try:
            assert sink.write(items(*records)) == []
            break
        except Backpressure:  # two hundred new indices may take longer than one answer
            continue
    queries.refresh(node)
    assert queries.count(node, {"match_all": {}}) == 200
    assert sink.write(items(deletion("m7"))) == []
    queries.refresh(node)
    assert queries.count(node, {"match_all": {}}) == 199
