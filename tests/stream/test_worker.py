"""The loop keeps its promise: nothing lost, and nothing committed before it is written."""

from collections.abc import Sequence
from threading import Event

import pytest

from stream.codec import encode
from stream.errors import Backpressure, InvalidRecord
from stream.metrics import Counters
from stream.records import Item, Received
from stream.testing import Crash, MemoryDeadLetters, MemorySink, MemorySource
from stream.worker import run


def decode(value: bytes | None) -> str:
    if value is None or value == b"bad":
        raise InvalidRecord("bad value")
    return value.decode()


def upper(items: Sequence[Item[str]]) -> Sequence[Item[str]]:
    return [Item(item.record.upper(), item.received) for item in items]


def drive(
    source: MemorySource, sink: MemorySink[str], letters: MemoryDeadLetters | None = None
) -> Counters:
    return run("test", source, decode, upper, sink, letters or MemoryDeadLetters(), source.stop)


def written(sink: MemorySink[str]) -> list[str]:
    return [item.record for item in sink.items]


def test_every_record_is_moved_in_order_and_committed() -> None:
    source, sink = MemorySource([b"a", b"b", b"c"], Event()), MemorySink[str]()
    counters = drive(source, sink)
    assert written(sink) == ["A", "B", "C"]
    assert source.committed == 3
    assert (counters.received, counters.sent, counters.batches) == (3, 3, 2)


@pytest.mark.case(16)
def test_a_bad_record_goes_to_the_dead_letters_with_its_bytes_and_the_stream_goes_on() -> None:
    letters = MemoryDeadLetters()
    source = MemorySource([b"a", b"bad", None, b"d"], Event(), headers=(("crawl", b"c1"),))
    sink = MemorySink[str]()
    counters = drive(source, sink, letters)
    assert written(sink) == ["A", "D"]
    assert [letter.original for letter in letters.letters] == [b"bad", None]
    assert [letter.source.offset for letter in letters.letters] == [1, 2]
    assert letters.letters[0].reason == "bad value"
    assert letters.letters[0].crawl == "c1"
    assert letters.letters[0].original_key == "key"
    assert counters.discarded == {"receiving": 2}


def test_what_the_sink_refuses_goes_to_the_dead_letters_at_stage_sending() -> None:
    letters = MemoryDeadLetters()
    source, sink = MemorySource([b"a", b"b"], Event()), MemorySink[str]()
    sink.refuse = lambda record: "no B here" if record == "B" else None
    drive(source, sink, letters)
    assert written(sink) == ["A"]
    assert [(one.stage, one.original) for one in letters.letters] == [("sending", b"b")]


def test_backpressure_repeats_the_batch_and_loses_nothing() -> None:
    def full_at_first(nth: int) -> None:
        if nth <= 2:
            raise Backpressure("full", retry_after=0.0)

    source, sink = MemorySource([b"a", b"b", b"c"], Event()), MemorySink[str](before=full_at_first)
    counters = drive(source, sink)
    assert written(sink) == ["A", "B", "C"]
    assert counters.pressed == 2


def test_a_batch_whose_commit_is_refused_counts_once_when_it_is_committed() -> None:
    class Busy(MemorySource):
        tries = 0

        def commit(self, batch: Sequence[Received]) -> None:
            self.tries += 1
            if self.tries <= 3:
                raise Backpressure("no commit now", retry_after=0.0)
            super().commit(batch)

    source, sink = Busy([b"a", b"bad", b"c"], Event(), batch_records=3), MemorySink[str]()
    counters = drive(source, sink)
    assert written(sink) == ["A", "C"] * 4
    assert (counters.received, counters.sent, counters.pressed) == (3, 2, 3)
    assert counters.discarded == {"receiving": 1}


@pytest.mark.parametrize("moment", ["before the write", "after the write"])
@pytest.mark.case(22)
def test_a_crash_repeats_the_batch_and_never_loses_one(moment: str) -> None:
    def crash(nth: int) -> None:
        if nth == 2:
            raise Crash

    stop = Event()
    source = MemorySource([b"a", b"b", b"c", b"d", b"e"], stop)
    sink = MemorySink[str](**{"before" if moment == "before the write" else "after": crash})
    with pytest.raises(Crash):
        drive(source, sink)
    assert source.committed == 2
    drive(source.restarted(), sink)
    assert sorted(set(written(sink))) == ["A", "B", "C", "D", "E"]
    assert len(written(sink)) == (5 if moment == "before the write" else 7)


def test_our_own_fault_stops_the_station_and_commits_nothing() -> None:
    def broken(_items: Sequence[Item[str]]) -> Sequence[Item[str]]:
        raise ZeroDivisionError

    source = MemorySource([b"a"], Event())
    with pytest.raises(ZeroDivisionError):
        run("test", source, decode, broken, MemorySink[str](), MemoryDeadLetters(), source.stop)
    assert source.committed == 0


@pytest.mark.case(28)
def test_dead_letters_that_cannot_be_written_hold_the_batch_back() -> None:
    class Full(MemoryDeadLetters):
        tries = 0

        def write(self, letters: Sequence[object]) -> None:
            self.tries += 1
            if self.tries == 1:
                raise Backpressure("dead-letter topic away", retry_after=0.0)
            super().write(letters)  # type: ignore[arg-type]

    letters = Full()
    source = MemorySource([b"bad"], Event())
    drive(source, MemorySink[str](), letters)
    assert len(letters.letters) == 1
    assert source.committed == 1


@pytest.mark.parametrize("crawl", [b"", b"c" * 600, b"\xff"])
@pytest.mark.case(28)
def test_no_header_or_key_can_make_a_dead_letter_that_cannot_be_kept(crawl: bytes) -> None:
    letters = MemoryDeadLetters()
    headers = (("crawl", crawl), *((f"h{n}", b"\xff" * 100_000) for n in range(50)))
    source = MemorySource([b"bad"], Event(), headers=headers)
    source.records = [one._replace(key=b"\xff" * 900_000) for one in source.records]
    drive(source, MemorySink[str](), letters)
    assert len(letters.letters) == 1
    assert len(encode(letters.letters[0])) < 100_000
