"""The API as the command serves it, with the shipped model and without an index."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from classifier.artifact import SHIPPED
from classifier.predictor import Predictor
from tests.web.serving import Server, serving
from web import app
from web.models import Models


def models() -> Models:
    return Models([SHIPPED], 1, "balanced")


@pytest.fixture(scope="session")
def predictor() -> Predictor:
    return Predictor.load(SHIPPED, 1, "balanced")


@pytest.fixture(scope="session")
def api() -> Iterator[Server]:
    with serving(app.make(models())) as server:
        yield server
