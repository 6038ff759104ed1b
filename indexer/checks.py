"""What can be wrong with the index: templates, mappings, alias, indices; and with the indexer.

What is wrong with Elasticsearch itself is in `indexer/node_checks.py`.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from elasticsearch import Elasticsearch

from indexer import families, letters, node_checks, templates
from indexer.documents import FAMILY
from indexer.node import Node, Refused, opened, refusals
from indexer.service import STATION
from stream import cluster
from stream.doctor import kafka as kafka_checks
from stream.doctor.findings import Finding, problem, warning
from stream.errors import UserError
from stream.index import ALIAS, MONTH
from stream.settings import Settings
from stream.topics import CLASSIFIED, DEAD_LETTER

SETUP = "`python -m indexer setup`"
BLOCKS = ("read_only", "read_only_allow_delete", "write")


def checks(settings: Settings, watch: float) -> Iterator[Finding]:
    """Looks at the nodes, at what is ours in them, and at both consumer groups."""
    yield from of_cluster(settings, lambda: has_read(settings))
    groups = {STATION: CLASSIFIED.name, letters.STATION: DEAD_LETTER.name}
    yield from kafka_checks.of_groups(settings, groups, watch)


def has_read(settings: Settings) -> bool:
    """Whether the indexer has committed any record; no, where no broker answers."""
    with suppress(UserError), cluster.opened(settings) as kafka:
        return any(kafka.group_offsets(STATION, CLASSIFIED.name).values())
    return False


def of_cluster(settings: Settings, begun: Callable[[], bool] = lambda: False) -> Iterator[Finding]:
    """Looks at the nodes, and at what is ours in them.

    Args:
        settings: say where Elasticsearch is.
        begun: whether there is a post to expect; asked only if an index is missing.
    """
    try:
        with opened(settings) as node:
            yield from node_checks.checks(node, settings)
            yield from of_index(node, begun)
    except Refused as refused:
        yield refused.finding


def of_index(node: Node, begun: Callable[[], bool]) -> Iterator[Finding]:
    """Looks at the templates and at every index of ours."""
    with refusals(node.address, "/_index_template"):
        yield from of_family(node.client)
        yield from of_templates(node.client)
    yield from of_alias(node)
    yield from of_mappings(node)
    present = _ours(node, "_settings", "&expand_wildcards=open,closed")
    yield from of_closed(node, present)
    yield from of_blocks(node, present)
    yield from of_missing(present, begun)


def of_family(client: Elasticsearch) -> Iterator[Finding]:
    """Whether readers read the family that this program writes."""
    try:
        families.refuse_other(client)
    except UserError as error:
        yield problem("other-family-read", f"{error}", "`python -m indexer migrate`")


def of_templates(client: Elasticsearch) -> Iterator[Finding]:
    """Whether the templates are there, and as we declare them."""
    for name in templates.TEMPLATES:
        found = templates.installed(client, name)
        if not found.readable:
            continue
        if found.version is None:
            yield problem(
                "template-missing",
                f"there is no index template {name}: no index is made without it",
                SETUP,
            )
            continue
        try:
            templates.refuse_newer(name, found)
        except UserError as error:
            yield problem("template-newer", f"{error}", "update emostream")
            continue
        if _drifted(client, name):
            yield problem(
                "template-drift",
                f"the index template {name}, or a part of it, is not as this program declares it",
                SETUP,
            )


def of_alias(node: Node) -> Iterator[Finding]:
    """Whether readers see every month."""
    months = node.get(f"/{FAMILY}-*?features=aliases")
    hidden = sorted(
        index
        for index, body in months.items()
        if MONTH.fullmatch(index) and ALIAS not in body["aliases"]
    )
    if hidden:
        yield problem(
            "alias-missing",
            f"not under the alias {ALIAS}: {_some(hidden)}; readers do not see those posts",
            SETUP,
        )


def of_mappings(node: Node) -> Iterator[Finding]:
    """Whether every index takes the documents that this program writes."""
    for index, body in _ours(node, "_mapping").items():
        wanted = templates.mapping() if index not in templates.INDICES else _declared(index)
        present = body["mappings"]
        declared = _types(wanted["properties"])
        found = _types(present.get("properties", {}))
        missing = [field for field in declared if field not in found]
        other = [one for one in declared if one in found and found[one] != declared[one]]
        if missing or present.get("dynamic") != "strict":
            yield problem(
                "mapping-drift",
                f"{index} lacks {_some(missing) or 'dynamic: strict'}: it takes documents "
                "otherwise than declared",
                SETUP,
            )
        if other:
            yield problem(
                "mapping-conflict",
                f"{index} has another type of field at {_some(other)}",
                f"`curl -X DELETE '{node.address}/{index}'`, then replay its posts "
                "(`python -m ingest replay PATH`)",
            )


def of_closed(node: Node, present: Mapping[str, Any]) -> Iterator[Finding]:
    """Whether every index is open."""
    for index, body in present.items():
        if body["settings"]["index"].get("verified_before_close") == "true":
            yield problem(
                "index-closed",
                f"{index} is closed: it can be neither read nor written",
                f"`curl -X POST '{node.address}/{index}/_open'`",
            )


def of_missing(present: Mapping[str, Any], begun: Callable[[], bool]) -> Iterator[Finding]:
    """Whether what the indexer has written is still there."""
    missing = [index for index in templates.INDICES if index not in present]
    if not any(MONTH.fullmatch(index) for index in present):
        missing = [f"{FAMILY}-*", *missing]
    if missing and begun():
        for index in missing:
            yield warning(
                "index-missing",
                f"there is no index {index}, and the indexer has read posts: was it deleted?",
                "`python -m stream audit` says whether anything is missing; what is, comes back "
                f"by {SETUP} and a replay (`python -m ingest replay PATH`)",
            )


def of_blocks(node: Node, present: Mapping[str, Any]) -> Iterator[Finding]:
    """Whether every index may be written."""
    for index, body in present.items():
        blocks = body["settings"]["index"].get("blocks", {})
        set_ones = [name for name in BLOCKS if str(blocks.get(name)) == "true"]
        if set_ones:
            undo = ",".join(f'"index.blocks.{name}":null' for name in set_ones)
            yield problem(
                "index-read-only",
                f"{index} takes no posts (index.blocks.{set_ones[0]}); a full disk sets that too",
                f"free disk space, then `curl -X PUT '{node.address}/{index}/_settings' "
                f"-H 'Content-Type: application/json' -d '{{{undo}}}'`",
            )


def _ours(node: Node, what: str, options: str = "") -> dict[str, Any]:
    names = ",".join((f"{FAMILY}-*", *templates.INDICES))
    return node.get(f"/{names}/{what}?ignore_unavailable=true{options}")


def _declared(index: str) -> dict[str, Any]:
    mappings: dict[str, Any] = templates.declared(index)["template"]["mappings"]
    return mappings


def _types(properties: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Gives the type of each field, dotted; of an object that has fields, those."""
    types: dict[str, str] = {}
    for name, field in properties.items():
        types[prefix + name] = field.get("type", "object")
        types |= _types(field.get("properties", {}), f"{prefix}{name}.")
    return types


def _drifted(client: Elasticsearch, name: str) -> bool:
    found = client.indices.get_index_template(name=name)["index_templates"][0]["index_template"]
    pairs = [(templates.declared(name), found)]
    if name == FAMILY:
        quiet = client.options(ignore_status=404)
        for part in templates.COMPONENTS:
            answer = quiet.cluster.get_component_template(name=part)
            there = answer.body.get("component_templates") or [{"component_template": {}}]
            pairs.append((templates.declared(part), there[0]["component_template"]))
    return any(not _holds(found, declared) for declared, found in pairs)


def _holds(found: Any, declared: Any) -> bool:
    """Whether all that is declared is there; the node adds defaults and writes numbers as text."""
    if isinstance(declared, Mapping):
        return isinstance(found, Mapping) and all(
            key in found and _holds(found[key], value) for key, value in declared.items()
        )
    if isinstance(declared, list):
        return list(map(str, declared)) == list(map(str, found if isinstance(found, list) else []))
    return str(found).lower() == str(declared).lower()


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
