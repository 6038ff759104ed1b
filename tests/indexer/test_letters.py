"""Dead letters become documents that say where and why, never what; and never new letters."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from indexer import letters, service, templates
from indexer.bulk import IndexingError
from stack import Stack
from stream import worker
from stream.broker import KafkaWriter, create_topics, read_to_end
from stream.codec import decode_dead_letter, encode
from stream.dead_letters import DeadLetter, Source, dead_letter
from stream.records import Item, Outgoing, Received
from stream.settings import Settings
from stream.sinks import KafkaDeadLetters
from stream.testing import MemorySource
from stream.topics import DEAD_LETTER
from tests.indexer.records import LIMITS, NOON
from tests.indexer.test_templates import section

SECRET = "SECRET"


def letter(line: int = 7, **changes: Any) -> DeadLetter:
    made = dead_letter(
        "ingest",
        "receiving",
        "created_at: Field required",
        Source(file="posts.ndjson", line=line),
        f'{{"text": "{SECRET}"}}'.encode(),
        original_key=f"x:{SECRET}",
        headers={"about": SECRET},
        crawl="crawl-1",
    )
    return made.model_copy(update={"failed_at": NOON} | changes)


def received(*sent: DeadLetter) -> list[Item[DeadLetter]]:
    return [
        Item(one, Received(DEAD_LETTER.name, 0, offset, b"key", encode(one)))
        for offset, one in enumerate(sent)
    ]


def test_a_letter_says_where_and_why_and_nothing_of_the_record() -> None:
    of_line, of_topic = (
        letter(),
        letter(source=Source(topic="posts.collected", partition=3, offset=9)),
    )
    assert letters.fields(of_line) == {
        "@timestamp": "2026-03-14T12:00:00.000Z",
        "station": "ingest",
        "stage": "receiving",
        "reason": "created_at: Field required",
        "crawl": "crawl-1",
        "original_size": 18,
        "file": "posts.ndjson",
        "line": 7,
    }
    assert (
        letters.fields(of_topic).items()
        >= {"topic": "posts.collected", "partition": 3, "offset": 9}.items()
    )
    assert SECRET.encode() not in letters.bulk_action(of_line) + letters.bulk_action(of_topic)


def test_the_documentation_describes_each_field_of_a_letter() -> None:
    properties = templates.declared(letters.INDEX)["template"]["mappings"]["properties"]
    assert section("Dead letters in Elasticsearch") == templates.fields(properties)
    everything = letter(source=Source(topic="t", partition=0, offset=0, file="f", line=1))
    assert set(letters.fields(everything)) == set(properties)


def test_a_key_too_long_for_an_id_becomes_its_hash() -> None:
    long = letter(source=Source(file="f" * 512, line=1))
    assert letters.id_of(letter()) == "ingest:crawl-1:posts.ndjson:7"
    assert len(letters.id_of(long)) < 100
    assert letters.id_of(long) != letters.id_of(letter(source=Source(file="f" * 512, line=2)))


@pytest.fixture
def sink(node: Elasticsearch) -> letters.LettersSink:
    return letters.LettersSink(node, LIMITS, Event())


def indexed(client: Elasticsearch) -> dict[str, dict[str, Any]]:
    client.indices.refresh(index=letters.INDEX)
    hits = client.search(index="emotions-dead-letters-*", size=10_000)["hits"]["hits"]
    return {hit["_id"]: hit["_source"] for hit in hits}


@pytest.mark.stack
def test_a_repeated_letter_is_one_document_and_the_later_one_stays(
    node: Elasticsearch, sink: letters.LettersSink
) -> None:
    later = letter(failed_at=NOON + timedelta(hours=1), reason="again")
    assert not sink.write(received(letter(), later, letter(8)))
    assert not sink.write(received(letter()))
    documents = indexed(node)
    assert {one["line"]: one["reason"] for one in documents.values()} == {
        7: "again",
        8: "created_at: Field required",
    }


@pytest.mark.stack
def test_readers_of_the_posts_do_not_see_the_letters(
    node: Elasticsearch, sink: letters.LettersSink
) -> None:
    sink.write(received(letter()))
    node.indices.refresh(index=letters.INDEX)
    assert node.count(index="emotions", ignore_unavailable=True)["count"] == 0


@pytest.mark.stack
def test_a_number_that_no_long_holds_is_left_out_and_even_a_hundred_stop_nobody(
    node: Elasticsearch, sink: letters.LettersSink
) -> None:
    beyond = [2**63 + n for n in range(100)] + [2**64, -(2**64)]
    assert not sink.write(received(*(letter(n, original_size=2**70) for n in beyond)))
    documents = indexed(node)
    assert len(documents) == 102
    assert not any("line" in one or "original_size" in one for one in documents.values())


@pytest.mark.stack
def test_what_is_no_letter_is_passed_over_and_makes_none(
    node: Elasticsearch, sink: letters.LettersSink, caplog: pytest.LogCaptureFixture
) -> None:
    """No letter at all, no value: each beside a good one."""
    stop = Event()
    values = [encode(letter(1)), encode(letter(2))]
    foreign = f'{{"text": "{SECRET}"}}'.encode()
    source = MemorySource([*values, foreign, None], stop, batch_records=10)
    counters = worker.run(
        letters.STATION,
        source,
        decode_dead_letter,
        lambda items: items,
        sink,
        letters.Unanswered(),
        stop,
    )
    assert source.committed == 4
    assert counters.discarded == {"receiving": 2}
    assert sorted(one["line"] for one in indexed(node).values()) == [1, 2]
    assert "dead letter from memory[0]@3, receiving: the record has no value" in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.stack
def test_a_fault_of_the_index_stops_the_station_and_passes_nothing_over(
    node: Elasticsearch, sink: letters.LettersSink
) -> None:
    node.indices.close(index=letters.INDEX)
    with pytest.raises(IndexingError, match="closed"):
        sink.write(received(letter()))


@pytest.fixture
def settings(stack: Stack) -> Settings:
    return Settings(kafka=stack.kafka, elasticsearch=stack.elasticsearch, bulk_seconds=0.0)


class Running:
    """The indexer in a thread of the test."""

    def __init__(self, settings: Settings) -> None:
        self.stop = Event()
        self.pool = ThreadPoolExecutor(1)
        self.counters = self.pool.submit(service.run, settings, self.stop)

    def end(self) -> None:
        self.stop.set()
        self.pool.shutdown()


@pytest.fixture
def running(node: Elasticsearch, settings: Settings) -> Iterator[Running]:
    one = Running(settings)
    yield one
    one.end()


def until(done: Any) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def on_topic(settings: Settings) -> int:
    return sum(1 for _ in read_to_end(settings, DEAD_LETTER))


@pytest.mark.stack
def test_the_station_indexes_every_letter_of_the_topic_and_writes_none(
    node: Elasticsearch, settings: Settings, running: Running
) -> None:
    create_topics(settings)
    crawl = f"letters-{time.time_ns()}"
    with KafkaWriter(settings) as writer:
        KafkaDeadLetters(writer).write([letter(n, crawl=crawl) for n in range(5)])
        writer.write(DEAD_LETTER, [Outgoing("foreign", b"no letter", crawl)])
        KafkaDeadLetters(writer).write([letter(99, crawl=crawl)])
    before = on_topic(settings)

    def lines() -> set[int]:
        return {one["line"] for one in indexed(node).values() if one["crawl"] == crawl}

    until(lambda: 99 in lines() or running.counters.done())
    running.end()
    running.counters.result()
    assert lines() == {0, 1, 2, 3, 4, 99}
    assert on_topic(settings) == before


@pytest.mark.stack
def test_a_failure_among_the_letters_stops_the_whole_station(
    node: Elasticsearch, settings: Settings, running: Running
) -> None:
    create_topics(settings)
    node.indices.close(index=letters.INDEX)
    with KafkaWriter(settings) as writer:
        KafkaDeadLetters(writer).write([letter(crawl=f"closed-{time.time_ns()}")])
    with pytest.raises(IndexingError, match="closed"):
        running.counters.result(timeout=60)
