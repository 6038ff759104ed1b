"""A loop over kafka-python around a helper of elasticsearch-py: streaming_bulk or parallel_bulk.

As their documentation recommends: manual commits after the write, ids and external versions that
make repeats harmless, the helper's own retries on, errors of single items looked at one by one.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

from elasticsearch import Elasticsearch
from elasticsearch.helpers import parallel_bulk, streaming_bulk
from kafka import KafkaConsumer

from tests.peers.programs import common

RETRIABLE = (429, 502, 503, 504)
OLDER = 409


def actions(records: list[Any]) -> Iterator[dict[str, Any]]:
    """Gives the action of each record; reports those that are none."""
    for one in records:
        try:
            record = json.loads(one.value)
            action = {
                "_index": common.INDEX,
                "_id": one.key.decode(),
                "version": common.version(record),
                "version_type": "external_gte",
            }
            if common.is_deletion(record):
                yield {**action, "_op_type": "delete"}
            else:
                yield {**action, "_source": common.document(record)}
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            common.report(one.key, type(error).__name__)


def main(helper: str) -> None:
    """Runs until it is killed."""
    client = Elasticsearch(
        common.ELASTICSEARCH, retry_on_status=RETRIABLE, retry_on_timeout=True, max_retries=5
    )
    consumer = KafkaConsumer(
        common.TOPIC,
        group_id=common.GROUP,
        bootstrap_servers=common.KAFKA,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=6000,
    )
    while True:
        polled = consumer.poll(500)
        records = [one for some in polled.values() for one in some]
        if not records:
            continue
        if helper == "parallel_bulk":
            done = parallel_bulk(client, actions(records), raise_on_error=False)
        else:
            done = streaming_bulk(
                client,
                actions(records),
                raise_on_error=False,
                max_retries=8,
                initial_backoff=0.25,
                max_backoff=5,
                retry_on_status=RETRIABLE,
            )
        for ok, item in done:
            ((operation, result),) = item.items()
            gone = operation == "delete" and result["status"] == 404
            if not ok and not gone and result["status"] != OLDER:
                common.report(result["_id"], f"{result['status']} {result.get('error')}")
        consumer.commit()


if __name__ == "__main__":
    main(sys.argv[1])
