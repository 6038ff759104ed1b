"""Requests that arrive together go through the model together.

While one batch is in the model the next one gathers, so that batches grow with the load and nobody
waits for a batch to fill. A short batch is done in the event loop itself, because to hand it to a
thread and back takes about as long; a long one in the thread, so that others are heard. What waits
is bounded: beyond it a request is refused at once, with the seconds after which to come again.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import monotonic
from typing import TypeVar

from classifier.prediction import Prediction
from stream.metrics import Histogram, Sample

BATCH_TEXTS = 256
"""Texts that go through the model together; a larger request goes alone."""

BATCH_CHARACTERS = 1 << 18
"""Characters at once, unless one request has more."""

WAITING_CHARACTERS = 4_000_000
"""Characters that may wait, in all, unless one request has more: a second or two."""

WAITING_REQUESTS = 1000
"""Requests that may wait: a fraction of a second, if each has one short text."""

TEXT_COSTS = 200
"""Characters that a text weighs at least: short ones cost too."""

SHORT_CHARACTERS = 60_000
"""A batch that weighs no more is short: a few milliseconds."""

TEXTS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)

T = TypeVar("T")

Predict = Callable[[Sequence[str], Sequence[str | None]], Sequence[Prediction]]
"""Texts and their languages, where known, to predictions."""


class Overloaded(Exception):
    """More waits than will be done soon; `retry_after` is in whole seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"too many texts are waiting; come again in {retry_after} s")
        self.retry_after = retry_after


@dataclass(eq=False, slots=True)
class _Waiting:
    texts: Sequence[str]
    language: str | None
    weight: int
    answer: asyncio.Future[Sequence[Prediction]] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Batcher:
    """The one way into a model; used from one event loop."""

    def __init__(
        self,
        predict: Predict,
        model: str = "",
        waiting_characters: int = WAITING_CHARACTERS,
        waiting_requests: int = WAITING_REQUESTS,
        short_characters: int = SHORT_CHARACTERS,
    ) -> None:
        """Makes a way into a model; the name is for the metrics."""
        self._short = short_characters
        self.texts, self.seconds, self.refused = Histogram(TEXTS), Histogram(SECONDS), 0
        self._predict, self._model = predict, model
        self._most, self._most_requests = waiting_characters, waiting_requests
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._queue: deque[_Waiting] = deque()
        self._weight = 0
        self._rate = 1e6  # characters a second, as lately measured
        self._task: asyncio.Task[None] | None = None

    async def predict(
        self, texts: Sequence[str], language: str | None = None
    ) -> Sequence[Prediction]:
        """Classifies texts of one language, together with those of other requests.

        Raises:
            Overloaded: too much waits already.
        """
        weight = sum(max(len(text), TEXT_COSTS) for text in texts)
        if self._queue and (
            len(self._queue) >= self._most_requests or self._weight + weight > self._most
        ):
            self.refused += 1
            raise Overloaded(max(1, math.ceil(self._weight / self._rate)))
        one = _Waiting(texts, language, weight)
        self._queue.append(one)
        self._weight += weight
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        return await one.answer

    async def beside(self, work: Callable[[], T]) -> T:
        """Does in the thread what is left of an answer, before the next batch: nothing piles up."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def samples(self) -> Iterator[Sample]:
        """Gives everything that is counted here."""
        of = {"model": self._model}
        yield Sample(
            "emostream_model_batch_texts", "histogram", "texts that went through it together",
            self.texts, of,
        )  # fmt: skip
        yield Sample(
            "emostream_model_seconds", "histogram", "how long a batch took", self.seconds, of
        )
        yield Sample(
            "emostream_model_waiting_requests", "gauge", "requests that are not in it yet",
            len(self._queue), of,
        )  # fmt: skip
        yield Sample(
            "emostream_model_refused", "counter", "requests refused because too many waited",
            self.refused, of,
        )  # fmt: skip

    async def close(self) -> None:
        """Answers what waits, then lets the thread go."""
        if self._task is not None:
            await self._task
        self._thread.shutdown()

    async def _work(self) -> None:
        while self._queue:
            await self._gather()
            if batch := self._next():
                await self._answer(batch)

    async def _gather(self) -> None:
        """Turns the loop for as long as that brings more: what comes together goes together.

        Nobody waits in vain: to read a request takes less than a batch of its own would.
        """
        before = 0
        while before < len(self._queue) <= BATCH_TEXTS:
            before = len(self._queue)
            await asyncio.sleep(0)  # what has arrived is read
            await asyncio.sleep(0)  # and comes into the queue

    async def _answer(self, batch: Sequence[_Waiting]) -> None:
        weight = sum(one.weight for one in batch)
        texts = [text for one in batch for text in one.texts]
        languages = [one.language for one in batch for _text in one.texts]
        began = monotonic()
        try:
            found = await self._found(texts, languages, weight)
        except Exception as error:  # noqa: BLE001 - it is raised again, to whoever asked
            for one in batch:
                if not one.answer.done():
                    one.answer.set_exception(error)
            return
        self._measure(weight, len(texts), monotonic() - began)
        place = 0
        for one in batch:
            if not one.answer.done():  # whoever asked may have gone
                one.answer.set_result(found[place : place + len(one.texts)])
            place += len(one.texts)

    async def _found(
        self, texts: Sequence[str], languages: Sequence[str | None], weight: int
    ) -> Sequence[Prediction]:
        if weight <= self._short:
            return self._predict(texts, languages)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._predict, texts, languages)

    def _next(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        texts = weight = 0
        while self._queue:
            one = self._queue[0]
            if batch and (
                texts + len(one.texts) > BATCH_TEXTS or weight + one.weight > BATCH_CHARACTERS
            ):
                break
            self._queue.popleft()
            if one.answer.done():
                self._weight -= one.weight
                continue
            batch.append(one)
            texts += len(one.texts)
            weight += one.weight
        self._weight -= weight
        return batch

    def _measure(self, weight: int, texts: int, seconds: float) -> None:
        self._rate += 0.2 * (weight / max(seconds, 1e-6) - self._rate)
        self.texts.observe(texts)
        self.seconds.observe(seconds)
