"""The index templates: files in `index_templates/`, put where they are missing or older.

The mapping, the settings and the alias come to each month's index with its first document, from
the template. A component template `emotions-v1@custom`, where somebody makes one, is taken in
last: the place for a cluster's own replicas or refresh interval.
"""

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from elasticsearch import ApiError, BadRequestError, Elasticsearch

from indexer import deletions
from indexer.client import Backoff, writing
from indexer.documents import ALIAS, PREFIX
from stream.errors import UserError

FOLDER = Path(__file__).with_name("index_templates")
COMPONENTS = ("emotions-v1@mappings", "emotions-v1@settings")
TEMPLATES = ("emotions-v1", deletions.INDEX)


@cache
def declared(name: str) -> dict[str, Any]:
    """Reads one template from its file."""
    body: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return body


def mapping() -> dict[str, Any]:
    """Gives the mapping of the documents."""
    mappings: dict[str, Any] = declared("emotions-v1@mappings")["template"]["mappings"]
    return mappings


def fields(properties: dict[str, Any] | None = None, prefix: str = "") -> dict[str, str]:
    """Gives each field of the documents, dotted, with its type."""
    flat: dict[str, str] = {}
    for name, field in (mapping()["properties"] if properties is None else properties).items():
        if "properties" in field:
            flat |= fields(field["properties"], f"{prefix}{name}.")
        else:
            flat[prefix + name] = field["type"]
    return flat


def set_up(client: Elasticsearch) -> list[str]:
    """Puts the templates, makes the deletions' index, and brings older indices up to date.

    Repeating it changes nothing. Returns a sentence for each thing there is now.

    Raises:
        UserError: a newer program has been here, or an index has a mapping that is not ours.
    """
    done = []
    for name in TEMPLATES:
        _refuse_newer(name, _installed(client, name))
    for name in COMPONENTS:
        body = declared(name)
        client.cluster.put_component_template(
            name=name, template=body["template"], version=body["version"], meta=body["_meta"]
        )
        done.append(f"component template {name}, version {body['version']}")
    for name in TEMPLATES:
        client.perform_request(
            "PUT",
            f"/_index_template/{name}",
            headers={"accept": "application/json", "content-type": "application/json"},
            body=declared(name),
        )
        done.append(f"index template {name}, version {declared(name)['version']}")
    if not client.indices.exists(index=deletions.INDEX):
        _create(client, deletions.INDEX)
    done.append(f"index {deletions.INDEX}")
    return done + [_brought_up_to_date(client, index) for index in deletions.months(client)]


def ensure(client: Elasticsearch) -> None:
    """Sets up where that has not been done yet; a station that may only write can start then.

    A month of an earlier mapping counts as not done: strict as it is, it would refuse documents.
    """
    done = (
        all(_installed(client, name) == declared(name)["version"] for name in TEMPLATES)
        and client.indices.exists(index=deletions.INDEX)
        and not any(0 < of_month < _version() for of_month in _months(client).values())
    )
    if not done:
        set_up(client)


def check(client: Elasticsearch, backoff: Backoff, indices: Iterable[str]) -> None:
    """Makes sure that these indices have our mapping, or get it when they are made.

    Raises:
        UserError: the template or an index is not there as we declare it.
    """
    name = TEMPLATES[0]
    ours = _version()
    with writing(backoff):
        installed = _installed(client, name)
        present = _months(client)
    _refuse_newer(name, installed)
    versions: dict[str, int | None] = {f"index template {name}": installed}
    wanted = set(indices)
    versions |= {f"index {index}": of for index, of in present.items() if index in wanted}
    for what, version in versions.items():
        if version != ours:
            state = "missing" if version is None else f"version {version}"
            raise UserError(
                f"{what} is {state}, not version {ours}; nothing is written without it: "
                "run `python -m indexer setup`"
            )


def _version() -> int:
    version: int = mapping()["_meta"]["version"]
    return version


def _months(client: Elasticsearch) -> dict[str, int]:
    """Gives the version of each month's mapping; 0 where it is not ours."""
    # Of all months: the names of many would not fit into one line of HTTP (4 kB).
    present = client.indices.get_mapping(index=f"{PREFIX}*").body
    return {
        index: _version_in(body["mappings"].get("_meta", {})) for index, body in present.items()
    }


def _installed(client: Elasticsearch, name: str) -> int | None:
    answer = client.options(ignore_status=404).indices.get_index_template(name=name)
    if answer.meta.status == 404:
        return None
    return _version_in(answer["index_templates"][0]["index_template"].get("_meta", {}))


def _version_in(meta: dict[str, Any]) -> int:
    version = meta.get("version", 0)
    return version if isinstance(version, int) else 0


def _refuse_newer(name: str, installed: int | None) -> None:
    ours = declared(name)["version"]
    if installed is not None and installed > ours:
        raise UserError(
            f"index template {name} is version {installed}, newer than our {ours}: "
            "update emostream, or point EMOSTREAM_ELASTICSEARCH at another cluster"
        )


def _create(client: Elasticsearch, index: str) -> None:
    try:
        client.indices.create(index=index)
    except ApiError as error:
        if error.error != "resource_already_exists_exception":  # another worker was quicker
            raise


def _brought_up_to_date(client: Elasticsearch, index: str) -> str:
    """Adds fields that are new since the index was made, and the alias if it lacks it."""
    try:
        client.indices.put_mapping(
            index=index,
            dynamic="strict",
            properties=mapping()["properties"],
            meta=mapping()["_meta"],
        )
    except BadRequestError as error:
        raise UserError(
            f"index {index} has a mapping that is not ours ({error.error}): it was made without "
            "the index template; delete it, or reindex it, and replay its posts"
        ) from None
    client.indices.put_alias(index=index, name=ALIAS)
    return f"index {index}, alias {ALIAS}"
