"""What every test may ask for: a real Kafka broker and a real Elasticsearch node."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from xdist.scheduler import LoadFileScheduling

from stack import Stack, running
from stack.session import attach
from stack.state import DataDirectory
from stream import logs

# A shell starts background jobs with Ctrl-C ignored, and so would be every command that we start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples in every run: a test that fails fails for everybody.
hypothesis.settings.register_profile("same", derandomize=True, deadline=None)
hypothesis.settings.load_profile("same")


TOGETHER = ("tests/chaos/", "tests/faults/", "tests/web/browser/")
"""Folders with servers of their own: one worker starts them, once."""
SLOWEST_FIRST = ("end_to_end", "stack", "wire")


def scope(nodeid: str) -> str:
    """Names what one worker runs whole: a file, or a folder whose files share servers."""
    file = nodeid.partition("::")[0]
    return next((folder for folder in TOGETHER if file.startswith(folder)), file)


class SharedServers(LoadFileScheduling):  # type: ignore[misc]
    """`--dist loadfile`, but files that share servers go to one worker."""

    def _split_scope(self, nodeid: str) -> str:
        return scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> SharedServers | None:
    """Gives files out in the order of collection, not those with most tests first."""
    if config.getoption("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False
    return SharedServers(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Puts what takes long first where workers share the tests, so that they end together."""
    if not hasattr(config, "workerinput"):
        return
    ranks: dict[str, int] = {}
    for item in items:
        marks = {mark.name for mark in item.iter_markers()}
        rank = next((n for n, name in enumerate(SLOWEST_FIRST) if name in marks), 3)
        ranks[scope(item.nodeid)] = min(rank, ranks.get(scope(item.nodeid), rank))
    items.sort(key=lambda item: ranks[scope(item.nodeid)])


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
