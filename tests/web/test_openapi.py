"""The description says what the API does, and the API does what the description says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from jsonschema import Draft202012Validator
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from classifier.artifact import SHIPPED
from classifier.predictor import Predictor
from stack import Stack
from stream.settings import Settings
from tests.web.conftest import models
from tests.web.serving import Server, serving
from web import app
from web.app import OURS
from web.asking import EXAMPLES
from web.live.routes import ROUTES
from web.live.view import View
from web.openapi import description

DOCS = Path(__file__).parents[2] / "docs" / "api.md"
UNDESCRIBED = {"/healthz", "/readyz", "/metrics", "/openapi.json"}
"""For whatever watches the process; docs/api.md has them."""

LIVE = "^/v1/live"
NO_END = "/v1/live/stream"

DESCRIPTION = description([Predictor.load(SHIPPED, 1, "balanced").model])

schema = schemathesis.openapi.from_dict(DESCRIPTION)
schema.config.generation.update(modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE])


@pytest.fixture(scope="module")
def live(stack: Stack) -> Iterator[Server]:
    there = Settings(elasticsearch=stack.elasticsearch, kafka=stack.kafka)
    loaded = models()
    view = View(there, loaded.predictors[loaded.first])
    with serving(app.make(loaded, view, there)) as server:
        yield server


@pytest.mark.stack
@schema.include(path_regex=LIVE).exclude(path=NO_END).parametrize()
@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_the_live_view_answers_as_it_is_described(live: Server, case: Any) -> None:
    # What filters may stand together, no schema says.
    case.call_and_validate(
        base_url=live.url, excluded_checks=[positive_data_acceptance, negative_data_rejection]
    )


@pytest.mark.wire
@schema.exclude(path_regex=LIVE).parametrize()
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_whatever_the_description_allows_is_answered_and_all_else_refused(
    api: Server, case: Any
) -> None:
    case.call_and_validate(base_url=api.url)


def paths() -> dict[str, Any]:
    found: dict[str, Any] = DESCRIPTION["paths"]
    return found


def test_every_route_is_described() -> None:
    assert {route.path for route in [*OURS, *ROUTES]} == set(paths()) | UNDESCRIBED
    for path in UNDESCRIBED:
        assert path in DOCS.read_text(encoding="utf-8")


def examples(node: Any) -> list[tuple[Any, Any]]:
    """(schema, example) of each content that is described."""
    found = []
    if isinstance(node, dict):
        if "schema" in node and "examples" in node:
            found += [(node["schema"], one["value"]) for one in node["examples"].values()]
        for inner in node.values():
            found += examples(inner)
    return found


def test_every_body_has_an_example_that_fits_its_schema() -> None:
    pairs = examples(paths())
    assert len(pairs) > 10
    for shape, example in pairs:
        whole = {**shape, "components": DESCRIPTION["components"]}
        assert list(Draft202012Validator(whole).iter_errors(example)) == []


@pytest.mark.wire
def test_the_examples_are_answers_that_the_api_gives(api: Server) -> None:
    question = EXAMPLES[0]
    assert isinstance(question, dict)
    shown = paths()["/v1/classify"]["post"]["responses"]["200"]["content"]["application/json"]
    assert shown["examples"]["1"]["value"] == api.classify(**question).json()
    for path in ("/v1/model", "/v1/labels"):
        shown = paths()[path]["get"]["responses"]["200"]["content"]["application/json"]
        value, answer = shown["examples"]["1"]["value"], api.get(path).json()
        for name, part in value.items():
            whole = answer[name]
            assert part == (whole[: len(part)] if isinstance(part, list) else whole)


@pytest.mark.wire
def test_a_server_describes_its_own_models(api: Server) -> None:
    names = [Predictor.load(SHIPPED, 1, "balanced").model]
    assert api.get("/openapi.json").json() == description(names, live=False)


@pytest.mark.stack
def test_a_server_with_an_index_describes_the_live_view_too(live: Server) -> None:
    assert live.get("/openapi.json").json() == DESCRIPTION


@pytest.mark.wire
def test_the_page_of_metrics_lists_those_that_are_served(api: Server) -> None:
    rows = re.findall(
        r"^\| `(emostream_\w+)` \| (\w+) \|", DOCS.read_text(encoding="utf-8"), re.MULTILINE
    )
    api.result(text="thank you")
    served = re.findall(r"^# TYPE (emostream_\w+) (\w+)$", api.get("/metrics").data.decode(), re.M)
    assert set(rows) == set(served)
