"""Whether the index can be read, asked of a real node."""

from __future__ import annotations

import pytest

from stack import Stack
from stream.settings import Settings
from tests.web.conftest import models
from tests.web.serving import serving
from web import app
from web.live.view import View


@pytest.mark.stack
def test_it_says_that_elasticsearch_can_be_read(stack: Stack) -> None:
    settings = Settings(kafka=stack.kafka, elasticsearch=stack.elasticsearch)
    loaded = models()
    view = View(settings, loaded.predictors[loaded.first])
    with serving(app.make(loaded, view, settings)) as server:
        checks = server.get("/readyz").json()["checks"]
    assert checks["elasticsearch"] == {"ok": True, "needed": False}
