"""Every action of a bulk request gets one outcome, whatever the node does."""

from collections.abc import Iterator
from threading import Event
from typing import Any

import orjson
import pytest
from elasticsearch import Elasticsearch

from indexer.bulk import ATTEMPTS, Bulk, IndexingError, Limits, fault, outcome, parts
from stream.backoff import LONGEST_WAIT
from stream.elastic import REQUEST_SECONDS, connect
from stream.errors import Backpressure, UserError
from stream.health import STALE_SECONDS
from stream.settings import Settings
from tests.indexer.fake_node import FakeNode, accept, cut, fake_node, items, whole
from tests.indexer.records import LIMITS


def action(native_id: str, size: int = 0) -> bytes:
    line = {"index": {"_index": "emotions-v1-2026.03", "_id": native_id}}
    return orjson.dumps(line) + b"\n" + orjson.dumps({"message": "m" * size}) + b"\n"


ABCD = [action(one) for one in "abcd"]


@pytest.fixture
def node() -> Iterator[FakeNode]:
    with fake_node() as node:
        yield node


@pytest.fixture
def client(node: FakeNode) -> Iterator[Elasticsearch]:
    with connect(Settings(elasticsearch=node.address)) as client:
        yield client


@pytest.fixture
def bulk(client: Elasticsearch) -> Bulk:
    return Bulk(client, LIMITS, Event())


def test_requests_are_cut_by_count() -> None:
    cut_up = parts(enumerate([b"12345"] * 7), Limits(3, 1000, 1))
    assert [list(part) for part in cut_up] == [[0, 1, 2], [3, 4, 5], [6]]


def test_requests_are_cut_by_bytes_and_one_larger_than_a_request_goes_alone() -> None:
    actions = enumerate([b"1234", b"1234", b"1234", b"1" * 99, b"1"])
    assert [list(part) for part in parts(actions, Limits(100, 10, 1))] == [[0, 1], [2], [3], [4]]


def test_a_request_refused_to_the_last_takes_no_loop_for_dead() -> None:
    assert ATTEMPTS * REQUEST_SECONDS + (ATTEMPTS - 1) * LONGEST_WAIT < STALE_SECONDS


UNPARSED = (
    "[1:7] failed to parse field [user.id] of type [long] in document with id 'x:1'. "
    "Preview of field's value: 'SECRET text'"
)
UNPLANNED = (
    "[1:7] mapping set to strict, dynamic introduction of [boredom] within "
    "[emostream.emotion.probability] is not allowed"
)
IMMENSE = (
    'Document contains at least one immense term in field="tags" (whose UTF8 encoding is '
    "longer than the max length 32766), prefix: '[83, 69]...', original message: SECRET"
)
REAL_REASONS = [
    (
        "document_parsing_exception",
        UNPARSED,
        "illegal_argument_exception",
        "document_parsing_exception in field [user.id] (illegal_argument_exception)",
    ),
    (
        "strict_dynamic_mapping_exception",
        UNPLANNED,
        None,
        "strict_dynamic_mapping_exception in field [boredom]",
    ),
    (
        "document_parsing_exception",
        IMMENSE,
        "max_bytes_length_exceeded_exception",
        "document_parsing_exception in field [tags] (max_bytes_length_exceeded_exception)",
    ),
    (
        "document_parsing_exception",
        "[1:7] object mapping for [user] tried to parse field [user] as object, but found SECRET",
        None,
        "document_parsing_exception in field [user]",
    ),
    ("parsing_exception", "SECRET", None, "parsing_exception"),
]


@pytest.mark.parametrize(("kind", "reason", "cause", "said"), REAL_REASONS)
@pytest.mark.case(7)
def test_a_fault_names_type_and_field_and_never_the_posts_text(
    kind: str, reason: str, cause: str | None, said: str
) -> None:
    error: dict[str, Any] = {"type": kind, "reason": reason}
    if cause:
        error["caused_by"] = {"type": cause}
    assert fault(error) == said
    assert outcome({"index": {"status": 400, "error": error}}).fault == said


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "validation_exception"),  # no room for one more shard
        (400, "index_closed_exception"),
        (400, "invalid_index_name_exception"),
        (400, "illegal_argument_exception"),  # a pipeline that is not there
        (404, "index_not_found_exception"),
        (418, "something_new"),
        (500, "null_pointer_exception"),
    ],
)
@pytest.mark.case(14)
def test_an_answer_that_is_no_records_fault_stops_the_station(status: int, kind: str) -> None:
    with pytest.raises(IndexingError, match=f"status {status}: {kind}"):
        outcome({"index": {"status": status, "error": {"type": kind, "reason": "why"}}})


def test_a_reason_that_may_quote_a_post_is_not_shown_when_the_station_stops() -> None:
    error = {"type": "something_new", "reason": "SECRET"}
    with pytest.raises(IndexingError) as stopped:
        outcome({"index": {"status": 500, "error": error}})
    assert "SECRET" not in str(stopped.value)
    full = {"type": "validation_exception", "reason": "no room for one more shard"}
    with pytest.raises(IndexingError, match="no room for one more shard"):
        outcome({"index": {"status": 400, "error": full}})


def test_a_write_that_is_forbidden_is_the_users_to_mend() -> None:
    error = {"type": "cluster_block_exception", "reason": "index [i] blocked by: [read-only]"}
    with pytest.raises(UserError, match=r"403.*read-only"):
        outcome({"index": {"status": 403, "error": error}})


def test_deleting_what_is_not_there_is_done() -> None:
    gone = {"type": "index_not_found_exception", "reason": "no such index"}
    assert outcome({"delete": {"status": 404}}).missing
    assert outcome({"delete": {"status": 404, "error": gone}}).missing


@pytest.mark.case(11)
def test_losing_to_a_newer_version_is_done() -> None:
    conflict = {"type": "version_conflict_engine_exception", "reason": "[x:1]: version conflict"}
    assert outcome({"index": {"status": 409, "error": conflict}}).older


@pytest.mark.wire
@pytest.mark.parametrize("status", [429, 502, 503, 504])
@pytest.mark.case(1)
def test_only_the_refused_items_are_sent_again(node: FakeNode, bulk: Bulk, status: int) -> None:
    node.script = [
        lambda _ids: items({"a": 201, "b": status, "c": 201, "d": status}),
        lambda _ids: items({"b": 200, "d": status}),
    ]
    outcomes = bulk.send(ABCD)
    assert node.requests == [["a", "b", "c", "d"], ["b", "d"], ["d"]]
    assert [one.status for one in outcomes] == [201, 200, 201, 201]


@pytest.mark.wire
@pytest.mark.case(1)
def test_items_refused_again_and_again_are_backpressure(node: FakeNode, bulk: Bulk) -> None:
    node.script = [lambda ids: items(dict.fromkeys(ids, 429))] * ATTEMPTS
    with pytest.raises(Backpressure, match="refuses 4 of 4 actions") as pressure:
        bulk.send(ABCD)
    assert len(node.requests) == ATTEMPTS
    assert pressure.value.retry_after <= LONGEST_WAIT


@pytest.mark.wire
@pytest.mark.case(30)
def test_a_request_to_stop_interrupts_the_wait(node: FakeNode, client: Elasticsearch) -> None:
    stop = Event()
    stop.set()
    node.script = [lambda ids: items(dict.fromkeys(ids, 429))]
    with pytest.raises(Backpressure):
        Bulk(client, Limits(1000, 1_000_000, retry_seconds=60), stop).send(ABCD)
    assert len(node.requests) == 1


@pytest.mark.wire
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
@pytest.mark.case(2)
def test_a_whole_request_refused_is_backpressure(node: FakeNode, bulk: Bulk, status: int) -> None:
    node.script = [whole(status)]
    with pytest.raises(Backpressure, match=f"status {status}"):
        bulk.send(ABCD)
    assert [one.status for one in bulk.send(ABCD)] == [201] * 4


@pytest.mark.wire
@pytest.mark.case(4)
def test_a_cut_connection_is_backpressure(node: FakeNode, bulk: Bulk) -> None:
    node.script = [cut]
    with pytest.raises(Backpressure, match="does not answer"):
        bulk.send(ABCD)
    assert [one.status for one in bulk.send(ABCD)] == [201] * 4


@pytest.mark.wire
@pytest.mark.case(4)
def test_a_slow_answer_is_backpressure(node: FakeNode, client: Elasticsearch) -> None:
    node.script = [node.slow]
    with pytest.raises(Backpressure, match="ConnectionTimeout"):
        Bulk(client.options(request_timeout=0.2), LIMITS, Event()).send(ABCD)


@pytest.mark.wire
@pytest.mark.case(3)
def test_nobody_listening_is_backpressure(node: FakeNode, bulk: Bulk) -> None:
    nobody = connect(Settings(elasticsearch="http://127.0.0.1:1"))
    with nobody, pytest.raises(Backpressure, match="does not answer"):
        Bulk(nobody, LIMITS, Event()).send(ABCD)


@pytest.mark.wire
@pytest.mark.case(5)
def test_a_request_too_large_is_halved_until_it_fits(node: FakeNode, bulk: Bulk) -> None:
    too_large = whole(413)
    node.script = [too_large, too_large, accept, accept, too_large, too_large]
    outcomes = bulk.send(ABCD)
    assert node.requests == [
        ["a", "b", "c", "d"],
        ["a", "b"],
        ["a"],
        ["b"],
        ["c", "d"],
        ["c"],
        ["d"],
    ]
    assert [one.status for one in outcomes] == [201, 201, 413, 201]
    assert (
        outcomes[2].fault
        == f"{len(ABCD[2])} bytes are more than Elasticsearch takes in one request"
    )


@pytest.mark.wire
@pytest.mark.parametrize(("status", "sentence"), [(401, "does not know us"), (403, "forbids")])
def test_a_refused_credential_is_one_line_and_no_records_fault(
    node: FakeNode, bulk: Bulk, status: int, sentence: str
) -> None:
    node.script = [whole(status)]
    with pytest.raises(UserError, match=sentence):
        bulk.send(ABCD)


@pytest.mark.wire
def test_an_answer_with_too_few_items_stops_the_station(node: FakeNode, bulk: Bulk) -> None:
    node.script = [lambda _ids: items({"a": 201})]
    with pytest.raises(IndexingError, match="1 outcomes for 4 actions"):
        bulk.send(ABCD)


def test_nothing_to_send_asks_nobody() -> None:
    with connect(Settings(elasticsearch="http://127.0.0.1:1")) as nobody:
        assert Bulk(nobody, LIMITS, Event()).send([]) == []
