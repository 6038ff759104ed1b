"""The mapping, the documents and the documentation agree; the templates reach a real node."""

import copy
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import orjson
import pytest
from elastic_transport import TransportApiResponse
from elasticsearch import BadRequestError, Elasticsearch

from indexer import deletions, families, lifecycle, templates
from indexer.documents import FAMILY, PREFIX, document
from indexer.sink import ElasticsearchSink
from stack import Stack
from stream.backoff import Backoff
from stream.elastic import connect
from stream.errors import UserError
from stream.faces import COLOURS, FACES
from stream.posts import ClassifiedPost
from stream.settings import Settings
from tests.indexer.records import LABELS, LIMITS, classified, deletion, found, items
from tests.indexer.test_documents import FULL

MARCH = "emotions-v1-2026.03"
OURS = templates.mapping()["_meta"]["version"]
PAGE = Path(__file__).parents[2] / "docs" / "records.md"
LINKS = ("https://example.org/a",)
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


@pytest.mark.parametrize("name", ["emotions-v1@mappings", *templates.INDICES])
@pytest.mark.case(8)
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
@pytest.mark.case(14)
def test_without_the_template_nothing_is_written_and_no_index_is_made(
    node: Elasticsearch, sink: ElasticsearchSink
) -> None:
    node.indices.delete_index_template(name="emotions-v1")
    with pytest.raises(UserError, match=f"is missing, not version {OURS}"):
        sink.write(items(classified()))
    assert not node.indices.exists(index="emotions-v1-2026.03")


@pytest.mark.stack
@pytest.mark.case(14)
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
    with pytest.raises(UserError, match=f"version 99, newer than our {OURS}"):
        templates.set_up(node)
    with pytest.raises(UserError, match=f"version 99, newer than our {OURS}"):
        templates.check(node, Backoff(0.01), ["emotions-v1-2026.03"])


@pytest.mark.stack
@pytest.mark.case(14)
def test_an_index_made_without_the_template_is_refused_by_name(bare: Elasticsearch) -> None:
    bare.index(index="emotions-v1-2020.01", document={"event": {"id": "text, not a keyword"}})
    with pytest.raises(UserError, match=r"index emotions-v1-2020\.01 has a mapping that is not"):
        templates.set_up(bare)
    before = bare.indices.get_mapping(index="emotions-v1-2020.01").body
    post = classified(created_at=datetime(2020, 1, 1, tzinfo=UTC))
    with pytest.raises(
        UserError, match=rf"index emotions-v1-2020\.01 is version 0, not version {OURS}"
    ):
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


DECLARED = templates.declared

NEW_IN = {
    2: (
        "text_language",
        "suggestion",
        "comment_class",
        "topic",
        "emotion.ekman",
        "emotion.sentiment_groups",
        "emotion.words",
    ),
    3: ("weekday", "hour", "delay", "emotion.confidence"),
    4: ("entities", "recogniser", "link_hosts", "distant_labels"),
}
"""What each version of the mapping added under `emostream`."""

LEFT = {"type": "keyword", "text": "keyword", "probability": "float"}
"""What `entities` had before version 4, and keeps in the months that were there."""


def todays(native_id: str) -> ClassifiedPost:
    """A post of March 2026 with a field of each version."""
    return classified(
        native_id, labels=FULL.classification, links=LINKS, entities=FULL.post.entities
    )


def declared_in(version: int) -> Callable[[str], dict[str, Any]]:
    """The templates as an indexer of an earlier mapping version declares them."""

    def declared(name: str) -> dict[str, Any]:
        body: dict[str, Any] = copy.deepcopy(DECLARED(name))
        if name not in ("emotions-v1", "emotions-v1@mappings"):
            return body
        body["version"] = body["_meta"]["version"] = version
        if name == "emotions-v1@mappings":
            mappings = body["template"]["mappings"]
            mappings["_meta"]["version"] = version
            later = [one for added, names in NEW_IN.items() if added > version for one in names]
            for path in later:
                *parents, field = ["emostream", *path.split(".")]
                properties = mappings["properties"]
                for parent in parents:
                    properties = properties[parent]["properties"]
                del properties[field]
            ours = mappings["properties"]["emostream"]["properties"]
            ours["entities"] = {"properties": {name: {"type": kind} for name, kind in LEFT.items()}}
        return body

    return declared


@pytest.fixture(params=sorted({added - 1 for added in NEW_IN}))
def earlier(
    bare: Elasticsearch, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Elasticsearch:
    """The node as an indexer of an earlier mapping leaves it, with one post in March 2026."""
    with monkeypatch.context() as then:
        then.setattr(templates, "declared", declared_in(request.param))
        templates.set_up(bare)
        post = document(classified("1", links=LINKS), datetime.now(UTC)).fields
        known = set(templates.fields())
    post["emostream"]["entities"] = [{"type": "Person", "text": "Bob", "probability": 0.8}]
    known.add("emostream.entities")
    bare.index(
        index=MARCH, id="x:1", version=1, version_type="external_gte", document=cut(post, known)
    )
    return bare


def cut(fields: dict[str, Any], known: set[str], prefix: str = "") -> dict[str, Any]:
    """The document without the fields that a mapping does not know."""
    return {
        name: cut(value, known, f"{prefix}{name}.") if isinstance(value, dict) else value
        for name, value in fields.items()
        if isinstance(value, dict) or prefix + name in known
    }


@pytest.mark.stack
@pytest.mark.parametrize("upgrade", [templates.set_up, templates.ensure])
def test_the_months_of_an_earlier_mapping_take_todays_documents_once_set_up(
    earlier: Elasticsearch, upgrade: Callable[[Elasticsearch], Any]
) -> None:
    late = items(todays("2"))
    with pytest.raises(UserError, match=f"is version [123], not version {OURS}"):
        ElasticsearchSink(earlier, LIMITS, Event()).write(late)
    upgrade(earlier)
    assert not ElasticsearchSink(earlier, LIMITS, Event()).write(late)
    documents = found(earlier, ["1", "2"])
    assert "link_hosts" not in documents["x:1"]["emostream"]
    assert documents["x:2"]["emostream"]["comment_class"] == "positive"
    assert documents["x:2"]["emostream"]["weekday"] == "6 Saturday"
    assert documents["x:2"]["emostream"]["entities"]["person"] == ["a Person"]
    now = earlier.indices.get_mapping(index=MARCH)[MARCH]["mappings"]
    left = {f"emostream.entities.{name}": kind for name, kind in LEFT.items()}
    assert templates.fields(now["properties"]) == templates.fields() | left
    assert (now["_meta"]["version"], now["dynamic"]) == (OURS, "strict")


@pytest.mark.stack
def test_a_month_of_an_earlier_mapping_refuses_todays_documents(earlier: Elasticsearch) -> None:
    fields = document(todays("2"), datetime.now(UTC)).fields
    with pytest.raises(BadRequestError, match="strict_dynamic_mapping_exception"):
        earlier.index(index=MARCH, document=fields)


@pytest.mark.stack
def test_an_upgrade_that_was_cut_off_is_finished_at_the_next_start(
    earlier: Elasticsearch,
) -> None:
    with pytest.MonkeyPatch.context() as cut_off:
        cut_off.setattr(families, "months", lambda *_: [])
        templates.set_up(earlier)
    templates.ensure(earlier)
    late = items(todays("2"))
    assert not ElasticsearchSink(earlier, LIMITS, Event()).write(late)


@pytest.mark.stack
def test_a_clusters_own_settings_are_kept(node: Elasticsearch) -> None:
    node.cluster.put_component_template(
        name="emotions-v1@custom",
        template={"settings": {"index.refresh_interval": "9s", "index.number_of_shards": 3}},
    )
    try:
        ElasticsearchSink(node, LIMITS, Event()).write(items(classified()))
        made = node.indices.get_settings(index="emotions-v1-2026.03", flat_settings=True)
        settings = made["emotions-v1-2026.03"]["settings"]
        assert settings["index.refresh_interval"] == "9s"
        assert settings["index.number_of_shards"] == "3"
        assert settings["index.gc_deletes"] == "1h"
    finally:
        node.indices.delete_index_template(name="emotions-v1")
        node.cluster.delete_component_template(name="emotions-v1@custom")


@pytest.mark.stack
def test_the_component_that_names_the_policy_comes_and_goes_while_its_template_stands(
    node: Elasticsearch,
) -> None:
    # The real node knows no lifecycle, but judges whether a component may be deleted.
    node.cluster.put_component_template(
        name=lifecycle.COMPONENT, template={"settings": {"index.refresh_interval": "9s"}}
    )
    node.indices.create(index=MARCH)
    made = node.indices.get_settings(index=MARCH, flat_settings=True)[MARCH]["settings"]
    assert made["index.refresh_interval"] == "9s"
    node.cluster.delete_component_template(name="emotions-v*@lifecycle")
    assert not node.cluster.exists_component_template(name=lifecycle.COMPONENT)


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


@pytest.fixture
def plain(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Elasticsearch]:
    """A client whose key may neither read nor put templates."""
    with connect(Settings(elasticsearch=stack.elasticsearch)) as client:
        send = client.transport.perform_request

        def perform_request(method: str, path: str, **options: Any) -> TransportApiResponse:
            if not path.startswith(("/_index_template/", "/_component_template/")):
                return send(method, path, **options)
            answer = send("GET", "/_cluster/health", headers=options["headers"])
            error = {"error": {"type": "security_exception", "reason": "no"}, "status": 403}
            return TransportApiResponse(replace(answer.meta, status=403), error)

        monkeypatch.setattr(client.transport, "perform_request", perform_request)
        yield client


@pytest.mark.stack
def test_a_station_that_may_not_see_templates_works_where_an_administrator_has_set_up(
    node: Elasticsearch, plain: Elasticsearch
) -> None:
    for n in (1, 2):  # before the first month is there, and after
        templates.ensure(plain)
        assert not ElasticsearchSink(plain, LIMITS, Event()).write(items(classified(str(n))))
    made = node.indices.get_mapping(index=MARCH)[MARCH]["mappings"]
    assert (made["_meta"]["version"], made["dynamic"]) == (OURS, "strict")


@pytest.mark.stack
def test_a_station_that_may_not_put_templates_says_who_must(
    bare: Elasticsearch, plain: Elasticsearch
) -> None:
    with pytest.raises(UserError, match="run `python -m indexer setup` as an administrator"):
        templates.ensure(plain)


@pytest.mark.stack
def test_a_station_that_may_not_put_templates_refuses_months_of_an_earlier_mapping(
    earlier: Elasticsearch, plain: Elasticsearch
) -> None:
    with pytest.raises(UserError, match="run `python -m indexer setup` as an administrator"):
        templates.ensure(plain)


@pytest.mark.stack
def test_a_station_that_may_not_see_templates_writes_nothing_into_a_month_made_without_one(
    node: Elasticsearch, plain: Elasticsearch
) -> None:
    node.indices.delete_index_template(name="emotions-v1")
    with pytest.raises(UserError, match=f"index {MARCH} is version 0, not version {OURS}"):
        ElasticsearchSink(plain, LIMITS, Event()).write(items(classified()))
    assert node.count(index=MARCH)["count"] == 0


def test_an_index_template_of_the_months_adds_nothing_but_the_alias() -> None:
    # A migration puts it without its `template`, so that new months stay unseen.
    assert templates.declared(FAMILY)["template"] == {"aliases": {"emotions": {}}}
    assert FAMILY + "-" == PREFIX


@pytest.mark.stack
def test_setting_up_brings_the_indices_beside_the_months_up_to_date(bare: Elasticsearch) -> None:
    for index in templates.INDICES:
        bare.indices.create(index=index, mappings={"dynamic": "strict"})
    templates.ensure(bare)
    now = bare.indices.get_mapping(index=list(templates.INDICES)).body
    for index in templates.INDICES:
        declared = templates.declared(index)["template"]["mappings"]
        assert now[index]["mappings"]["properties"].keys() == declared["properties"].keys()
