"""Who may do what on a cluster with security: a role for people, and two API keys.

Each may do what it must and no more; docs/security.md says why for each privilege. The names are
Elasticsearch's. An alias needs privileges of its own: those of its indices do not reach it.
"""

from typing import Any

from indexer import deletions, letters
from stream.index import ALIAS

Descriptor = dict[str, Any]

POSTS = "emotions-v*"
"""The months of every version, so that a migration needs no new key."""

SEE = "view_index_metadata"

INDEXER: Descriptor = {
    # `monitor` reads the index templates, `read_ilm` whether there is a retention.
    "cluster": ["monitor", "read_ilm"],
    "indices": [
        # `read` and `maintenance` (refresh) find the posts of an author who is gone.
        {
            "names": [POSTS],
            "privileges": [SEE, "create_index", "index", "delete", "read", "maintenance"],
        },
        # A deletion is written down and never taken back.
        {"names": [deletions.INDEX], "privileges": [SEE, "index", "read"]},
        {"names": [letters.INDEX], "privileges": [SEE, "index"]},
        # Which family readers read.
        {"names": [ALIAS], "privileges": [SEE]},
    ],
}

READER: Descriptor = {
    "cluster": [],
    "indices": [
        {"names": [ALIAS, POSTS, deletions.INDEX, letters.INDEX], "privileges": [SEE, "read"]}
    ],
}

ANALYST: Descriptor = {
    "cluster": [],
    "indices": [{"names": [ALIAS, POSTS, letters.INDEX], "privileges": [SEE, "read"]}],
    "applications": [
        {
            "application": "kibana-.kibana",
            "privileges": [
                "feature_dashboard_v2.read",
                "feature_discover_v2.read",
                "feature_visualize_v2.read",
                "feature_dev_tools.read",
            ],
            "resources": ["space:default"],
        }
    ],
}
