"""The API's description (OpenAPI 3.1), made from the models that read and shape its bodies."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.requests import Request
from starlette.responses import Response

from web.asking import EXAMPLES, Answer, LabelsSaid, ModelSaid, ProblemSaid, Question
from web.live.filters import BACK, Filters
from web.live.posts import MOST, SORTS
from web.live.said import Overview, Pipeline, Posts
from web.models import Models
from web.problems import TITLES

VERSION = "1"
ANSWERS = Path(__file__).parent / "examples.json"
"""One answer of each kind, as the API gave it."""
JSON = "application/json"
TOO_MANY = 429
RETRY_AFTER = {
    "description": "seconds after which to come again",
    "schema": {"type": "integer", "minimum": 1},
}

WORDS: dict[str, Any] = {"type": "string", "maxLength": 200}
TIME: dict[str, Any] = {
    "anyOf": [{"type": "string", "format": "date-time"}, {"type": "integer", "minimum": 0}]
}
LIVE: dict[str, dict[str, Any]] = {
    "since": {"type": "string", "enum": [*BACK]},
    "start": TIME,
    "end": TIME,
}
"""The filters that are no words; one that is empty counts as not given."""


def description(names: Sequence[str], live: bool = True) -> dict[str, Any]:
    """Gives the description of an API that offers the models of these names, and a live view."""
    example = json.loads(ANSWERS.read_bytes())
    models: list[type[BaseModel]] = [Question, Answer, LabelsSaid, ModelSaid, ProblemSaid]
    models += [Overview, Posts, Pipeline] if live else []
    _refs, schemas = models_json_schema(
        [(one, "validation" if one is Question else "serialization") for one in models],
        ref_template="#/components/schemas/{model}",
    )
    named = {"type": "string", "enum": [*names]}
    schemas["$defs"]["Question"]["properties"]["model"]["anyOf"][0] = named
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "emostream",
            "version": VERSION,
            "description": "What people feel: emotions, polarity and comment classes of texts.",
        },
        "paths": {
            "/v1/classify": {
                "post": {
                    "summary": "Classifies one text, or up to 1,000",
                    "operationId": "classify",
                    "requestBody": {"required": True, "content": _content(Question, EXAMPLES)},
                    "responses": {
                        "200": _response(
                            "What the model says of each text", Answer, example["answer"]
                        ),
                        **_problems(example["problem"], 400, 401, 408, 413, 415, 422, 429),
                    },
                }
            },
            "/v1/labels": {
                "get": {
                    "summary": "The labels, how they are shown, and their thresholds",
                    "operationId": "labels",
                    "parameters": [{"name": "model", "in": "query", "schema": named}],
                    "responses": {
                        "200": _response("The labels", LabelsSaid, example["labels"]),
                        **_problems(example["problem"], 401, 422, 429),
                    },
                }
            },
            "/v1/model": {
                "get": {
                    "summary": "The models that answer, and what they take",
                    "operationId": "model",
                    "responses": {
                        "200": _response("The models", ModelSaid, example["model"]),
                        **_problems(example["problem"], 401, 429),
                    },
                }
            },
            **(_live(example) if live else {}),
        },
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "password": {"type": "http", "scheme": "basic"},
            },
        },
        # None, unless the server was given a file of keys.
        "security": [{}, {"bearer": []}, {"password": []}],
    }


async def serve(request: Request) -> Response:
    """Answers with the description."""
    models: Models = request.app.state.models
    found = description([*models.predictors], live=request.app.state.view is not None)
    return Response(orjson.dumps(found), media_type=JSON)


def _live(example: dict[str, Any]) -> dict[str, Any]:
    """The paths of the live view, which only read the index."""
    filters = [
        _parameter(name, LIVE.get(name, WORDS), field.description)
        for name, field in Filters.model_fields.items()
    ]
    words = _parameter("words", WORDS, "the emotion whose words are told")
    order = _parameter("order", {"type": "string", "enum": [*SORTS]}, None)
    size = _parameter("size", {"type": "integer", "minimum": 1, "maximum": MOST}, "20 if not given")
    shown = example["live"]
    overview = _response("The counts", Overview, shown["overview"])
    posts = _response("The posts", Posts, shown["posts"])
    pipeline = _response("How the line does", Pipeline, shown["pipeline"])
    event = f"event: posts\ndata: {json.dumps(shown['posts']['posts'])}\n\n"
    stream = {
        "description": "Server-sent events without end: `posts` with the latest 20 posts, again "
        "whenever they change; `problem` with a `detail` while the index cannot be read",
        "content": {
            "text/event-stream": {
                "schema": {"type": "string"},
                "examples": {"1": {"value": event}},
            }
        },
    }

    def read(name: str, summary: str, answer: Any, *parameters: Any) -> dict[str, Any]:
        wrong = (401, 422, 429, 503) if parameters else (401, 429, 503)
        return {
            "get": {
                "summary": summary,
                "operationId": name,
                "parameters": list(parameters),
                "responses": {"200": answer, **_problems(example["problem"], *wrong)},
            }
        }

    return {
        "/v1/live": read("live", "Counts the posts that fit", overview, *filters, words),
        "/v1/live/posts": read("posts", "Some posts that fit", posts, *filters, order, size),
        "/v1/live/pipeline": read("pipeline", "How the line does", pipeline),
        "/v1/live/stream": read("stream", "The latest posts, as they come", stream, *filters),
    }


def _parameter(name: str, schema: dict[str, Any], description: str | None) -> dict[str, Any]:
    told = {"description": description} if description else {}
    return {"name": name, "in": "query", "schema": schema, **told}


def _content(model: type[BaseModel], examples: Sequence[Any], kind: str = JSON) -> dict[str, Any]:
    named = {str(number): {"value": one} for number, one in enumerate(examples, 1)}
    return {kind: {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}, "examples": named}}


def _response(meaning: str, model: type[BaseModel], example: Any) -> dict[str, Any]:
    return {"description": meaning, "content": _content(model, [example])}


def _problems(example: dict[str, Any], *statuses: int) -> dict[str, Any]:
    found = {}
    for one in statuses:
        shown = {**example, "title": TITLES[one], "status": one}
        content = _content(ProblemSaid, [shown], "application/problem+json")
        headers = {"Retry-After": RETRY_AFTER} if one == TOO_MANY else {}
        found[str(one)] = {"description": TITLES[one], "headers": headers, "content": content}
    return found
