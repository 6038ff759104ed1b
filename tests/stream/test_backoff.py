"""Waits grow, by chance, up to the longest, and heed what we are told."""

import pytest
from kafka.errors import KafkaTimeoutError, TopicAuthorizationFailedError

from stream.backoff import LONGEST_WAIT, Backoff
from stream.broker import pressure


def most() -> float:
    """Chance at its least helpful: the whole jitter is taken off."""
    return 1.0


def none() -> float:
    return 0.0


def test_it_doubles_up_to_the_longest_and_begins_anew_after_a_success() -> None:
    backoff = Backoff(first=1.0, longest=5.0, chance=none)
    assert [backoff.next() for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]
    backoff.reset()
    assert backoff.next() == 1.0


def test_a_first_wait_that_is_longer_than_the_longest_is_cut_to_it() -> None:
    assert Backoff(first=60.0, longest=5.0, chance=none).next() == 5.0


def test_it_can_grow_by_steps() -> None:
    backoff = Backoff(first=0.25, step=0.25, longest=0.75, chance=none)
    assert [backoff.next() for _ in range(4)] == [0.25, 0.5, 0.75, 0.75]


def test_full_jitter_takes_up_to_all_and_a_share_no_more_than_it() -> None:
    assert Backoff(first=4.0, chance=most).next() == 0.0
    assert Backoff(first=4.0, jitter=0.25, chance=most).next() == 3.0
    waits = {Backoff(first=4.0).next() for _ in range(20)}
    assert len(waits) > 1
    assert all(0 <= wait <= 4 for wait in waits)


def test_what_we_are_told_is_the_least() -> None:
    assert Backoff(first=1.0, chance=none).next(77.0) == 77.0
    assert Backoff(first=1.0, chance=most).next(77.0) == 78.0
    assert Backoff(first=1.0, chance=none).next(0.0) == 0.0


def test_a_broker_in_trouble_is_tried_after_waits_that_grow() -> None:
    backoff = Backoff(first=1.0, chance=none)
    waits = [pressure(KafkaTimeoutError(), backoff).retry_after for _ in range(5)]
    assert waits == [1.0, 2.0, 4.0, LONGEST_WAIT, LONGEST_WAIT]


def test_what_repeating_does_not_mend_is_no_wait() -> None:
    with pytest.raises(TopicAuthorizationFailedError):
        pressure(TopicAuthorizationFailedError(), Backoff(1.0))
