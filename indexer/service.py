"""The station: posts.classified to Elasticsearch, and beside it the dead letters."""

import logging
from threading import Event

from elasticsearch import Elasticsearch

from indexer import letters, templates
from indexer.counters import BulkCounters, IndexerCounters
from indexer.sink import ElasticsearchSink, limits
from stream import crash, worker
from stream.backoff import Backoff
from stream.broker import KafkaSource, KafkaWriter, create_topics
from stream.codec import read_classified
from stream.elastic import asking, connect, shown
from stream.limit import limit
from stream.settings import Settings
from stream.sinks import KafkaDeadLetters
from stream.status import CHECK_SECONDS, serving
from stream.topics import CLASSIFIED

logger = logging.getLogger(__name__)

STATION = "indexer"


def run(settings: Settings, stop: Event) -> IndexerCounters:
    """Indexes until asked to stop; makes templates and topics first where they are missing.

    Raises:
        UserError: a server does not answer at the start, or does not let us in.
    """
    counters, of_letters = IndexerCounters(STATION), BulkCounters(letters.STATION)
    with serving(settings, [counters, of_letters]) as status, connect(settings) as client:
        with asking(settings):
            templates.ensure(client)
        crash.arm(settings.crash_at)
        create_topics(settings)
        with (
            letters.indexing(settings, client, limits(settings), stop, of_letters),
            KafkaSource(settings, CLASSIFIED, STATION, settings.bulk_seconds) as source,
            KafkaWriter(settings) as writer,
        ):
            status.started({"node": lambda: _node(settings, client)}, broker=settings)
            logger.info("indexing %s into %s", CLASSIFIED.name, shown(settings.elasticsearch))
            worker.run(
                STATION,
                source,
                read_classified,
                lambda items: items,
                ElasticsearchSink(client, limits(settings), stop, counters),
                KafkaDeadLetters(writer),
                stop,
                counters,
                settings.health_dir,
                limit(settings, STATION),
            )
    logger.info("stopped: %s", counters)
    return counters


def _node(settings: Settings, client: Elasticsearch) -> None:
    """Makes sure that the node answers and has our template, and not another version's."""
    with asking(settings):
        templates.check(client.options(request_timeout=CHECK_SECONDS), Backoff(1.0), ())
