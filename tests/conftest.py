"""What every test may ask for: a real Kafka broker and a real Elasticsearch node."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from stack import Stack, running
from stack.session import attach
from stack.state import DataDirectory
from stream import logs

# A shell starts background jobs with Ctrl-C ignored, and so would be every command that we start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples in every run: a test that fails fails for everybody.
hypothesis.settings.register_profile("same", derandomize=True, deadline=None)
hypothesis.settings.load_profile("same")


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Takes away what a command called in this process set up: its handler's stream is gone."""
    root, form = logging.getLogger(), logs._form
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in logs.OURS}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logs._form = form
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Both servers on free ports with empty data, for the whole run; it fails without them.

    PYTEST_STACK names the folder of one that runs already, for who runs pytest many times.
    """
    if folder := os.environ.get("PYTEST_STACK"):
        there = attach(DataDirectory(Path(folder)))
        assert there is not None, f"no stack runs in {folder}"
        yield there
        return
    with running(tmp_path_factory.mktemp("stack") / "data") as running_stack:
        yield running_stack
