"""What Elasticsearch, and the network before it, can do to the indexer: on a real node."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from indexer import templates
from stack import Stack
from stream.errors import UserError
from stream.records import Outgoing
from tests.faults.proxy import Proxy
from tests.faults.station import Line, wait_until
from tests.indexer.records import NOON

pytestmark = pytest.mark.stack

MARCH = "emotions-v1-2026.03"
FULL = "index.blocks.read_only_allow_delete"
MONTHS = [NOON.replace(year=2020 + n // 12, month=1 + n % 12) for n in range(12)]
RECOVERY_SECONDS = 15.0
REQUEST_SECONDS = 2.0


@contextmanager
def cluster_setting(node: Elasticsearch, name: str, value: Any) -> Iterator[None]:
    node.cluster.put_settings(persistent={name: value})
    try:
        yield
    finally:
        node.cluster.put_settings(persistent={name: None})


def rejected_writes(node: Elasticsearch) -> int:
    (stats,) = node.nodes.stats(metric="thread_pool")["nodes"].values()
    return int(stats["thread_pool"]["write"]["rejected"])


def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request without an answer is given up soon."""
    monkeypatch.setattr("stream.elastic.REQUEST_SECONDS", REQUEST_SECONDS)


@pytest.mark.case(1)
def test_items_that_a_full_queue_refuses_are_sent_again_and_no_others(
    line: Line, node: Elasticsearch
) -> None:
    """One request to the shards of many months fills the queue of the one thread that writes."""
    for month in MONTHS:  # made before, or their making would give the queue time to empty
        templates.create(node, f"emotions-v1-{month:%Y.%m}")
    before = rejected_writes(node)
    posts = [line.posts([f"{n}-{k}"], created_at=m) for n, m in enumerate(MONTHS) for k in range(8)]
    line.send([one for (one,) in posts])
    counters = line.drain()
    assert rejected_writes(node) > before, "the node refused nothing"
    assert counters.indexed == len(posts)  # a second time, an item would count as indexed again
    line.assert_law()


@pytest.mark.case(2)
def test_a_request_that_a_circuit_breaker_refuses_is_repeated_until_it_is_taken(
    line: Line, node: Elasticsearch
) -> None:
    line.send(line.posts(range(200)))
    with cluster_setting(node, "network.breaker.inflight_requests.limit", "20kb"):
        line.start()
        wait_until(lambda: line.counters.pressed >= 2, "two refusals")
    assert line.drain().pressed >= 2
    line.assert_law()


@pytest.mark.case(1)
def test_a_full_disk_is_waited_for(line: Line, node: Elasticsearch) -> None:
    """At the last watermark Elasticsearch blocks every index with 429 until there is room again."""
    templates.create(node, MARCH)
    node.indices.put_settings(index=MARCH, settings={FULL: True})
    line.send(line.posts(range(50)))
    line.start()
    wait_until(lambda: line.counters.pressed >= 1, "a refusal")
    node.indices.put_settings(index=MARCH, settings={FULL: None})
    line.drain()
    line.assert_law()


@pytest.mark.case(14)
def test_an_index_that_somebody_made_read_only_stops_the_station_and_buries_nothing(
    line: Line, node: Elasticsearch
) -> None:
    templates.create(node, MARCH)
    node.indices.put_settings(index=MARCH, settings={"index.blocks.write": True})
    line.send(line.posts(range(20)))
    with pytest.raises(UserError, match=r"does not let us write \(403\)"):
        line.drain()
    assert line.committed() <= 0
    assert line.letters() == []


@pytest.mark.case(3)
def test_a_node_that_was_killed_has_everything_15_seconds_after_its_return(
    line: Line, weak: Stack
) -> None:
    line.send(line.posts(range(500)))
    line.settings = line.settings.model_copy(update={"batch_records": 50, "retry_seconds": 5.0})
    killed: list[bool] = []

    def kill_once() -> None:
        if not killed and line.counters.received >= 100:
            killed.append(True)
            weak.kill("elasticsearch")

    line.slow = kill_once
    line.start()
    # The waits between two tries are their longest from the first.
    wait_until(lambda: line.counters.pressed >= 2, "two refusals")
    weak.start("elasticsearch")
    assert wait_until(line.is_drained, "every record committed") < RECOVERY_SECONDS
    line.drain()
    line.assert_law()


@pytest.mark.case(3)
def test_a_node_that_freezes_and_thaws_has_every_document_once(
    line: Line, weak: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient(monkeypatch)
    line.send(line.posts(range(300)))
    os.kill(weak.pid("elasticsearch"), signal.SIGSTOP)
    try:
        line.start()
        wait_until(lambda: line.counters.pressed >= 1, "a request given up")
    finally:
        os.kill(weak.pid("elasticsearch"), signal.SIGCONT)
    line.drain()
    line.assert_law()


def behind(line: Line, proxy: Proxy, **changes: Any) -> Any:
    return line.settings.model_copy(update={"elasticsearch": proxy.address, **changes})


@pytest.mark.case(4)
def test_a_bulk_request_that_was_applied_though_nobody_heard_makes_each_document_once(
    line: Line, node: Elasticsearch, between: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient(monkeypatch)
    templates.create(node, MARCH)
    line.send(line.posts(range(100)))
    between.lose = b"POST /_bulk"
    line.start(behind(line, between))
    wait_until(lambda: bool(line.documents()), "documents of a request that has no answer")
    assert line.committed() <= 0
    wait_until(lambda: line.counters.pressed >= 1, "the request given up")
    between.lose = None
    line.drain()
    line.assert_law()


@pytest.mark.case(4)
@pytest.mark.parametrize("trouble", ["cut", "slow answers", "slow line"])
def test_a_bad_network_costs_time_and_no_document(line: Line, between: Proxy, trouble: str) -> None:
    line.send(line.posts(range(400)))
    if trouble == "slow answers":
        between.delay = 0.2
    if trouble == "slow line":
        between.rate = 1_000_000
    cuts: list[int] = []
    if trouble == "cut":
        line.slow = lambda: cuts.append(between.cut()) if len(cuts) < 4 else None
    line.start(behind(line, between, batch_records=100))
    line.drain()
    line.assert_law()


@pytest.mark.case(5)
def test_a_request_over_the_nodes_limit_is_halved_and_one_document_over_it_is_a_dead_letter(
    line: Line,
) -> None:
    small = line.posts(range(400), text="m" * 2000)
    huge = line.posts(["huge"], text="🎉" * 90_000)
    line.send([*small[:200], *huge, *small[200:]])
    line.drain()
    line.assert_law(dead={str(huge[0].key)})
    (letter,) = line.letters()
    assert "more than Elasticsearch takes in one request" in letter.reason
    assert letter.original == huge[0].value


@pytest.mark.case(13)
def test_a_post_seen_again_in_another_month_stays_one_document(line: Line) -> None:
    for months in range(3):
        line.send(line.posts(range(20), observed_at=NOON + timedelta(days=31 * months)))
    line.drain()
    line.assert_law()
    assert {hit["_index"] for hit in line.documents().values()} == {MARCH}


@pytest.mark.case(31)
def test_a_topic_that_holds_every_post_thrice_makes_one_document_of_each(line: Line) -> None:
    posts = line.posts(range(100))
    for _ in range(3):
        line.send(posts)
    line.drain()
    line.assert_law()
    assert len(line.documents()) == 100


@pytest.mark.case(20)
def test_an_id_of_19_digits_is_the_same_after_the_whole_way(line: Line) -> None:
    ids = ["9007199254740993", "9223372036854775807", "18446744073709551617"]
    line.send(line.posts(ids))
    line.drain()
    assert {hit["_source"]["event"]["id"] for hit in line.documents().values()} == set(ids)
    line.assert_law()


NASTY = {
    "nul": "a\x00b",
    "controls": "".join(map(chr, range(1, 32))),
    "bom": "\ufeffbom",
    "bidi": "\u202eright to left\u202c\u2066x\u2069",
    "emoji": "👩‍👩‍👧‍👦🏳️‍🌈",
    "composed": "é",
    "decomposed": "e\u0301",
    "separators": "a\u2028b\u2029c\x85d",
    "last": "\U0010ffff\ufffe\uffff",
}


@pytest.mark.case(18)
def test_every_sign_comes_back_as_it_was_sent(line: Line) -> None:
    records: list[Outgoing] = []
    for name, text in NASTY.items():
        records += line.posts([name], text=text)
    line.send(records)
    line.drain()
    line.assert_law()
    found = {
        hit["_source"]["event"]["id"]: hit["_source"]["message"]
        for hit in line.documents().values()
    }
    assert found == NASTY


@pytest.mark.case(26)
def test_of_parallel_requests_one_that_fails_holds_back_the_whole_batch(
    line: Line, node: Elasticsearch, between: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others have ended before it: their documents are there, and no offset moves for them."""
    impatient(monkeypatch)
    templates.create(node, MARCH)
    posts = line.posts([f"n{number}" for number in range(300)])
    line.send([*posts[:270], *line.posts(["odd"]), *posts[270:]])
    between.lose = b'"_id":"x:odd"'  # of the requests under way at once, one alone has no answer
    line.start(behind(line, between, bulk_actions=50))
    wait_until(lambda: line.counters.pressed >= 1, "the request given up")
    assert 0 < len(line.documents()) < line.total
    assert line.committed() <= 0
    between.lose = None
    line.drain()
    line.assert_law()
