"""The same line in Quix Streams, with its own ElasticsearchSink.

Its defaults, but that it commits, and so writes what it has, every second instead of every five.

`python -m tests.bench.programs.quix classify | index`, in the environment of the peers.
"""

import os
import signal
import sys
import tempfile
from datetime import UTC, datetime
from typing import Any

from quixstreams import Application  # type: ignore[import-not-found]
from quixstreams.sinks.community.elasticsearch import (  # type: ignore[import-not-found]
    ElasticsearchSink,
)

from tests.bench.programs.labels import classified, document, predictor
from tests.peers.programs.quix import unless_rootless


def application() -> Any:
    """Gives an application that reads from the beginning."""
    return Application(
        broker_address=os.environ["EMOSTREAM_KAFKA"],
        consumer_group=os.environ["PEER_GROUP"],
        auto_offset_reset="earliest",
        commit_interval=1.0,
        auto_create_topics=False,
        state_dir=tempfile.mkdtemp(),
    )


def classify() -> None:
    """Labels so many posts, and leaves the processor to the other."""
    app, model = application(), predictor()
    frame = app.dataframe(app.topic("posts.collected", value_deserializer="json"))
    labelled = frame.apply(lambda post: classified(model, post))
    labelled.to_topic(app.topic("posts.classified", value_serializer="json"))
    print("ready", flush=True)
    app.run(count=int(os.environ["PEER_POSTS"]), collect=False)
    signal.pause()


def index() -> None:
    """Indexes the documents."""
    app = application()
    sink = ElasticsearchSink(
        url=os.environ["EMOSTREAM_ELASTICSEARCH"],
        index=os.environ["PEER_INDEX"],
        on_client_connect_failure=unless_rootless,
    )
    frame = app.dataframe(app.topic("posts.classified", value_deserializer="bytes"))
    frame.apply(lambda value: document(value, datetime.now(UTC))[2]).sink(sink)
    print("ready", flush=True)
    app.run()


if __name__ == "__main__":
    {"classify": classify, "index": index}[sys.argv[1]]()
