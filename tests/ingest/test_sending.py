"""Batches are sent until they are taken, and counted exactly."""

import json
from datetime import datetime
from threading import Event

import pytest

from ingest.reading import Found, read
from ingest.sending import MAX_BATCH_RECORDS, Sender, Unsent
from stream.errors import Backpressure, UserError
from tests.ingest.doubles import MemoryDestination, given, sight


def found(*ids: str) -> list[Found]:
    lines = [
        json.dumps({"id": one, "text": "hi", "created_at": "2026-11-14T12:00:00Z"}) for one in ids
    ]
    records = list(read([given("\n".join(lines).encode())], sight))
    return [one for one in records if isinstance(one, Found)]


class StopAfter(Event):
    """Remembers the waits and is set by the n-th of them; no time passes."""

    def __init__(self, waits: int) -> None:
        super().__init__()
        self.left, self.waited = waits, list[float]()

    def wait(self, timeout: float | None = None) -> bool:
        self.waited.append(timeout or 0.0)
        self.left -= 1
        if not self.left:
            self.set()
        return self.is_set()


def refuse_first(times: int) -> MemoryDestination:
    def before(nth: int) -> None:
        if nth <= times:
            raise Backpressure("full", retry_after=float(nth))

    return MemoryDestination(before)


def test_a_full_batch_is_sent_and_the_rest_on_flush() -> None:
    destination = MemoryDestination()
    sender = Sender(destination, "c1", Event())
    for one in found(*(str(n) for n in range(MAX_BATCH_RECORDS + 1))):
        sender.add(one)
    assert destination.batches == [MAX_BATCH_RECORDS]
    sender.flush()
    assert destination.batches == [MAX_BATCH_RECORDS, 1]
    sender.flush()
    assert destination.batches == [MAX_BATCH_RECORDS, 1]


def test_a_refused_batch_is_sent_again_after_the_waits_that_the_destination_names() -> None:
    stop = StopAfter(100)
    destination = refuse_first(5)
    sender = Sender(destination, "c1", stop)
    for one in found("1", "2"):
        sender.add(one)
    sender.flush()
    assert stop.waited == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert [post.native_id for post in destination.posts] == ["1", "2"]
    assert sender.counts.posts == 2


def test_asked_to_stop_while_refused_it_gives_up_and_counts_nothing_as_sent() -> None:
    sender = Sender(refuse_first(99), "c1", StopAfter(2))
    sender.add(found("1")[0])
    with pytest.raises(Unsent, match="full"):
        sender.flush()
    assert sender.counts.posts == 0


def test_what_was_not_taken_is_sent_by_the_next_flush_and_counted_once() -> None:
    def fail(nth: int) -> None:
        if nth == 1:
            raise UserError("the topic is not there")

    destination = MemoryDestination(fail)
    sender = Sender(destination, "c1", Event())
    for one in found("1", "2"):
        sender.add(one)
    with pytest.raises(UserError):
        sender.flush()
    sender.flush()
    sender.flush()
    assert [post.native_id for post in destination.posts] == ["1", "2"]
    assert sender.counts.posts == 2


@pytest.mark.case(6)
def test_a_record_that_is_too_large_becomes_a_dead_letter() -> None:
    destination = MemoryDestination(refuse=lambda record: record.key.endswith(":2"))
    sender = Sender(destination, "c1", Event())
    for one in found("1", "2", "3"):
        sender.add(one)
    sender.flush()
    (letter,) = destination.letters
    assert (letter.stage, letter.reason, letter.source.line) == ("sending", "too large", 2)
    assert json.loads(letter.original or b"")["id"] == "2"
    assert (sender.counts.posts, sender.counts.dead_letters) == (2, 1)


def test_a_key_deleted_twice_is_one_deletion_even_where_its_post_was_sent() -> None:
    deletion = {"kind": "deletion", "platform": "x", "deleted_at": "2026-11-15T00:00:00Z"}
    ids = ("1", "2", "1")
    lines = "\n".join(json.dumps({**deletion, "native_id": one}) for one in ids).encode()
    deletions = [one for one in read([given(lines)], sight) if isinstance(one, Found)]
    destination = MemoryDestination()
    sender = Sender(destination, "c1", Event())
    for one in (*found("1"), *deletions):
        sender.add(one)
    sender.flush()
    sender.add(deletions[0])
    sender.flush()
    assert len(destination.records) == 5
    assert (sender.counts.posts, sender.counts.unique_ids, sender.counts.repeated) == (1, 1, 0)
    assert sender.counts.deletions == 2
    sender.new_round()
    sender.add(deletions[0])
    sender.flush()
    assert sender.counts.deletions == 3


def test_repeated_ids_are_counted_within_a_round() -> None:
    sender = Sender(MemoryDestination(), "c1", Event())
    for one in found("1", "2", "1"):
        sender.add(one)
    sender.flush()
    sender.new_round()
    sender.add(found("1")[0])
    sender.flush()
    counts = sender.counts.report()
    assert datetime.fromisoformat(counts.pop("started_at")).tzinfo is not None
    assert counts == {
        "crawl": "c1",
        "posts": 4,
        "deletions": 0,
        "dead_letters": 0,
        "unique_ids": 3,
        "repeated": 1,
        "seconds": 0.0,
    }
