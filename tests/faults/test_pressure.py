"""Under pressure the indexer sends less at once, and holds no more than it can bear."""

import secrets
import threading
import time
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from indexer.bulk import ATTEMPTS, Bulk, InFlight, Limits
from indexer.counters import BulkCounters
from stream.backoff import Backoff
from stream.elastic import connect
from stream.errors import Backpressure
from stream.settings import Settings
from tests.faults.station import Line, wait_until
from tests.indexer.fake_node import accept, fake_node, items, whole
from tests.indexer.test_bulk import action

MEGABYTE = 1_000_000
MOST = 4
ONE_EACH = Limits(actions=1, bytes=MEGABYTE, retry_seconds=0.001, in_flight=MOST)


@pytest.mark.case(27)
def test_the_bound_grows_by_one_is_halved_and_stays_between_one_and_the_most() -> None:
    bound = InFlight(5)
    grown = []
    for _ in range(6):
        grown.append(bound.bound)
        bound.taken()
    assert grown == [1, 2, 3, 4, 5, 5]
    halved = []
    for _ in range(4):
        bound.refused()
        halved.append(bound.bound)
    assert halved == [2, 1, 1, 1]


class Watched:
    """Answers a bulk request, and knows how many were under way at once."""

    def __init__(self) -> None:
        self.now, self.most = 0, 0
        self._lock = threading.Lock()

    def __call__(self, ids: list[str]) -> Any:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.02)
        with self._lock:
            self.now -= 1
        return accept(ids)


@pytest.mark.wire
@pytest.mark.case(27)
def test_no_more_requests_are_under_way_than_the_bound_and_fewer_after_a_refusal() -> None:
    with fake_node() as node, connect(Settings(elasticsearch=node.address)) as client:
        watched = Watched()
        node.script = [watched] * 200
        bulk = Bulk(client, ONE_EACH, Event())
        bulk.send([action(str(number)) for number in range(30)])
        assert watched.most == MOST
        node.script = [whole(429), *([watched] * 10)]
        with pytest.raises(Backpressure):
            bulk.send([action(str(number)) for number in range(30)])
        watched.most = 0
        node.script = [watched] * 2
        bulk.send([action("a"), action("b")])
        assert watched.most == MOST // 2


class Turns(BulkCounters):
    """Counts how often somebody says that the batch gets on."""

    turns = 0

    def turn(self) -> None:
        self.turns += 1


@pytest.mark.wire
def test_a_batch_of_which_nothing_is_taken_does_not_get_on() -> None:
    with fake_node() as node, connect(Settings(elasticsearch=node.address)) as client:
        node.script = [lambda ids: items(dict.fromkeys(ids, 429))] * ATTEMPTS
        counters = Turns("bulk")
        with pytest.raises(Backpressure):
            Bulk(client, Limits(1000, MEGABYTE, 0.001), Event(), counters).send([action("a")])
    assert counters.turns == 0


@pytest.mark.wire
@pytest.mark.case(27)
def test_requests_that_fail_together_make_the_next_wait_longer_once() -> None:
    with fake_node() as node, connect(Settings(elasticsearch=node.address)) as client:
        bulk = Bulk(client, ONE_EACH, Event())
        bulk.send([action(str(number)) for number in range(12)])  # the bound is the most now
        bulk.backoff = Backoff(1.0, 60.0, jitter=0.0)
        node.script = [whole(503)] * (MOST + MOST // 2)
        waits = []
        for _ in range(2):
            with pytest.raises(Backpressure) as refused:
                bulk.send([action(str(number)) for number in range(MOST)])
            waits.append(refused.value.retry_after)
        assert waits == [1.0, 2.0]
        assert len(node.requests) == 12 + MOST + MOST // 2, "they did not fail together"


@pytest.mark.wire
@pytest.mark.case(1)
def test_a_node_that_takes_one_item_of_a_request_gets_to_its_end() -> None:
    """To begin the batch anew after some refusals would be to send the same items for ever."""
    ids = [str(number) for number in range(20)]

    def take_one(asked: list[str]) -> Any:
        return items({one: 201 if one == asked[0] else 429 for one in asked})

    with fake_node() as node, connect(Settings(elasticsearch=node.address)) as client:
        node.script = [take_one] * len(ids)
        counters = Turns("bulk")
        bulk = Bulk(client, Limits(1000, MEGABYTE, 0.001), Event(), counters)
        outcomes = bulk.send([action(one) for one in ids])
        assert [one.status for one in outcomes] == [201] * len(ids)
        assert counters.turns == len(ids), "it gets on, and looks as if it hung"
        assert node.requests == [ids[number:] for number in range(len(ids))]


@pytest.mark.wire
@pytest.mark.case(26)
def test_outcomes_are_in_the_order_of_their_actions_whichever_request_ends_first() -> None:
    def last_if_first(ids: list[str]) -> Any:
        if ids == ["0"]:
            wait_until(lambda: len(node.ended) == 12 + MOST - 1, "the others of its round", 10)
        return items({one: 201 if int(one) % 3 else 409 for one in ids})

    with fake_node() as node, connect(Settings(elasticsearch=node.address)) as client:
        bulk = Bulk(client, ONE_EACH, Event())
        bulk.send([action(str(number)) for number in range(12)])  # the bound is the most now
        node.script = [last_if_first] * 12
        outcomes = bulk.send([action(str(number)) for number in range(12)])
        assert node.ended[12 + MOST - 1] == ["0"]
    assert [one.older for one in outcomes] == [number % 3 == 0 for number in range(12)]


@pytest.mark.wire
@pytest.mark.case(15)
@pytest.mark.parametrize("kept", ["used", "failed"])
def test_a_document_that_went_to_a_failure_store_is_not_counted_as_indexed(kept: str) -> None:
    """A data stream answers 201 for it; only this word tells."""
    answer = {"items": [{"create": {"status": 201, "failure_store": kept}}]}
    with fake_node() as node, connect(Settings(elasticsearch=node.address)) as client:
        node.script = [lambda _ids: (200, answer)]
        with pytest.raises(RuntimeError, match=f"failure store: {kept}"):
            Bulk(client, ONE_EACH, Event()).send([action("a")])


def resident() -> float:
    """The memory of this process, in megabytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (kilobytes,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
    return int(kilobytes) / 1000


@pytest.mark.stack
@pytest.mark.case(27)
def test_memory_does_not_grow_with_refusals_while_twenty_times_a_batch_waits(line: Line) -> None:
    batch, size, backlog = 100, 20_000, 20
    for number in range(backlog):
        numbers = range(number * batch, (number + 1) * batch)
        # Of random signs, which no compression makes small on the broker and large here.
        line.send(line.posts(numbers, text=secrets.token_hex(size // 2)))
    waiting = backlog * batch * size / MEGABYTE
    with fake_node() as node:
        node.script = [whole(429)] * 9
        changes = {"elasticsearch": node.address, "batch_records": batch, "retry_seconds": 0.01}
        line.start(line.settings.model_copy(update=changes))
        wait_until(lambda: line.counters.pressed >= 3, "a batch refused thrice")
        before = resident()
        wait_until(lambda: line.counters.pressed >= 9, "six more refusals")
        grown = resident() - before
        line.drain()
        indexed = {one for ids in node.requests for one in ids}
    assert grown < waiting / 2, f"{grown:.0f} MB more, while {waiting:.0f} MB wait"
    assert indexed == line.sent


@pytest.mark.wire
@pytest.mark.case(5)
def test_what_was_too_large_once_is_not_tried_again() -> None:
    def most_two(ids: list[str]) -> Any:
        return accept(ids) if len(ids) <= 2 else whole(413)(ids)

    with fake_node() as node, connect(Settings(elasticsearch=node.address)) as client:
        node.script = [most_two] * 100
        bulk = Bulk(client, Limits(1000, MEGABYTE, 0.001), Event())
        bulk.send([action(str(number)) for number in range(8)])
        assert [len(ids) for ids in node.requests] == [8, 4, 2, 2, 4, 2, 2]
        node.requests.clear()
        bulk.send([action(str(number)) for number in range(8)])
        assert [len(ids) for ids in node.requests] == [2, 2, 2, 2]
