"""The emotion API: texts in, what they feel out."""

from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial

import orjson
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from classifier.prediction import Prediction
from classifier.predictor import Predictor
from stream.posts import MAX_TEXT
from web.answering import results
from web.asking import MAX_TEXTS, Question
from web.batching import Batcher, Overloaded
from web.lane import TEXT_COSTS, Lane
from web.models import Models
from web.problems import Problem

AT_ONCE = 50
"""Texts whose answer is written in the event loop; for more, others would wait."""

EXPLAINED_COSTS = 40
"""Texts that one whose words are weighed costs, of an allowance as of time."""


def _json(content: object) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")


async def classify(request: Request) -> Response:
    """Classifies one text or several."""
    state = request.app.state
    models: Models = state.models
    try:
        question = Question.model_validate_json(await state.bodies.read(request))
    except ValidationError as error:
        raise Problem.of(error) from None
    texts = question.all_texts
    if allowance := request.scope.get("state", {}).get("allowance"):
        allowance.take(len(texts) * (EXPLAINED_COSTS if question.explain else 1) - 1)
    predictor, batcher = models.named(question.model)
    lane = models.explaining if question.explain else None
    try:
        return await _answer(question, predictor, batcher, lane)
    except Overloaded as error:
        raise Problem(429, str(error), headers={"Retry-After": str(error.retry_after)}) from None


async def _answer(
    question: Question, predictor: Predictor, batcher: Batcher, lane: Lane | None
) -> Response:
    """Predicts, and says it where that holds nobody up: the words are weighed in the lane."""
    texts = question.all_texts
    weight = sum(max(len(text), TEXT_COSTS) for text in texts)
    with lane.place(weight) if lane else nullcontext():
        found = await batcher.predict(texts, question.language)
        told = partial(_told, question, predictor, found)
        if lane:
            return await lane.do(told, weight)
    return await batcher.beside(told) if len(texts) > AT_ONCE else told()


def _told(question: Question, predictor: Predictor, found: Sequence[Prediction]) -> Response:
    return _json({"model": predictor.model, "results": results(question, predictor, found)})


async def labels(request: Request) -> Response:
    """Says which labels there are, and how they are shown."""
    models: Models = request.app.state.models
    return _json(models.labels(request.query_params.get("model")))


async def model(request: Request) -> Response:
    """Says which models answer, and what they take."""
    models: Models = request.app.state.models
    return _json(
        {
            "models": list(models.predictors),
            "texts": MAX_TEXTS,
            "characters": MAX_TEXT,
            "measured": models.measured(),
        }
    )


ROUTES = [
    Route("/v1/classify", classify, methods=["POST"]),
    Route("/v1/labels", labels, methods=["GET"]),
    Route("/v1/model", model, methods=["GET"]),
]
