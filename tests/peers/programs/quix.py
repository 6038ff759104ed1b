"""Quix Streams with its own ElasticsearchSink.

As its documentation says: the message's key is the document's id, an exception that a callback
answers with True is passed over, and the sink keeps its default of failing on an item that is
refused (the other choice, `ignore_bulk_upload_errors`, logs it and goes on without the document).
"""

import logging
import tempfile
from typing import Any

from quixstreams import Application  # type: ignore[import-not-found]
from quixstreams.sinks.community.elasticsearch import (  # type: ignore[import-not-found]
    ElasticsearchSink,
)

from tests.peers.programs import common

NO_HANDLER = (400, 404, 405)


def passed_over(_error: Exception, message: Any, _logger: logging.Logger) -> bool:
    """Reports what could not be read, and goes on."""
    key = getattr(message, "key", None)
    common.report(key() if callable(key) else key, type(_error).__name__)
    return True


def unless_rootless(error: Exception | None) -> None:
    """Lets `GET /` fail, which the published jars do not serve; the index is made already."""
    if error is not None and getattr(error, "status_code", None) not in NO_HANDLER:
        raise error


def main() -> None:
    """Runs until it is killed."""
    app = Application(
        broker_address=common.KAFKA,
        consumer_group=common.GROUP,
        auto_offset_reset="earliest",
        commit_interval=1.0,
        consumer_extra_config={"session.timeout.ms": 6000},
        on_consumer_error=passed_over,
        on_processing_error=passed_over,
        auto_create_topics=False,
        state_dir=tempfile.mkdtemp(),
    )
    sink = ElasticsearchSink(
        url=common.ELASTICSEARCH,
        index=common.INDEX,
        max_bulk_retries=8,
        on_client_connect_failure=unless_rootless,
        retry_on_timeout=True,
        max_retries=5,
    )
    frame = app.dataframe(app.topic(common.TOPIC, value_deserializer="json"))
    # The sink has no word for a deletion; its posts are all it can take.
    frame = frame.filter(lambda record: not common.is_deletion(record))
    frame.apply(common.document).sink(sink)
    app.run()


if __name__ == "__main__":
    main()
