"""A station stops before it buries a stream: at a run of failures, or at too large a share."""

from threading import Event

import pytest

from stream.errors import Backpressure, InvalidRecord
from stream.limit import WINDOW, Limit, TooManyDeadLetters
from stream.records import REPLAY_HEADER
from stream.testing import MemoryDeadLetters, MemorySink, MemorySource
from stream.worker import run


def decode(value: bytes | None) -> str:
    if value != b"good":
        raise InvalidRecord("kind: is missing")
    return "good"


def drive(
    source: MemorySource, limit: Limit, letters: MemoryDeadLetters | None = None
) -> MemoryDeadLetters:
    letters = letters or MemoryDeadLetters()
    sink = MemorySink[str]()
    run("test", source, decode, lambda items: items, sink, letters, source.stop, limit=limit)
    return letters


def of(
    *values: bytes, batch: int = 1000, headers: tuple[tuple[str, bytes], ...] = ()
) -> MemorySource:
    return MemorySource(values, Event(), batch, headers)


@pytest.mark.case(29)
@pytest.mark.case(29)
def test_a_run_of_failures_stops_the_station_before_anything_of_the_batch_is_committed() -> None:
    source, letters = of(*[b"good"] * 5, *[b"bad"] * 100), MemoryDeadLetters()
    with pytest.raises(TooManyDeadLetters, match=r"100 records in a row.*memory-0-5.*kind: is mis"):
        drive(source, Limit("test", 100, 1.0), letters)
    assert (source.committed, letters.letters) == (0, [])


def test_the_line_says_which_command_and_which_setting_help() -> None:
    with pytest.raises(TooManyDeadLetters) as stopped:
        drive(of(b"bad"), Limit("test", 1, 1.0))
    assert "`python -m stream dead-letters list`" in str(stopped.value)
    assert "EMOSTREAM_DEAD_LETTER_RUN=0" in str(stopped.value)


def test_one_good_record_ends_a_run() -> None:
    source = of(*[b"bad"] * 99, b"good", *[b"bad"] * 99)
    assert len(drive(source, Limit("test", 100, 1.0)).letters) == 198


def test_a_run_goes_on_from_batch_to_batch() -> None:
    source, letters = of(*[b"bad"] * 10, batch=2), MemoryDeadLetters()
    with pytest.raises(TooManyDeadLetters, match="5 records in a row"):
        drive(source, Limit("test", 5, 1.0), letters)
    assert source.committed == len(letters.letters) == 4


def test_without_a_limit_an_operator_passes_whatever_there_is() -> None:
    source = of(*[b"bad"] * 5000)
    assert len(drive(source, Limit("test", 0, 1.0)).letters) == source.committed == 5000


@pytest.mark.case(29)
@pytest.mark.case(29)
def test_too_large_a_share_of_the_last_thousand_stops_the_station() -> None:
    mixed = [b"bad", b"good", b"bad"] * (WINDOW // 3 + 1)
    with pytest.raises(TooManyDeadLetters, match=r"of 10\d\d records.*RATIO=1"):
        drive(of(*mixed, batch=50), Limit("test", 100, 0.5))
    half = [b"bad", b"good"] * WINDOW
    assert len(drive(of(*half, batch=50), Limit("test", 100, 0.5)).letters) == WINDOW


def test_failures_long_ago_do_not_count() -> None:
    values = [*[b"bad", b"good"] * WINDOW, *[b"good"] * WINDOW, *[b"bad", b"bad", b"good"] * 100]
    assert len(drive(of(*values, batch=50), Limit("test", 100, 0.5)).letters) == WINDOW + 200


def test_a_batch_that_is_repeated_for_its_letters_counts_once() -> None:
    class Away(MemoryDeadLetters):
        tries = 0

        def write(self, letters: object) -> None:
            self.tries += 1
            if self.tries <= 10:
                raise Backpressure("dead-letter topic away", retry_after=0.0)
            super().write(letters)  # type: ignore[arg-type]

    source = of(b"bad", b"bad")
    assert len(drive(source, Limit("test", 5, 1.0), Away()).letters) == 2


def test_no_record_escapes_the_limit_by_saying_that_it_was_put_back() -> None:
    source = of(*[b"bad"] * 500, headers=((REPLAY_HEADER, b"memory-0-7 1"),))
    with pytest.raises(TooManyDeadLetters, match="100 records in a row"):
        drive(source, Limit("test", 100, 0.5))
