from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from stack import ports
from stack.errors import StackError


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind((ports.HOST, 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_port_somebody_listens_on_is_not_free(taken: int) -> None:
    assert not ports.is_free(taken)


def test_a_port_found_is_free_and_below_those_of_outgoing_connections() -> None:
    port = ports.any_free()
    assert ports.is_free(port)
    assert port in ports.SEARCHED


def test_the_usual_port_is_chosen_when_it_is_free() -> None:
    usual = ports.any_free()
    assert ports.choose(None, usual, server="Kafka", flag="--kafka-port") == usual


def test_another_port_is_found_when_the_usual_one_is_taken(taken: int) -> None:
    chosen = ports.choose(None, taken, server="Kafka", flag="--kafka-port")
    assert chosen != taken
    assert ports.is_free(chosen)


def test_a_taken_port_that_was_asked_for_is_named_with_what_to_do(taken: int) -> None:
    with pytest.raises(StackError, match=rf"port {taken} for Kafka is taken: .*--kafka-port"):
        ports.choose(taken, 9092, server="Kafka", flag="--kafka-port")
