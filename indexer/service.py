"""The station: posts.classified to Elasticsearch, and beside it the dead letters."""

import logging
from threading import Event

from indexer import letters, templates
from indexer.sink import ElasticsearchSink, IndexerCounters, limits
from stream import worker
from stream.broker import KafkaSource, KafkaWriter, create_topics
from stream.codec import decode_classified
from stream.elastic import asking, connect, shown
from stream.settings import Settings
from stream.sinks import KafkaDeadLetters
from stream.topics import CLASSIFIED

logger = logging.getLogger(__name__)

STATION = "indexer"


def run(settings: Settings, stop: Event) -> IndexerCounters:
    """Indexes until asked to stop; makes templates and topics first where they are missing.

    Raises:
        UserError: a server does not answer at the start, or does not let us in.
    """
    counters = IndexerCounters(STATION)
    with connect(settings) as client:
        with asking(settings):
            templates.ensure(client)
        create_topics(settings)
        with (
            letters.indexing(settings, client, limits(settings), stop),
            KafkaSource(settings, CLASSIFIED, STATION, settings.bulk_seconds) as source,
            KafkaWriter(settings) as writer,
        ):
            logger.info("indexing %s into %s", CLASSIFIED.name, shown(settings.elasticsearch))
            worker.run(
                STATION,
                source,
                decode_classified,
                lambda items: items,
                ElasticsearchSink(client, limits(settings), stop, counters),
                KafkaDeadLetters(writer),
                stop,
                counters,
                settings.health_dir,
            )
    logger.info("stopped: %s", counters)
    return counters
