"""The obvious loops: kafka-python, one text at a time, one document at a time, offsets by default.

`python -m tests.bench.programs.obvious classify | index`
"""

import json
import os
import signal
import sys
from datetime import UTC, datetime
from itertools import islice

from kafka import KafkaConsumer, KafkaProducer

from tests.bench.programs.labels import classified, document, predictor

KAFKA = os.environ["EMOSTREAM_KAFKA"]


def consumer(topic: str) -> KafkaConsumer:
    """Reads a topic from its beginning."""
    return KafkaConsumer(
        topic,
        bootstrap_servers=KAFKA,
        group_id=os.environ["PEER_GROUP"],
        auto_offset_reset="earliest",
    )


def classify() -> None:
    """Labels so many posts, each as it comes, and leaves the processor to the other."""
    model = predictor()
    producer = KafkaProducer(bootstrap_servers=KAFKA)
    posts = consumer("posts.collected")
    print("ready", flush=True)
    for one in islice(posts, int(os.environ["PEER_POSTS"])):
        record = classified(model, json.loads(one.value))
        producer.send("posts.classified", json.dumps(record).encode(), one.key)
    producer.flush()
    signal.pause()


def index() -> None:
    """Indexes each document as it comes."""
    from elasticsearch import Elasticsearch

    node = Elasticsearch(os.environ["EMOSTREAM_ELASTICSEARCH"])
    posts = consumer("posts.classified")
    print("ready", flush=True)
    for one in posts:
        place, key, fields = document(one.value, datetime.now(UTC))
        node.index(index=place, id=key, document=fields)


if __name__ == "__main__":
    {"classify": classify, "index": index}[sys.argv[1]]()
