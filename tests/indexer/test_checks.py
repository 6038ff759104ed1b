"""Each fault of Elasticsearch and of the index is named; a good one raises none."""

from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from pydantic import SecretStr

from indexer import security, templates
from indexer.checks import of_cluster
from indexer.deletions import INDEX as DELETIONS
from indexer.documents import FAMILY
from stack import Stack
from stream.elastic import connect
from stream.index import ALIAS
from stream.settings import Settings
from tests.indexer.secured_node import secured_node

pytestmark = pytest.mark.stack

MONTH = f"{FAMILY}-2026.03"
HOUR_MS = 3_600_000
EMPTY: dict[str, Any] = {}


def codes(address: str, **settings: Any) -> list[str]:
    return [one.code for one in of_cluster(Settings(elasticsearch=address, **settings))]


@pytest.fixture
def month(node: Elasticsearch) -> Elasticsearch:
    """The node with one month beside what setup makes."""
    templates.create(node, MONTH)
    return node


def test_a_node_that_is_set_up_raises_nothing_with_and_without_posts(
    node: Elasticsearch, stack: Stack
) -> None:
    assert codes(stack.elasticsearch) == []
    templates.create(node, MONTH)
    assert codes(stack.elasticsearch) == []


def test_the_checks_change_nothing(month: Elasticsearch, stack: Stack) -> None:
    def state() -> Any:
        return month.cluster.state(metric="metadata").body["metadata"]["indices"]

    before = state()
    codes(stack.elasticsearch)
    assert state() == before


def test_a_node_without_anything_of_ours_lacks_its_templates(
    bare: Elasticsearch, stack: Stack
) -> None:
    assert codes(stack.elasticsearch) == ["template-missing"] * 3


def older(client: Elasticsearch) -> None:
    body = templates.declared(FAMILY) | {"_meta": {"managed_by": "emostream", "version": 1}}
    client.indices.put_index_template(name=FAMILY, **_arguments(body))


def newer(client: Elasticsearch) -> None:
    body = templates.declared(FAMILY) | {"_meta": {"managed_by": "emostream", "version": 999}}
    client.indices.put_index_template(name=FAMILY, **_arguments(body))


def without_alias(client: Elasticsearch) -> None:
    client.indices.put_index_template(
        name=FAMILY, **_arguments(templates.declared(FAMILY) | {"template": {}})
    )


def other_part(client: Elasticsearch) -> None:
    part = templates.declared(templates.COMPONENTS[0])
    mappings = {**part["template"]["mappings"], "dynamic": "true"}
    client.cluster.put_component_template(
        name=templates.COMPONENTS[0], template={"mappings": mappings}, version=part["version"]
    )


def _arguments(body: dict[str, Any]) -> dict[str, Any]:
    return {name.lstrip("_"): value for name, value in body.items()}


def test_a_template_that_somebody_changed_is_named_until_it_is_as_declared(
    node: Elasticsearch, stack: Stack
) -> None:
    changes = {
        older: "template-drift",
        without_alias: "template-drift",
        other_part: "template-drift",
        newer: "template-newer",
    }
    for change, code in changes.items():
        change(node)
        assert codes(stack.elasticsearch) == [code], change.__name__
        templates.put(node, templates.TEMPLATES)
        assert codes(stack.elasticsearch) == [], change.__name__


def test_a_month_that_was_made_without_the_template_is_named_with_each_fault(
    node: Elasticsearch, stack: Stack
) -> None:
    node.indices.delete_index_template(name=FAMILY)
    node.indices.create(index=MONTH, mappings={"properties": {"message": {"type": "keyword"}}})
    templates.put(node, [FAMILY])
    assert codes(stack.elasticsearch) == [
        "cluster-yellow",
        "alias-missing",
        "mapping-drift",
        "mapping-conflict",
    ]


def test_an_index_that_takes_no_posts_is_named_with_the_request_that_frees_it(
    month: Elasticsearch, stack: Stack
) -> None:
    for block in ("read_only_allow_delete", "write", "read_only"):
        month.indices.put_settings(index=MONTH, settings={f"index.blocks.{block}": True})
        (found,) = of_cluster(Settings(elasticsearch=stack.elasticsearch))
        month.indices.put_settings(index=MONTH, settings={f"index.blocks.{block}": None})
        assert (found.code, MONTH in found.sentence) == ("index-read-only", True)
        assert f"-d '{{\"index.blocks.{block}\":null}}'" in found.mend


def test_an_index_that_is_closed_is_named_with_the_request_that_opens_it(
    month: Elasticsearch, stack: Stack
) -> None:
    for index in (MONTH, DELETIONS):
        month.indices.close(index=index)
        (found,) = of_cluster(Settings(elasticsearch=stack.elasticsearch), lambda: True)
        month.indices.open(index=index)
        assert (found.code, index in found.sentence) == ("index-closed", True)
        assert f"-X POST '{stack.elasticsearch}/{index}/_open'" in found.mend


def test_indices_that_are_gone_are_named_once_the_indexer_has_read_posts(
    month: Elasticsearch, stack: Stack
) -> None:
    settings = Settings(elasticsearch=stack.elasticsearch)
    assert list(of_cluster(settings, lambda: True)) == []
    month.indices.delete(index=MONTH)
    assert list(of_cluster(settings, lambda: False)) == []
    (found,) = of_cluster(settings, lambda: True)
    assert (found.code, f"{FAMILY}-*" in found.sentence) == ("index-missing", True)
    assert "python -m stream audit" in found.mend
    templates.create(month, MONTH)
    month.indices.delete(index=DELETIONS)
    (found,) = of_cluster(settings, lambda: True)
    assert (found.code, DELETIONS in found.sentence) == ("index-missing", True)


def test_posts_that_are_read_from_another_family_are_named(
    node: Elasticsearch, stack: Stack
) -> None:
    node.indices.create(
        index="emotions-v0-2026.03",
        aliases={ALIAS: {}},
        settings={"index.number_of_replicas": 0},
    )
    assert codes(stack.elasticsearch) == ["other-family-read"]


def test_shards_that_are_on_no_node_are_told_by_how_bad_it_is(
    month: Elasticsearch, stack: Stack
) -> None:
    month.indices.create(
        index="emotions-test-copies",
        settings={"index.number_of_replicas": 1},
        wait_for_active_shards=1,
    )
    assert codes(stack.elasticsearch) == ["cluster-yellow"]
    month.indices.create(
        index="emotions-test-nowhere",
        settings={"index.routing.allocation.require._name": "nobody"},
        wait_for_active_shards=0,
    )
    assert codes(stack.elasticsearch) == ["cluster-red"]


def test_a_cluster_with_no_room_for_another_month_is_named(
    month: Elasticsearch, stack: Stack
) -> None:
    limit = "cluster.max_shards_per_node"
    shards = month.cluster.health()["active_shards"]
    month.cluster.put_settings(persistent={limit: shards})
    try:
        assert codes(stack.elasticsearch) == ["shards-near-limit"]
        month.cluster.put_settings(persistent={limit: 2 * shards})
        assert codes(stack.elasticsearch) == []
    finally:
        month.cluster.put_settings(persistent={limit: None})


def test_a_secured_node_refuses_strangers_and_tells_users_without_rights_what_is_left_out(
    node: Elasticsearch, stack: Stack
) -> None:
    with secured_node(stack.elasticsearch) as secured:
        stranger = {"elasticsearch_username": "elastic", "elasticsearch_password": SecretStr("?")}
        assert codes(secured.address, **stranger) == ["credentials-refused"]
        nobody = {"elasticsearch_username": "nobody", "elasticsearch_password": SecretStr("none")}
        assert codes(secured.address, **nobody) == ["elasticsearch-forbids"]


def test_the_indexer_s_key_may_ask_all_that_is_asked(
    month: Elasticsearch, stack: Stack, tmp_path: Path
) -> None:
    with secured_node(stack.elasticsearch) as secured:
        admin = Settings(
            elasticsearch=secured.address,
            elasticsearch_username="elastic",
            elasticsearch_password=SecretStr("top"),
        )
        with connect(admin) as client:
            list(security.set_up(client, tmp_path / "secrets"))
        key = SecretStr((tmp_path / "secrets" / "indexer.key").read_text())
        assert codes(secured.address, elasticsearch_api_key=key) == []
        assert secured.refused == []
