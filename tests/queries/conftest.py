"""A node that holds nothing but what a test put there, and a listener in front of it."""

from collections.abc import Iterator

import pytest
from elasticsearch import Elasticsearch

from indexer import templates
from stack import Stack
from stream.elastic import connect
from stream.settings import Settings
from tests.queries.recorder import Recorder, recording


@pytest.fixture(scope="module")
def filled(stack: Stack) -> Iterator[Elasticsearch]:
    """The node as `python -m indexer setup` leaves it, for one module to fill."""
    with connect(Settings(elasticsearch=stack.elasticsearch)) as client:
        _empty(client)
        templates.set_up(client)
        yield client
        _empty(client)


@pytest.fixture
def recorder(stack: Stack) -> Iterator[Recorder]:
    with recording(stack.elasticsearch) as listening:
        yield listening


def _empty(client: Elasticsearch) -> None:
    for index in client.indices.get(index="emotions-*", expand_wildcards="all").body:
        client.indices.delete(index=index)
