"""A client for the stack's node, empty of anything of ours."""

from collections.abc import Iterator
from threading import Event

import pytest
from elasticsearch import Elasticsearch

from indexer import templates
from indexer.sink import ElasticsearchSink
from stack import Stack
from stream.elastic import connect
from stream.settings import Settings
from tests.indexer.records import LIMITS


@pytest.fixture
def bare(stack: Stack) -> Iterator[Elasticsearch]:
    """The node without our indices and templates."""
    with connect(Settings(elasticsearch=stack.elasticsearch)) as client:
        empty(client)
        yield client
        empty(client)


@pytest.fixture
def node(bare: Elasticsearch) -> Elasticsearch:
    """The node as `python -m indexer setup` leaves it."""
    templates.set_up(bare)
    return bare


@pytest.fixture
def sink(node: Elasticsearch) -> ElasticsearchSink:
    return ElasticsearchSink(node, LIMITS, Event())


def empty(client: Elasticsearch) -> None:
    """Takes everything of ours away."""
    for index in client.indices.get(index="emotions-*", expand_wildcards="all").body:
        client.indices.delete(index=index)
    quiet = client.options(ignore_status=404)
    quiet.indices.delete_index_template(name="emotions-*")
    quiet.cluster.delete_component_template(name="emotions-*")
