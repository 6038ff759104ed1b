"""What the loop counts, and how Prometheus reads it."""

from collections.abc import Sequence
from threading import Event

import pytest
from prometheus_client.parser import text_string_to_metric_families

from stream import worker
from stream.errors import Backpressure, InvalidRecord
from stream.exposition import text
from stream.metrics import Counters, Histogram, Progress, Sample
from stream.records import Item
from stream.testing import MemoryDeadLetters, MemorySink, MemorySource


def decode(value: bytes | None) -> str:
    if value == b"bad":
        raise InvalidRecord("bad value")
    return (value or b"").decode()


def same(items: Sequence[Item[str]]) -> Sequence[Item[str]]:
    return items


def drive(values: Sequence[bytes], sink: MemorySink[str]) -> Counters:
    source = MemorySource(values, Event())
    return worker.run("test", source, decode, same, sink, MemoryDeadLetters(), source.stop)


def exposed(*loops: Counters) -> dict[tuple[str, ...], float]:
    """Name and label values to value, as a Prometheus server reads them."""
    page = text(lambda: (one for loop in loops for one in loop.samples())).decode()
    return {
        (one.name, *(value for _name, value in sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(page)
        for one in family.samples
    }


def test_every_batch_is_counted_with_its_size_and_the_time_of_each_step() -> None:
    counters = drive([b"a", b"bad", b"c"], MemorySink())
    seen = exposed(counters)
    assert seen["emostream_records_received_total", "test"] == 3
    assert seen["emostream_records_sent_total", "test"] == 2
    assert seen["emostream_records_discarded_total", "receiving", "test"] == 1
    assert seen["emostream_records_discarded_total", "sending", "test"] == 0
    assert seen["emostream_batch_records_count", "test"] == 2
    assert seen["emostream_batch_records_sum", "test"] == 3
    assert seen["emostream_batch_records_bucket", "1.0", "test"] == 1
    for step in ("decode", "transform", "write", "letters", "commit"):
        assert seen["emostream_step_seconds_count", "test", step] == 2
    assert seen["emostream_step_seconds_count", "test", "poll"] == 3
    assert seen["process_resident_memory_bytes",] > 0


def test_errors_are_counted_by_the_step_they_left_and_their_type() -> None:
    def refuse_then_break(nth: int) -> None:
        if nth == 1:
            raise Backpressure("full", retry_after=0.0)
        raise ZeroDivisionError

    source, counters = MemorySource([b"a"], Event()), Counters("test")
    sink = MemorySink[str](before=refuse_then_break)
    with pytest.raises(ZeroDivisionError):
        worker.run(
            "test", source, decode, same, sink, MemoryDeadLetters(), source.stop, counters
        )  # fmt: skip
    seen = exposed(counters)
    assert seen["emostream_errors_total", "Backpressure", "test", "write"] == 1
    assert seen["emostream_errors_total", "ZeroDivisionError", "test", "write"] == 1
    assert seen["emostream_backpressure_total", "test"] == 1
    assert seen["emostream_records_received_total", "test"] == 0


def test_the_loops_of_one_process_share_each_family() -> None:
    one, other = Counters("one"), Counters("other")
    one.moved(5, {})
    seen = exposed(one, other)
    assert seen["emostream_records_received_total", "one"] == 5
    assert seen["emostream_records_received_total", "other"] == 0
    page = text(lambda: [*one.samples(), *other.samples()]).decode()
    assert page.count("# TYPE emostream_records_received_total counter") == 1


def test_labels_keep_their_values_whatever_their_order() -> None:
    samples = [
        Sample("emostream_x", "gauge", "a test", 1, {"a": "1", "b": "2"}),
        Sample("emostream_x", "gauge", "a test", 2, {"b": '"\n\\', "a": "1"}),
    ]
    (family,) = text_string_to_metric_families(
        "".join(
            line + "\n"
            for line in text(lambda: samples).decode().split("\n")
            if "emostream" in line
        )
    )
    assert [one.labels for one in family.samples] == [
        {"a": "1", "b": "2"},
        {"a": "1", "b": '"\n\\'},
    ]


@pytest.mark.parametrize(
    ("value", "bucket"), [(0.0, 0), (1.0, 0), (1.5, 1), (10.0, 1), (11.0, 2), (1e9, 2)]
)
def test_a_value_falls_into_the_first_bucket_whose_bound_it_does_not_pass(
    value: float, bucket: int
) -> None:
    histogram = Histogram((1.0, 10.0))
    histogram.observe(value)
    assert histogram.counts.index(1) == bucket
    assert histogram.sum == value


def test_the_lag_is_what_is_not_committed_of_the_partitions_that_are_ours() -> None:
    progress = Progress("t")
    progress.read(0, 100, 5_000)
    progress.polled({0: 110, 1: 7, 2: None})
    assert progress.lag == {0: 10}  # of the others nothing has been read
    progress.committed({0: 104})
    assert progress.lag == {0: 6}
    progress.read(1, 5, 6_000)
    progress.polled({1: 7})  # partition 0 went to another worker
    assert progress.lag == {1: 2}


def test_the_age_is_of_the_oldest_record_that_is_not_committed() -> None:
    progress = Progress("t")
    assert progress.oldest is None
    progress.read(0, 0, 9_000)
    progress.read(1, 0, 4_000)
    progress.polled({0: 2, 1: 1})
    assert progress.oldest == 4.0
    # Rewound, and read once more together with newer ones.
    progress.read(1, 0, 4_000)
    progress.read(0, 0, 9_000)
    progress.polled({0: 2, 1: 1})
    assert progress.oldest == 4.0
    # Committed: it stays until the next poll, whatever that brings.
    progress.committed({0: 1, 1: 1})
    assert progress.oldest == 4.0
    progress.read(0, 1, 10_000)
    progress.polled({0: 2, 1: 1})
    assert progress.oldest == 10.0
    progress.committed({0: 2})
    progress.polled({0: 2, 1: 1})
    assert progress.oldest is None
    assert progress.lag == {0: 0, 1: 0}


def test_a_batch_that_waits_stays_the_oldest_though_polls_bring_nothing() -> None:
    progress = Progress("t")
    progress.read(0, 0, 4_000)
    progress.polled({0: 1})
    progress.polled({0: 1})
    assert progress.oldest == 4.0
    progress.polled({})  # the partition is another worker's now
    assert progress.oldest is None
