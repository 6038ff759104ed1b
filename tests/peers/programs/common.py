"""What every peer's program needs around it; each is `python -m tests.peers.programs.NAME`.

Only the standard library: a peer may live in an environment of its own.
"""

import json
import os
from datetime import datetime
from typing import Any

KAFKA = os.environ.get("PEER_KAFKA", "")
ELASTICSEARCH = os.environ.get("PEER_ELASTICSEARCH", "")
TOPIC = os.environ.get("PEER_TOPIC", "")
GROUP = os.environ.get("PEER_GROUP", "")
INDEX = os.environ.get("PEER_INDEX", "")
LETTERS = os.environ.get("PEER_LETTERS", "")

MAPPING: dict[str, Any] = {
    "dynamic": "strict",
    "properties": {
        "created_at": {"type": "date"},
        "message": {"type": "text"},
        "platform": {"type": "keyword"},
        "score": {"type": "float"},
    },
}


def document(record: dict[str, Any]) -> dict[str, Any]:
    """Gives the fields that a classified post has in the index.

    Raises:
        KeyError, TypeError: it is no classified post.
    """
    post = record["post"]
    return {
        "created_at": post["created_at"],
        "message": post["text"],
        "platform": post["platform"],
        "score": record["classification"]["polarity"]["score"],
    }


def is_deletion(record: Any) -> bool:
    """Whether a record says that a post is gone."""
    return isinstance(record, dict) and record.get("kind") == "deletion"


def version(record: dict[str, Any]) -> int:
    """Gives the record's own time in milliseconds, an external version of Elasticsearch's."""
    moment = record["deleted_at"] if is_deletion(record) else record["post"]["observed_at"]
    return int(datetime.fromisoformat(moment).timestamp() * 1000)


def report(key: Any, reason: str) -> None:
    """Keeps what could not be used: each peer's dead letters."""
    name = key.decode(errors="replace") if isinstance(key, bytes) else str(key)
    with open(LETTERS, "a", encoding="utf-8") as file:  # noqa: PTH123
        file.write(json.dumps({"key": name, "reason": reason[:300]}) + "\n")
