"""What the benches of the indexer write: records of `posts.classified`, as the classifier's."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from classifier.artifact import SHIPPED
from classifier.predictor import Predictor
from classifier.service import classified
from stream.codec import read_collected
from stream.posts import Collected
from stream.records import Item, Received
from stream.structs import CollectedPost
from stream.topics import CLASSIFIED, COLLECTED
from tests.bench import posts

BATCH = 2000


def received(number: int) -> list[Received]:
    """Gives so many records as the indexer gets them, the samples with ids of their own."""
    model = Predictor.load(SHIPPED)
    made: list[Received] = []
    for part in posts.parts(posts.collected(number), BATCH):
        items: list[Item[Collected | CollectedPost]] = []
        for one in part:
            came = Received(COLLECTED.name, 0, len(items), str(one.key).encode(), one.value)
            items.append(Item(read_collected(one.value), came))
        for item in classified(model, items):
            record = item.record
            key, offset = record.key.encode(), len(made)
            made.append(Received(CLASSIFIED.name, 0, offset, key, record.value))
    return made


def shortened(one: Received) -> Received:
    """Leaves out the probabilities of all labels that were not given: about 1 kB is left."""
    record = orjson.loads(one.value or b"")
    said = record["classification"]
    given = {*said["emotions"], said.get("primary")}
    chances = said["probabilities"]
    said["probabilities"] = {label: chances[label] for label in chances if label in given}
    said["topic_probabilities"] = {}
    return Received(one.topic, one.partition, one.offset, one.key, orjson.dumps(record))


def batches(records: list[Received]) -> Iterator[list[Received]]:
    """Cuts them as the station polls them."""
    for start in range(0, len(records), BATCH):
        yield records[start : start + BATCH]
