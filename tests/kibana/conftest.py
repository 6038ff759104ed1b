"""A Kibana that is none, and the settings for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from stream.settings import Settings
from tests.kibana.fake_kibana import FakeKibana


@contextmanager
def serving(server: FakeKibana) -> Iterator[FakeKibana]:
    """Lets a server answer for a while."""
    with server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def kibana() -> Iterator[FakeKibana]:
    """A local server that answers as Kibana does."""
    with serving(FakeKibana()) as server:
        yield server


@pytest.fixture
def settings(kibana: FakeKibana) -> Settings:
    return Settings(kibana=kibana.address)
