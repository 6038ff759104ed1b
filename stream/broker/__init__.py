"""Kafka: batches from topics, records to topics, topics to their ends.

`KafkaSource` gives a station its batches, `KafkaWriter` puts records on topics; `stream/sinks.py`
fits the writer into `stream.worker.run`. Both work over either of two clients (`clients.py`).
"""

from stream.broker.options import connection, missing, unreachable
from stream.broker.python import LOST_PARTITIONS, pressure, received
from stream.broker.reading import read_to_end
from stream.broker.source import KafkaSource
from stream.broker.times import SILENCE_SECONDS
from stream.broker.topics import BrokerCheck, create_topics
from stream.broker.writer import KafkaWriter, too_large

__all__ = [
    "LOST_PARTITIONS",
    "SILENCE_SECONDS",
    "BrokerCheck",
    "KafkaSource",
    "KafkaWriter",
    "connection",
    "create_topics",
    "missing",
    "pressure",
    "read_to_end",
    "received",
    "too_large",
    "unreachable",
]
