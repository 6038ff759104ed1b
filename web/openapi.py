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


def description(names: Sequence[str]) -> dict[str, Any]:
    """Gives the description of an API that offers the models of these names."""
    example = json.loads(ANSWERS.read_bytes())
    models: list[type[BaseModel]] = [Question, Answer, LabelsSaid, ModelSaid, ProblemSaid]
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
    return Response(orjson.dumps(description([*models.predictors])), media_type=JSON)


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
