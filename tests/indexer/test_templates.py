"""The mapping, the documents and the documentation agree; the templates reach a real node."""

import copy
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import orjson
import pytest
from elasticsearch import BadRequestError, Elasticsearch

from indexer import deletions, templates
from indexer.client import Backoff
from indexer.documents import document
from indexer.sink import ElasticsearchSink
from stream.errors import UserError
from stream.faces import COLOURS, FACES
from tests.indexer.records import LABELS, LIMITS, classified, deletion, found, items
from tests.indexer.test_documents import FULL

PAGE = Path(__file__).parents[2] / "docs" / "records.md"
ROW = re.compile(r"^\| `([^`]+)` \| (\w+) \| \S.* \|$", re.MULTILINE)


def flat(document: Any, prefix: str = "") -> set[str]:
    """Names each field that a document has, dotted."""
    if isinstance(document, list):
        return set().union(*(flat(one, prefix) for one in document))
    if isinstance(document, dict):
        dot = f"{prefix}." if prefix else ""
        return set().union(*(flat(one, f"{dot}{name}") for name, one in document.items()))
    return {prefix}


def section(title: str) -> dict[str, str]:
    """The table of fields in one section of docs/records.md, with their types."""
    text = PAGE.read_text(encoding="utf-8")
    body = re.search(rf"^## {title}$(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    assert body, f"docs/records.md has no section {title}"
    return {name: kind for name, kind in ROW.findall(body[1]) if not name.startswith("_")}


def test_the_mapping_has_each_field_a_document_can_have_and_no_other() -> None:
    full = orjson.loads(orjson.dumps(document(FULL, datetime.now(UTC)).fields))
    assert flat(full) == set(templates.fields())


def test_the_documentation_describes_each_field_of_the_mapping_with_its_type() -> None:
    assert section("Documents in Elasticsearch") == templates.fields()


def test_the_documentation_describes_each_field_of_a_deletion() -> None:
    properties = templates.declared(deletions.INDEX)["template"]["mappings"]["properties"]
    assert section("Deletions in Elasticsearch") == templates.fields(properties)


def test_every_label_has_a_probability_a_face_and_a_colour_of_its_own() -> None:
    assert len(LABELS) == 28
    assert set(LABELS) == set(FACES) == set(COLOURS)
    assert len(set(FACES.values())) == len(set(COLOURS.values())) == 28


@pytest.mark.parametrize("name", [*templates.COMPONENTS, *templates.TEMPLATES])
def test_every_template_states_its_version_twice_alike(name: str) -> None:
    declared = templates.declared(name)
    assert declared["version"] == declared["_meta"]["version"]


def test_the_mapping_and_its_template_have_one_version() -> None:
    # A station at its start looks at the template's, and before it writes at the mapping's.
    assert templates.mapping()["_meta"] == templates.declared("emotions-v1")["_meta"]


@pytest.mark.parametrize("name", ["emotions-v1@mappings", deletions.INDEX])
def test_every_mapping_refuses_fields_it_does_not_name(name: str) -> None:
    assert templates.declared(name)["template"]["mappings"]["dynamic"] == "strict"


@pytest.mark.stack
def test_setting_up_twice_changes_nothing(bare: Elasticsearch) -> None:
    first = templates.set_up(bare)
    before = bare.indices.get_index_template(name="emotions-v1").body
    assert templates.set_up(bare) == first
    assert bare.indices.get_index_template(name="emotions-v1").body == before
    assert bare.indices.exists(index=deletions.INDEX)


@pytest.mark.stack
def test_a_station_sets_up_what_is_missing_and_leaves_alone_what_is_there(
    bare: Elasticsearch,
) -> None:
    templates.ensure(bare)
    bare.cluster.put_component_template(name="emotions-v1@settings", template={}, version=7)
    templates.ensure(bare)
    (kept,) = bare.cluster.get_component_template(name="emotions-v1@settings")[
        "component_templates"
    ]
    assert kept["component_template"]["version"] == 7
    bare.indices.delete(index=deletions.INDEX)
    templates.ensure(bare)
    assert bare.indices.exists(index=deletions.INDEX)


@pytest.mark.stack
def test_the_first_post_of_a_month_makes_its_index_with_mapping_and_alias(
    node: Elasticsearch, sink: ElasticsearchSink
) -> None:
    assert not sink.write(items(classified()))
    made = node.indices.get(index="emotions-v1-2026.03")["emotions-v1-2026.03"]
    assert templates.fields(made["mappings"]["properties"]) == templates.fields()
    assert made["mappings"]["dynamic"] == "strict"
    assert list(made["aliases"]) == ["emotions"]


@pytest.mark.stack
def test_without_the_template_nothing_is_written_and_no_index_is_made(
    node: Elasticsearch, sink: ElasticsearchSink
) -> None:
    node.indices.delete_index_template(name="emotions-v1")
    with pytest.raises(UserError, match="is missing, not version 2"):
        sink.write(items(classified()))
    assert not node.indices.exists(index="emotions-v1-2026.03")


@pytest.mark.stack
def test_an_index_that_vanishes_midway_comes_back_with_our_mapping(
    node: Elasticsearch, sink: ElasticsearchSink
) -> None:
    sink.write(items(classified("1")))
    node.indices.delete(index="emotions-v1-2026.03")
    sink.write(items(classified("2")))
    made = node.indices.get(index="emotions-v1-2026.03")["emotions-v1-2026.03"]
    assert templates.fields(made["mappings"]["properties"]) == templates.fields()
    assert list(found(node, ["1", "2"])) == ["x:2"]


@pytest.mark.stack
def test_a_newer_template_is_left_alone_and_stops_us(node: Elasticsearch) -> None:
    node.indices.put_index_template(
        name="emotions-v1", index_patterns=["emotions-v1-*"], meta={"version": 99}, priority=500
    )
    with pytest.raises(UserError, match="version 99, newer than our 2"):
        templates.set_up(node)
    with pytest.raises(UserError, match="version 99, newer than our 2"):
        templates.check(node, Backoff(0.01), ["emotions-v1-2026.03"])


@pytest.mark.stack
def test_an_index_made_without_the_template_is_refused_by_name(bare: Elasticsearch) -> None:
    bare.index(index="emotions-v1-2020.01", document={"event": {"id": "text, not a keyword"}})
    with pytest.raises(UserError, match=r"index emotions-v1-2020\.01 has a mapping that is not"):
        templates.set_up(bare)
    before = bare.indices.get_mapping(index="emotions-v1-2020.01").body
    post = classified(created_at=datetime(2020, 1, 1, tzinfo=UTC))
    with pytest.raises(UserError, match=r"index emotions-v1-2020\.01 is version 0, not version 2"):
        ElasticsearchSink(bare, LIMITS, Event()).write(items(post))
    assert bare.indices.get_mapping(index="emotions-v1-2020.01").body == before


@pytest.mark.stack
def test_an_index_of_an_earlier_mapping_gets_the_fields_and_the_alias_it_lacks(
    bare: Elasticsearch,
) -> None:
    bare.indices.create(
        index="emotions-v1-2020.01",
        mappings={"dynamic": "strict", "properties": {"@timestamp": {"type": "date"}}},
    )
    templates.set_up(bare)
    now = bare.indices.get(index="emotions-v1-2020.01")["emotions-v1-2020.01"]
    assert templates.fields(now["mappings"]["properties"]) == templates.fields()
    assert list(now["aliases"]) == ["emotions"]


@pytest.fixture
def of_version_1(bare: Elasticsearch, monkeypatch: pytest.MonkeyPatch) -> Elasticsearch:
    """The node as an indexer of mapping version 1 leaves it, with one post in March 2026."""
    with monkeypatch.context() as earlier:
        earlier.setattr(templates, "declared", declared_in_version_1)
        templates.set_up(bare)
        assert not ElasticsearchSink(bare, LIMITS, Event()).write(items(classified("1")))
    return bare


DECLARED = templates.declared


def declared_in_version_1(name: str) -> dict[str, Any]:
    body: dict[str, Any] = copy.deepcopy(DECLARED(name))
    body["version"] = body["_meta"]["version"] = 1
    if name == "emotions-v1@mappings":
        mappings = body["template"]["mappings"]
        mappings["_meta"]["version"] = 1
        ours = mappings["properties"]["emostream"]["properties"]
        for field in ("text_language", "suggestion", "comment_class", "topic"):
            del ours[field]
        for field in ("ekman", "sentiment_groups", "words"):
            del ours["emotion"]["properties"][field]
    return body


@pytest.mark.stack
@pytest.mark.parametrize("upgrade", [templates.set_up, templates.ensure])
def test_the_months_of_version_1_take_the_documents_of_version_2_once_set_up(
    of_version_1: Elasticsearch, upgrade: Callable[[Elasticsearch], Any]
) -> None:
    node, late = of_version_1, items(classified("2", labels=FULL.classification))
    with pytest.raises(UserError, match="is version 1, not version 2"):
        ElasticsearchSink(node, LIMITS, Event()).write(late)
    upgrade(node)
    assert not ElasticsearchSink(node, LIMITS, Event()).write(late)
    documents = found(node, ["1", "2"])
    assert "text_language" not in documents["x:1"]["emostream"]
    assert documents["x:2"]["emostream"]["comment_class"] == "positive"
    now = node.indices.get_mapping(index="emotions-v1-2026.03")["emotions-v1-2026.03"]["mappings"]
    assert templates.fields(now["properties"]) == templates.fields()
    assert (now["_meta"]["version"], now["dynamic"]) == (2, "strict")


@pytest.mark.stack
def test_a_month_of_version_1_refuses_documents_of_version_2(of_version_1: Elasticsearch) -> None:
    fields = document(classified("2", labels=FULL.classification), datetime.now(UTC)).fields
    with pytest.raises(BadRequestError, match="strict_dynamic_mapping_exception"):
        of_version_1.index(index="emotions-v1-2026.03", document=fields)


@pytest.mark.stack
def test_an_upgrade_that_was_cut_off_is_finished_at_the_next_start(
    of_version_1: Elasticsearch,
) -> None:
    with pytest.MonkeyPatch.context() as cut_off:
        cut_off.setattr(deletions, "months", lambda _client: [])
        templates.set_up(of_version_1)
    templates.ensure(of_version_1)
    late = items(classified("2", labels=FULL.classification))
    assert not ElasticsearchSink(of_version_1, LIMITS, Event()).write(late)


@pytest.mark.stack
def test_a_clusters_own_settings_are_kept(node: Elasticsearch) -> None:
    node.cluster.put_component_template(
        name="emotions-v1@custom", template={"settings": {"index.refresh_interval": "9s"}}
    )
    try:
        ElasticsearchSink(node, LIMITS, Event()).write(items(classified()))
        made = node.indices.get_settings(index="emotions-v1-2026.03", flat_settings=True)
        settings = made["emotions-v1-2026.03"]["settings"]
        assert settings["index.refresh_interval"] == "9s"
        assert settings["index.gc_deletes"] == "1h"
    finally:
        node.indices.delete_index_template(name="emotions-v1")
        node.cluster.delete_component_template(name="emotions-v1@custom")


@pytest.mark.stack
def test_a_missing_deletions_index_stops_the_station(
    node: Elasticsearch, sink: ElasticsearchSink
) -> None:
    node.indices.delete(index=deletions.INDEX)
    with pytest.raises(UserError, match=r"emotions-deletions-v1 is missing.*deleted posts"):
        sink.write(items(classified()))
    assert not node.indices.exists(index="emotions-v1-2026.03")
    templates.set_up(node)
    assert not sink.write(items(deletion(), classified()))
