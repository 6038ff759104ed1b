"""Answers that many viewers share."""

import asyncio
from threading import Event

import pytest

from web.live import cache
from web.live.cache import Cache
from web.problems import Problem


def test_who_asks_the_same_together_gets_one_answer() -> None:
    made: list[int] = []

    def make() -> int:
        made.append(1)
        return len(made)

    async def many() -> list[int]:
        shared = Cache()
        answers = [shared.get("key", 60, make) for _ in range(50)]
        return list(await asyncio.gather(*answers))

    assert asyncio.run(many()) == [1] * 50
    assert made == [1]


def test_an_answer_is_made_anew_after_its_time() -> None:
    made: list[int] = []

    async def twice() -> None:
        shared = Cache()
        await shared.get("key", 0, lambda: made.append(1))
        await asyncio.sleep(0.05)
        await shared.get("key", 0, lambda: made.append(1))

    asyncio.run(twice())
    assert made == [1, 1]


def test_a_failure_is_told_to_all_who_wait_and_not_kept() -> None:
    tries: list[int] = []

    def fails_once() -> str:
        tries.append(1)
        if len(tries) == 1:
            raise Problem(503, "not now")
        return "well"

    async def three() -> list[object]:
        shared = Cache()
        together = await asyncio.gather(
            *(shared.get("key", 60, fails_once) for _ in range(2)), return_exceptions=True
        )
        return [*together, await shared.get("key", 60, fails_once)]

    first, second, third = asyncio.run(three())
    assert isinstance(first, Problem)
    assert first is second
    assert third == "well"


def test_who_goes_away_does_not_take_the_answer_from_the_others() -> None:
    go_on = Event()

    async def one_goes() -> str:
        shared = Cache()

        def make() -> str:
            go_on.wait(10)
            return "made"

        gone = asyncio.create_task(shared.get("key", 60, make))
        stays = asyncio.create_task(shared.get("key", 60, make))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        go_on.set()
        return str(await stays)

    assert asyncio.run(one_goes()) == "made"


def test_too_many_different_questions_at_once_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MOST", 3)
    go_on = Event()

    async def flood() -> list[object]:
        shared = Cache()
        asked = [
            asyncio.create_task(shared.get(place, 60, lambda: go_on.wait(10))) for place in range(5)
        ]
        await asyncio.sleep(0)
        go_on.set()
        return list(await asyncio.gather(*asked, return_exceptions=True))

    answers = asyncio.run(flood())
    assert [one for one in answers if one is True] == [True] * 3
    refused = [one for one in answers if isinstance(one, Problem)]
    assert [one.status for one in refused] == [503, 503]
