"""The index templates: files in `index_templates/`, put where they are missing or older.

The mapping, the settings and the alias come to each month's index with its first document, from
the template. A component template `emotions-v1@custom`, where somebody makes one, is taken in
last: the place for a cluster's own replicas or refresh interval.

Whoever has set up once may give the station a key that can neither put nor read templates: then
it makes each month's index itself, before the first write, and looks at the mapping it got.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from elasticsearch import ApiError, AuthorizationException, BadRequestError, Elasticsearch

from indexer import deletions, families, letters
from indexer.documents import FAMILY, PREFIX
from stream.backoff import Backoff
from stream.elastic import writing
from stream.errors import UserError
from stream.index import ALIAS, MONTH

FOLDER = Path(__file__).with_name("index_templates")
COMPONENTS = (f"{FAMILY}@mappings", f"{FAMILY}@settings")
INDICES = (deletions.INDEX, letters.INDEX)
"""Those that are no month of posts; the template of each has its name."""
TEMPLATES = (FAMILY, *INDICES)


@dataclass(frozen=True)
class Installed:
    """What the node says of one of our index templates; without a version it is not there."""

    version: int | None
    moved_to: str | None = None
    """The family that the posts have moved to: this one is closed."""
    readable: bool = True


@cache
def declared(name: str) -> dict[str, Any]:
    """Reads one template from its file."""
    body: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return body


def mapping() -> dict[str, Any]:
    """Gives the mapping of the documents."""
    mappings: dict[str, Any] = declared(COMPONENTS[0])["template"]["mappings"]
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
    """Puts the templates, makes the indices beside the months, brings older ones up to date.

    Repeating it changes nothing. Returns a sentence for each thing there is now.

    Raises:
        UserError: a newer program has been here, an index has a mapping that is not ours, or
            the posts are still in the months of another version.
    """
    families.refuse_other(client)
    for name in TEMPLATES:
        refuse_newer(name, installed(client, name))
    done = put(client, TEMPLATES)
    for index in INDICES:
        create(client, index)
        bring_up_to_date(client, index, declared(index)["template"]["mappings"])
        done.append(f"index {index}")
    for index in families.months(client, FAMILY):
        bring_up_to_date(client, index, mapping())
        client.indices.put_alias(index=index, name=ALIAS)
        done.append(f"index {index}, alias {ALIAS}")
    return done


def put(client: Elasticsearch, names: Iterable[str], *, alias: bool = True) -> list[str]:
    """Puts index templates and what they are composed of; one sentence for each.

    Without `alias` a new month does not come under it: how a migration fills it unseen. Such a
    template has version 0, so that no station takes it for a finished one.
    """
    done = []
    for name in COMPONENTS:
        body = declared(name)
        client.cluster.put_component_template(
            name=name, template=body["template"], version=body["version"], meta=body["_meta"]
        )
        done.append(f"component template {name}, version {body['version']}")
    for name in names:
        body = declared(name)
        if name == FAMILY and not alias:
            body = body | {"template": {}, "_meta": body["_meta"] | {"version": 0}}
        client.perform_request(
            "PUT",
            f"/_index_template/{name}",
            headers={"accept": "application/json", "content-type": "application/json"},
            body=body,
        )
        done.append(f"index template {name}, version {body['version']}")
    return done


def ensure(client: Elasticsearch) -> None:
    """Sets up where that has not been done yet; a station that may only write can start then.

    A month of an earlier mapping counts as not done: strict as it is, it would refuse documents.

    Raises:
        UserError: as `set_up`; or something is missing that we may not make.
    """
    families.refuse_other(client)
    if _is_done(client):
        return
    try:
        set_up(client)
    except AuthorizationException:
        raise UserError(
            "index templates or indices are missing or of an earlier version, and we may not "
            "put them: run `python -m indexer setup` as an administrator"
        ) from None


def check(client: Elasticsearch, backoff: Backoff, indices: Iterable[str]) -> None:
    """Makes sure that these indices have our mapping, or get it when they are made.

    Raises:
        UserError: the template or an index is not there as we declare it.
    """
    ours, wanted = _version(FAMILY), set(indices)
    with writing(backoff):
        template = installed(client, FAMILY)
        if not template.readable:
            for index in wanted:
                create(client, index)
        present = _versions(client)
    refuse_newer(FAMILY, template)
    versions = {f"index template {FAMILY}": template.version} if template.readable else {}
    versions |= {f"index {index}": of for index, of in present.items() if index in wanted}
    for what, version in versions.items():
        if version != ours:
            state = "missing" if version is None else f"version {version}"
            raise UserError(
                f"{what} is {state}, not version {ours}; nothing is written without it: "
                "run `python -m indexer setup`"
            )


def installed(client: Elasticsearch, name: str) -> Installed:
    """Asks for one of our index templates."""
    answer = client.options(ignore_status=(403, 404)).indices.get_index_template(name=name)
    if answer.meta.status == 403:
        return Installed(None, readable=False)
    if answer.meta.status == 404:
        return Installed(None)
    meta = answer["index_templates"][0]["index_template"].get("_meta", {})
    return Installed(_version_in(meta), meta.get("moved_to"))


def create(client: Elasticsearch, index: str) -> None:
    """Makes an index from its template, unless it is there."""
    if client.indices.exists(index=index):
        return
    try:
        client.indices.create(index=index)
    except ApiError as error:
        if error.error != "resource_already_exists_exception":  # another worker was quicker
            raise


def refuse_newer(name: str, template: Installed) -> None:
    """Stops where a newer program, or a migration, has been here; raises UserError."""
    ours = _version(name)
    if template.moved_to:
        raise UserError(
            f"the posts have moved to the indices {template.moved_to}-*: update emostream, or "
            "move them back (docs/upgrades.md)"
        )
    if template.version is not None and template.version > ours:
        raise UserError(
            f"index template {name} is version {template.version}, newer than our {ours}: "
            "update emostream, or point EMOSTREAM_ELASTICSEARCH at another cluster"
        )


def bring_up_to_date(client: Elasticsearch, index: str, mappings: dict[str, Any]) -> None:
    """Adds fields that are new since the index was made."""
    try:
        client.indices.put_mapping(
            index=index,
            dynamic="strict",
            properties=mappings["properties"],
            meta=mappings["_meta"],
        )
    except BadRequestError as error:
        raise UserError(
            f"index {index} has a mapping that is not ours ({error.error}): it was made without "
            "the index template; delete it, or reindex it, and replay its posts"
        ) from None


def _is_done(client: Elasticsearch) -> bool:
    versions = _versions(client)
    return (
        all(
            template.version == _version(name) or not template.readable
            for name, template in ((name, installed(client, name)) for name in TEMPLATES)
        )
        and all(index in versions for index in INDICES)
        and not any(
            0 < version < _version(index if index in INDICES else FAMILY)
            for index, version in versions.items()
        )
    )


def _version(name: str) -> int:
    version: int = declared(name)["version"]
    return version


def _versions(client: Elasticsearch) -> dict[str, int]:
    """Gives the version of the mapping of each of our indices; 0 where it is not ours."""
    # Of all months: the names of many would not fit into one line of HTTP (4 kB).
    wanted = [f"{PREFIX}*", *INDICES]
    present = client.indices.get_mapping(index=wanted, ignore_unavailable=True).body
    return {
        index: _version_in(body["mappings"].get("_meta", {}))
        for index, body in present.items()
        if index in INDICES or MONTH.fullmatch(index)
    }


def _version_in(meta: dict[str, Any]) -> int:
    version = meta.get("version", 0)
    return version if isinstance(version, int) else 0
