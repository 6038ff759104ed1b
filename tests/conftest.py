"""What every test may ask for: a real Kafka broker and a real Elasticsearch node."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import hypothesis
import pytest

from stack import Stack, running

# A shell starts background jobs with Ctrl-C ignored, and so would be every command that we start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples in every run: a test that fails fails for everybody.
hypothesis.settings.register_profile("same", derandomize=True, deadline=None)
hypothesis.settings.load_profile("same")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Both servers on free ports with empty data, for the whole run; it fails without them."""
    with running(tmp_path_factory.mktemp("stack") / "data") as running_stack:
        yield running_stack
