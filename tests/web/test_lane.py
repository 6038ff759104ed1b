"""Explaining is slow, so what waits for it is bounded, and nobody else waits there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from threading import Event

import pytest

from tests.web.conftest import models
from tests.web.serving import Server, serving
from web import app
from web.batching import Overloaded
from web.lane import WAITING_CHARACTERS, Lane
from web.models import Models

LONG = "thank you " * 60


def test_too_much_is_refused_and_one_piece_of_any_size_is_taken_alone() -> None:
    lane = Lane(most=1000)
    with lane.place(5000), pytest.raises(Overloaded) as full, lane.place(1):
        raise AssertionError
    assert full.value.retry_after == 1
    with lane.place(600), lane.place(400), pytest.raises(Overloaded), lane.place(1):
        raise AssertionError
    with lane.place(1000):
        assert [one.value for one in lane.samples()] == [1000, 2]
    lane.close()


def test_work_is_done_one_at_a_time_and_a_fault_goes_to_whoever_asked() -> None:
    async def scenario() -> None:
        lane, gate, done = Lane(), Event(), list[int]()

        def fault() -> None:
            raise ValueError

        first = asyncio.create_task(lane.do(lambda: gate.wait(60), 1))
        others = [asyncio.create_task(lane.do(partial(done.append, n), 1)) for n in range(3)]
        await asyncio.sleep(0)
        assert done == []
        gate.set()
        await asyncio.gather(first, *others)
        assert done == [0, 1, 2]
        with pytest.raises(ValueError, match=r"^$"):
            await lane.do(fault, 1)
        lane.close()

    asyncio.run(scenario())


@pytest.fixture(scope="module")
def loaded() -> Models:
    return models()


@pytest.fixture(scope="module")
def server(loaded: Models) -> Iterator[Server]:
    with serving(app.make(loaded)) as found:
        yield found


@pytest.mark.wire
def test_a_request_to_explain_is_refused_while_too_much_waits(
    loaded: Models, server: Server
) -> None:
    with loaded.explaining.place(WAITING_CHARACTERS):
        refused = server.classify(text=LONG, explain=True)
        assert (refused.status, refused.json()["status"]) == (429, 429)
        assert int(refused.headers["Retry-After"]) >= 1
        assert server.classify(text=LONG).status == 200
        assert "emostream_explain_refused_total 1.0\n" in server.get("/metrics").data.decode()
    assert server.classify(text=LONG, explain=True).status == 200
    assert "emostream_explain_waiting_characters 0.0\n" in server.get("/metrics").data.decode()


@pytest.mark.wire
def test_many_texts_do_not_wait_for_those_that_are_explained(
    loaded: Models, server: Server
) -> None:
    gate = Event()
    held = loaded.explaining._thread.submit(gate.wait, 60)
    try:
        assert len(server.classify(texts=["good"] * 60).json()["results"]) == 60
        assert not held.done()
    finally:
        gate.set()
