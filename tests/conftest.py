"""What every test may ask for: a real Kafka broker and a real Elasticsearch node."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stack import Stack, running


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Both servers on free ports with empty data, for the whole run; it fails without them."""
    with running(tmp_path_factory.mktemp("stack") / "data") as running_stack:
        yield running_stack
