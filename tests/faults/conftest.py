"""Two servers with tiny limits, so that what a large cluster does seldom happens here at once."""

from collections.abc import Iterator
from threading import Event
from uuid import uuid4

import pytest
from elasticsearch import Elasticsearch

from indexer import templates
from stack import Stack, jars, running
from stack.state import DataDirectory
from stream.broker import create_topics
from stream.elastic import connect
from stream.settings import Settings
from stream.topics import DEAD_LETTER, Topic
from tests.faults.proxy import Proxy, proxy
from tests.faults.station import Line
from tests.indexer.conftest import empty

LIMITS = """\
# One request at most; more is answered with 413.
http.max_content_length: 300kb
# One thread writes, one task waits: of a request to many shards some are refused with 429.
thread_pool.write.size: 1
thread_pool.write.queue_size: 1
# A request is held whole before it is read, and so counts against the circuit breaker at once.
rest.incremental_bulk: false
"""


@pytest.fixture(scope="session")
def weak(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Servers of our own, which tests may kill and freeze, the node with tiny limits."""
    data = DataDirectory(tmp_path_factory.mktemp("weak") / "data")
    data.prepare(jars.server_versions())
    config = data.elasticsearch / "config" / "elasticsearch.yml"
    config.parent.mkdir(parents=True)
    config.write_text(LIMITS, encoding="utf-8")
    with running(data.path) as stack:
        yield stack


@pytest.fixture
def settings(weak: Stack) -> Settings:
    """The settings of a station at those servers, impatient."""
    return Settings(
        kafka=weak.kafka,
        elasticsearch=weak.elasticsearch,
        retry_seconds=0.1,
        bulk_seconds=0.1,
        session_seconds=6,  # the least that a broker allows
    )


@pytest.fixture
def node(weak: Stack) -> Iterator[Elasticsearch]:
    """The node as `python -m indexer setup` leaves it, without a document."""
    with connect(Settings(elasticsearch=weak.elasticsearch)) as client:
        empty(client)
        templates.set_up(client)
        yield client


@pytest.fixture
def between(weak: Stack) -> Iterator[Proxy]:
    """A proxy before the node."""
    with proxy(weak.elasticsearch) as one:
        yield one


@pytest.fixture
def topic(settings: Settings) -> Topic:
    """A topic of this test alone."""
    topic = Topic(f"test.{uuid4().hex}", holds="ClassifiedPost and Deletion", partitions=3)
    create_topics(settings, [topic, DEAD_LETTER])
    return topic


@pytest.fixture
def line(settings: Settings, topic: Topic, node: Elasticsearch) -> Iterator[Line]:
    """The indexer's loop over that topic, in this process."""
    line = Line(settings, topic, node, Event())
    yield line
    line.leave()
