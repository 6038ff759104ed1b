from __future__ import annotations

import asyncio
from collections.abc import Sequence
from threading import Event
from typing import Any

import pytest

from web.batching import Batcher, Overloaded


class Model:
    """Says of each text what it is; waits at a gate, so that others can gather."""

    def __init__(self) -> None:
        self.gate = Event()
        self.batches: list[list[str]] = []

    def __call__(self, texts: Sequence[str], languages: Sequence[str | None]) -> Any:
        assert self.gate.wait(60)
        self.batches.append(list(texts))
        if "fault" in texts:
            raise ValueError("a fault")
        return [f"{text}/{tongue}" for text, tongue in zip(texts, languages, strict=True)]


async def answers(*asked: Any) -> list[Any]:
    return list(await asyncio.gather(*asked, return_exceptions=True))


async def turns() -> None:
    """Lets everything that can run do so."""
    for _ in range(20):
        await asyncio.sleep(0)


def test_what_comes_while_the_model_is_busy_goes_through_it_together() -> None:
    async def scenario() -> None:
        model = Model()
        batcher = Batcher(model, short_characters=0)
        first = asyncio.create_task(batcher.predict(["a"]))
        await turns()
        others = [asyncio.create_task(batcher.predict([str(n)], "en")) for n in range(5)]
        several = asyncio.create_task(batcher.predict(["x", "y"], "de"))
        await turns()
        model.gate.set()
        found = await answers(first, *others, several)
        assert found == [["a/None"], *([f"{n}/en"] for n in range(5)), ["x/de", "y/de"]]
        assert model.batches == [["a"], ["0", "1", "2", "3", "4", "x", "y"]]
        await batcher.close()

    asyncio.run(scenario())


def test_a_batch_is_bounded_and_a_larger_request_goes_alone() -> None:
    async def scenario() -> None:
        model = Model()
        batcher = Batcher(model, short_characters=0)
        asked = [asyncio.create_task(batcher.predict(["t"] * n)) for n in (1, 200, 50, 7, 900, 2)]
        await turns()
        model.gate.set()
        assert [len(one) for one in await asyncio.gather(*asked)] == [1, 200, 50, 7, 900, 2]
        sizes = [len(batch) for batch in model.batches]
        assert sizes == [251, 7, 900, 2]
        await batcher.close()

    asyncio.run(scenario())


def test_too_much_is_refused_at_once_and_taken_again_when_there_is_room() -> None:
    async def scenario() -> None:
        model = Model()
        batcher = Batcher(model, short_characters=0, waiting_characters=1000, waiting_requests=3)
        asked = [asyncio.create_task(batcher.predict(["first"]))]
        await turns()
        asked += [asyncio.create_task(batcher.predict(["x" * 300])) for _ in range(3)]
        await turns()
        with pytest.raises(Overloaded) as requests:
            await batcher.predict(["one more"])
        assert requests.value.retry_after >= 1
        model.gate.set()
        await asyncio.gather(*asked)
        model.gate.clear()
        asked = [asyncio.create_task(batcher.predict(["first"]))]
        await turns()
        asked.append(asyncio.create_task(batcher.predict(["x" * 900])))
        await turns()
        with pytest.raises(Overloaded):
            await batcher.predict(["x" * 101])
        assert batcher.refused == 2
        model.gate.set()
        await asyncio.gather(*asked)
        assert await answers(batcher.predict(["y" * 5000])) == [
            ["y" * 5000 + "/None"]
        ]  # alone: as it came
        await batcher.close()

    asyncio.run(scenario())


def test_a_fault_is_told_to_those_of_its_batch_and_the_next_are_answered() -> None:
    async def scenario() -> None:
        model = Model()
        batcher = Batcher(model, short_characters=0)
        asked = [asyncio.create_task(batcher.predict([text])) for text in ("fault", "beside it")]
        await turns()
        asked += [asyncio.create_task(batcher.predict(["after it"]))]
        await turns()
        asked += [asyncio.create_task(batcher.predict(["t"] * 256))]
        await turns()
        model.gate.set()
        found = await answers(*asked)
        assert isinstance(found[0], ValueError)
        assert found[-1] == ["t/None"] * 256
        await batcher.close()

    asyncio.run(scenario())


def test_what_nobody_waits_for_any_more_does_not_go_through_the_model() -> None:
    async def scenario() -> None:
        model = Model()
        batcher = Batcher(model, short_characters=0, waiting_characters=400)
        first = asyncio.create_task(batcher.predict(["first"]))
        await turns()
        gone = asyncio.create_task(batcher.predict(["gone"]))
        await turns()
        gone.cancel()
        await turns()
        model.gate.set()
        await first
        await batcher.predict(["last"])
        assert model.batches == [["first"], ["last"]]
        await batcher.close()

    asyncio.run(scenario())


def test_what_is_short_and_arrives_in_one_turn_goes_together_without_a_thread() -> None:
    async def scenario() -> None:
        model = Model()
        model.gate.set()
        batcher = Batcher(model)
        found = await answers(*(batcher.predict([str(n)]) for n in range(50)))
        assert found == [[f"{n}/None"] for n in range(50)]
        assert len(model.batches) == 1
        assert not batcher._thread._threads
        await answers(batcher.predict(["x" * 100_000]))
        assert batcher._thread._threads
        await batcher.close()

    asyncio.run(scenario())


def test_what_waits_at_the_end_is_answered() -> None:
    async def scenario() -> None:
        model = Model()
        batcher = Batcher(model, short_characters=0)
        asked = asyncio.create_task(batcher.predict(["a"]))
        await turns()
        model.gate.set()
        await batcher.close()
        assert await answers(asked) == [["a/None"]]

    asyncio.run(scenario())
