"""The law, asked of a stack after whatever was done to it: by `audit`, and by hand.

`assert_law` is how a test ends: the program's own audit, over what was put on the topics since the
test began. `assert_law_by_hand` believes none of our code: it reads the topics with the bare client
and the index with plain HTTP, and does its own sums.
"""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from stack import Stack
from stream.audit.account import Account, audit
from stream.audit.command import sentences
from stream.elastic import connect
from stream.settings import Settings

WAIT_SECONDS = 90.0


def assert_law(stack: Stack, since: datetime, *, wait: float = WAIT_SECONDS) -> Account:
    """Waits until what is on its way has arrived, then fails unless everything is accounted for."""
    settings = Settings(kafka=stack.kafka, elasticsearch=stack.elasticsearch)
    with connect(settings) as client:
        account = audit(client, settings, since=since, wait=wait)
    assert account.holds, "\n".join(sentences(account))
    return account


def assert_law_by_hand(stack: Stack, since: datetime) -> None:
    """Compares three sets of ids: collected, in the index or on record as deleted, dead letters.

    To be called once the line is at rest. What is no JSON has no id and is not looked at.
    """
    wanted, deleted = set(), set()
    for value in _values(stack, "posts.collected", since):
        record = _json(value)
        if record.get("kind") == "post":
            wanted.add(f"{record['platform']}:{record['native_id']}")
        if record.get("kind") == "deletion":
            deleted.add(f"{record['platform']}:{record['native_id']}")
    letters = [_json(value) for value in _values(stack, "posts.dead-letter", since)]
    dead = {letter.get("original_key") for letter in letters}
    # What other tests have left in the index is none of ours.
    in_index = [one for one in _ids(stack, "emotions") if one in wanted]
    on_record = set(_ids(stack, "emotions-deletions-v1"))
    assert len(in_index) == len(set(in_index)), "an id has two documents"
    missing = wanted - set(in_index) - on_record - dead
    assert not missing, f"{len(missing)} posts are nowhere: {sorted(missing)[:10]}"
    assert not set(in_index) & on_record, "a deleted post is still indexed"
    assert not deleted - on_record - dead, "a deletion is not on record"


def _values(stack: Stack, topic: str, since: datetime) -> Iterator[bytes]:
    consumer = KafkaConsumer(bootstrap_servers=stack.kafka, auto_offset_reset="earliest")
    try:
        parts = [TopicPartition(topic, n) for n in consumer.partitions_for_topic(topic) or ()]
        consumer.assign(parts)
        ends = consumer.end_offsets(parts)
        consumer.seek_to_beginning(*parts)
        began, deadline = since.timestamp() * 1000, time.monotonic() + 60
        while any(consumer.position(part) < ends[part] for part in parts):
            assert time.monotonic() < deadline, f"{topic} does not end"
            for records in consumer.poll(500).values():
                yield from (one.value for one in records if one.value and one.timestamp >= began)
    finally:
        consumer.close()


def _json(value: bytes) -> dict[str, Any]:
    try:
        found = json.loads(value)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _ids(stack: Stack, index: str) -> list[str]:
    """Gives every `_id` of an index, by way of a scroll."""
    node, found = stack.elasticsearch, []
    _ask(f"{node}/{index}/_refresh", {})
    answer = _ask(f"{node}/{index}/_search?scroll=1m", {"size": 5000, "_source": False})
    while hits := answer.get("hits", {}).get("hits", []):
        found += [hit["_id"] for hit in hits]
        scroll = {"scroll": "1m", "scroll_id": answer["_scroll_id"]}
        answer = _ask(f"{node}/_search/scroll", scroll)
    return found


def _ask(address: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(
        address,
        method="POST",
        data=json.dumps(body).encode() if body else b"",
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except urllib.error.HTTPError as error:
        assert error.code == 404, error.read()
        return {}
