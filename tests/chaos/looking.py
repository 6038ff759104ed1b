"""What is on the topics and in the index, read with the bare client and plain HTTP."""

import base64
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition

from stack import Stack
from tests.chaos.oracle import Document, State, letter_of

GROUPS = {
    "classifier": "posts.collected",
    "indexer": "posts.classified",
    "indexer-letters": "posts.dead-letter",
}
"""The groups in the order of the line, each with what it reads."""
MOST = 10_000


@contextmanager
def lags(stack: Stack) -> Iterator[Callable[[], dict[str, int]]]:
    """Gives what counts the records that each group still has to commit, as often as asked."""
    with (
        closing(KafkaAdminClient(bootstrap_servers=stack.kafka)) as admin,
        closing(KafkaConsumer(bootstrap_servers=stack.kafka)) as consumer,
    ):

        def lag() -> dict[str, int]:
            found = {}
            for group, topic in GROUPS.items():
                numbers = consumer.partitions_for_topic(topic) or ()
                ends = consumer.end_offsets([TopicPartition(topic, number) for number in numbers])
                done = _committed(admin, group)
                found[group] = sum(max(0, end - done.get(one, 0)) for one, end in ends.items())
            return found

        yield lag


def state(stack: Stack, crawl: str) -> State:
    """Reads everything of a crawl."""
    found = State()
    _ask(stack, "POST", "/emotions-*/_refresh")
    for hit in _hits(stack, "emotions-v*-*", "emostream.origin.crawl", crawl):
        source, key = hit["_source"], hit["_id"]
        month = hit["_index"].rpartition("-")[2]
        found.documents.append(Document(key, month, hit["_version"], source["message"]))
        emotion = source["emostream"]["emotion"]
        found.labels[key] = (
            emotion["probability"],
            emotion.get("labels", []),
            emotion.get("primary"),
        )
    found.deletions = {hit["_id"] for hit in _hits(stack, "emotions-deletions-v*", "crawl", crawl)}
    found.letters = {
        letter_of(one["station"], base64.b64decode(one["original"]), one.get("original_key"))
        for one in letters(stack, crawl)
    }
    return found


def letters(stack: Stack, crawl: str) -> list[dict[str, Any]]:
    """Reads the dead letters of a crawl from the topic, each as often as it is there."""
    with closing(KafkaConsumer(bootstrap_servers=stack.kafka)) as consumer:
        partitions = [
            TopicPartition("posts.dead-letter", number)
            for number in consumer.partitions_for_topic("posts.dead-letter") or ()
        ]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        ends = consumer.end_offsets(partitions)
        found = []
        while any(consumer.position(one) < end for one, end in ends.items()):
            for records in consumer.poll(200).values():
                found += [json.loads(record.value) for record in records]
    return [one for one in found if one.get("crawl") == crawl]


def indexed_letters(stack: Stack, crawl: str) -> set[tuple[Any, ...]]:
    """Gives station and place of each dead letter of a crawl that is in the index."""
    hits = _hits(stack, "emotions-dead-letters-v*", "crawl", crawl)
    return {place(hit["_source"], hit["_source"]) for hit in hits}


def place(letter: dict[str, Any], source: dict[str, Any]) -> tuple[Any, ...]:
    """Names where a dead letter comes from."""
    names = ("topic", "partition", "offset", "file", "line")
    return (letter["station"], *(source.get(name) for name in names))


def _committed(admin: Any, group: str) -> dict[TopicPartition, int]:
    offsets = admin.list_group_offsets(group)
    offsets = offsets.get(group, offsets)
    return {one: known.offset for one, known in offsets.items() if known.offset >= 0}


def _hits(stack: Stack, index: str, name: str, crawl: str) -> Iterator[dict[str, Any]]:
    body = {"query": {"term": {name: crawl}}, "size": MOST, "version": True}
    answer = _ask(stack, "POST", f"/{index}/_search?ignore_unavailable=true", body)
    hits = answer["hits"]["hits"]
    if len(hits) >= MOST or answer["_shards"]["failed"]:
        raise RuntimeError(f"{index} cannot be read whole")
    yield from hits


def _ask(stack: Stack, method: str, path: str, body: Any = None) -> Any:
    """Asks the node, again where it has just been started."""
    request = urllib.request.Request(
        stack.elasticsearch + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    deadline = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code != 503 or time.monotonic() > deadline:
                raise
        time.sleep(0.1)
