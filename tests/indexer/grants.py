"""Which privilege each request of the indexer needs, as Elasticsearch's documentation names them.

It is our reading of that documentation and no more: no secured cluster has judged it.
"""

import json
import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

Descriptor = dict[str, Any]
Need = tuple[str, str]
"""A privilege, and the index or alias it must be granted on; `cluster` for the whole cluster."""

CLUSTER = {
    r"GET /_index_template/.+": "monitor",
    r"GET /_ilm/policy/.+": "read_ilm",
    # What `python -m stream doctor` asks.
    r"GET /_component_template/.+": "monitor",
    r"GET /_cluster/(health|settings)": "monitor",
    r"GET /_nodes/.+": "monitor",
}
INDEX = {
    r"HEAD /([^_/][^/]*)": "view_index_metadata",
    r"GET /([^_/][^/]*)": "view_index_metadata",
    r"GET /_alias/([^/]+)": "view_index_metadata",
    r"GET /([^_/][^/]*)/_(?:mapping|settings)": "view_index_metadata",
    r"PUT /([^_/][^/]*)": "create_index",
    r"POST /([^_/][^/]*)/_mget": "read",
    r"POST /([^_/][^/]*)/_search": "read",
    r"POST /([^_/][^/]*)/_count": "read",
    r"POST /([^_/][^/]*)/_pit": "read",
    r"POST /([^_/][^/]*)/_refresh": "maintenance",
}
FREE = ("GET /_security/_authenticate", "GET /_security/api_key", "POST /_search", "DELETE /_pit")
"""What needs none: who am I, and until when is my key valid; and going on with a point in time,
which `read` has opened."""


def needed(line: str, body: bytes, has: Callable[[str], bool]) -> set[Need] | None:
    """Gives what a request needs; None for one that the table does not know.

    Args:
        line: method and path.
        body: read only of bulk requests, which need something for each of their actions.
        has: whether there is such an index; writing to one that is missing makes it.
    """
    if line in FREE:
        return set()
    if line == "POST /_bulk":
        wanted = in_bulk(body)
        return wanted | {("create_index", index) for _operation, index in wanted if not has(index)}
    for pattern, privilege in CLUSTER.items():
        if re.fullmatch(pattern, line):
            return {(privilege, "cluster")}
    for pattern, privilege in INDEX.items():
        if found := re.fullmatch(pattern, line):
            return {(privilege, index) for index in found[1].split(",")}
    return None


def grant(descriptors: list[Descriptor], need: Need) -> Need | None:
    """Gives the privilege, and the name pattern on which these descriptors grant it."""
    privilege, index = need
    for descriptor in descriptors:
        if index == "cluster" and privilege in descriptor["cluster"]:
            return need
        for stanza in descriptor["indices"]:
            for pattern in stanza["names"]:
                if privilege in stanza["privileges"] and fnmatchcase(index, pattern):
                    return privilege, pattern
    return None


def grants(descriptor: Descriptor) -> set[Need]:
    """Gives every privilege of a descriptor with what it is granted on."""
    on_indices = {
        (privilege, pattern)
        for stanza in descriptor["indices"]
        for pattern in stanza["names"]
        for privilege in stanza["privileges"]
    }
    return on_indices | {(privilege, "cluster") for privilege in descriptor["cluster"]}


def in_bulk(body: bytes) -> set[Need]:
    """Gives each operation of a bulk request with the index it is on."""
    wanted = set()
    lines = iter(body.splitlines())
    for line in lines:
        ((operation, action),) = json.loads(line).items()
        wanted.add((operation, action["_index"]))
        if operation != "delete":
            next(lines)
    return wanted
