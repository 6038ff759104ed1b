"""The emotion API: texts in, what they feel out."""

from collections.abc import Sequence
from functools import partial

import orjson
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from classifier.prediction import Prediction
from classifier.predictor import Predictor
from stream.posts import MAX_TEXT
from web.answering import results
from web.asking import MAX_TEXTS, Question
from web.batching import Batcher, Overloaded
from web.bodies import Bodies
from web.lane import TEXT_COSTS, Lane
from web.models import Models
from web.problems import Problem

AT_ONCE = 50
"""Texts whose answer is written in the event loop; for more, others would wait."""

EXPLAINED_COSTS = 40
"""Texts that one whose words are weighed costs, of an allowance as of time."""

IS_JSON = (b"content-type", b"application/json")


class Classify:
    """Classifies one text or several; takes and sends what ASGI has, as most requests come here."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        try:
            body = await _classified(scope, receive)
        except Problem as problem:
            await problem.response()(scope, receive, send)
            return
        length = (b"content-length", b"%d" % len(body))
        await send({"type": "http.response.start", "status": 200, "headers": [IS_JSON, length]})
        await send({"type": "http.response.body", "body": body})


async def _classified(scope: Scope, receive: Receive) -> bytes:
    state = scope["app"].state
    models: Models = state.models
    bodies: Bodies = state.bodies
    try:
        question = Question.model_validate_json(await bodies.read(scope, receive))
    except ValidationError as error:
        raise Problem.of(error) from None
    if allowance := scope.get("state", {}).get("allowance"):
        allowance.take(len(question.all_texts) * (EXPLAINED_COSTS if question.explain else 1) - 1)
    predictor, batcher = models.named(question.model)
    lane = models.explaining if question.explain else None
    try:
        return await _answer(question, predictor, batcher, lane)
    except Overloaded as error:
        raise Problem(429, str(error), headers={"Retry-After": str(error.retry_after)}) from None


async def _answer(
    question: Question, predictor: Predictor, batcher: Batcher, lane: Lane | None
) -> bytes:
    """Predicts, and says it where that holds nobody up: the words are weighed in the lane."""
    texts = question.all_texts
    if lane is None:
        found = await batcher.predict(texts, question.language)
        if len(texts) <= AT_ONCE:
            return _told(question, predictor, found)
        return await batcher.beside(partial(_told, question, predictor, found))
    weight = sum(max(len(text), TEXT_COSTS) for text in texts)
    with lane.place(weight):
        found = await batcher.predict(texts, question.language)
        return await lane.do(partial(_told, question, predictor, found), weight)


def _told(question: Question, predictor: Predictor, found: Sequence[Prediction]) -> bytes:
    said = {"model": predictor.model, "results": results(question, predictor, found)}
    return orjson.dumps(said)


def _json(content: object) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")


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


CLASSIFY = Classify()
ROUTES = [
    Route("/v1/classify", CLASSIFY, methods=["POST"]),
    Route("/v1/labels", labels, methods=["GET"]),
    Route("/v1/model", model, methods=["GET"]),
]


class Straight:
    """Leads what is to be classified past the routing, which would take as long as the answer."""

    def __init__(self, app: ASGIApp) -> None:
        """Stands before an application, behind whatever must see each request."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on."""
        here = scope["type"] == "http" and scope["path"] == "/v1/classify"
        app = CLASSIFY if here and scope["method"] == "POST" else self._app
        await app(scope, receive, send)
