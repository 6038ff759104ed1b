"""Posts that their platforms have deleted: remembered for ever, erased for good.

Elasticsearch forgets a deleted document's version after `index.gc_deletes`; a late replay would
then bring the post back. So each deletion is a document of its own (platform, id, time, crawl;
nothing of what the post said), and no post is written without asking for it first. Authors who are
gone are on record in the same index (`indexer/authors.py`).
"""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from elasticsearch import Elasticsearch

from indexer import families
from indexer.bulk import Bulk, Outcome
from indexer.documents import FAMILY, timestamp
from stream.backoff import Backoff
from stream.elastic import writing
from stream.errors import Backpressure, UserError
from stream.index import DELETIONS
from stream.posts import Deletion

INDEX = DELETIONS

ON_RECORD = "docs._version,docs.error.type"
"""What only an item has that was found, or that could not be looked for."""

FINAL = 2**62
"""External version of an erasure: above every observation, so that a worker which has lost its
partition and wakes late cannot write the post again (while `index.gc_deletes` lasts)."""


def remember(bulk: Bulk, deletions: Sequence[Deletion]) -> list[Outcome]:
    """Writes down each deletion under the post's key; one outcome for each."""
    return bulk.send([_record(deletion) for deletion in deletions])


def erase(client: Elasticsearch, bulk: Bulk, deletions: Sequence[Deletion]) -> int:
    """Deletes each post's document, wherever it is; returns how many there were.

    It is looked for in every month: a post's own time may have changed since it was indexed, and a
    text without one may be in several, whatever the deletion says.
    """
    with writing(bulk.backoff):
        indices = families.months(client, FAMILY)
    return erase_in(bulk, [(index, one.key) for one in deletions for index in indices])


def erase_in(bulk: Bulk, places: Iterable[tuple[str, str]]) -> int:
    """Deletes documents by index and key; returns how many there were."""
    outcomes = bulk.send([erasure(index, key) for index, key in places])
    return sum(not outcome.missing and not outcome.older for outcome in outcomes)


def known(client: Elasticsearch, backoff: Backoff, keys: Sequence[str]) -> set[str]:
    """Gives those of the keys whose deletion is on record; raises as `versions`."""
    return set(versions(client, backoff, keys))


def versions(client: Elasticsearch, backoff: Backoff, keys: Sequence[str]) -> dict[str, int]:
    """Gives the version of each key that is on record, seen in real time.

    Raises:
        Backpressure: the index cannot be read now.
        UserError: the index is gone.
    """
    if not keys:
        return {}
    with writing(backoff):
        # Most often none of a batch is: then the answer is empty, and cheap on both sides.
        answer = client.mget(index=INDEX, ids=keys, source=False, filter_path=ON_RECORD)
        if not answer.get("docs"):
            return {}
        answer = client.mget(
            index=INDEX, ids=keys, source=False, filter_path=f"docs._id,{ON_RECORD}"
        )
    found = {}
    for item in answer["docs"]:
        if "error" in item:
            raise _unreadable(item["error"]["type"], backoff)
        if "_version" in item:
            found[item["_id"]] = item["_version"]
    return found


def erasure(index: str, key: str) -> bytes:
    """Writes the bulk action that erases a post in one month."""
    action = {"_index": index, "_id": key, "version": FINAL, "version_type": "external_gte"}
    return orjson.dumps({"delete": action}) + b"\n"


def _unreadable(error_type: str, backoff: Backoff) -> Exception:
    if error_type in ("index_not_found_exception", "index_closed_exception"):
        return UserError(
            f"the index {INDEX} is missing or closed ({error_type}); without it deleted posts "
            "would return: restore it, or begin anew with `python -m indexer setup`"
        )
    return Backpressure(f"{INDEX} cannot be read now ({error_type})", backoff.next())


def _record(deletion: Deletion) -> bytes:
    fields: dict[str, Any] = {
        "platform": deletion.platform,
        "native_id": deletion.native_id,
        "deleted_at": timestamp(deletion.deleted_at),
        "crawl": deletion.origin.crawl,
    }
    action = {"index": {"_index": INDEX, "_id": deletion.key}}
    return orjson.dumps(action) + b"\n" + orjson.dumps(fields) + b"\n"
