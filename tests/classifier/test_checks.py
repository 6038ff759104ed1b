"""An artifact that must not be used, and posts that another one labelled, are named."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from classifier.artifact import SHIPPED
from classifier.checks import of_artifact, of_labels
from indexer import templates
from stack import Stack
from stream.elastic import connect
from stream.index import ALIAS, month_of
from stream.settings import Settings

NOWHERE = "http://127.0.0.1:1"


def test_the_shipped_artifact_raises_nothing_where_no_server_answers() -> None:
    assert list(of_artifact(Settings(elasticsearch=NOWHERE))) == []


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    (found,) = of_artifact(Settings(model=tmp_path / "none", elasticsearch=NOWHERE))
    assert (found.code, "promote" in found.mend) == ("model-missing", True)


def test_an_artifact_with_a_damaged_file_is_named_with_that_file(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(SHIPPED, folder)
    file = folder / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    (found,) = of_artifact(Settings(model=folder, elasticsearch=NOWHERE))
    assert (found.code, str(file) in found.sentence) == ("model-damaged", True)
    assert found.mend not in found.sentence


@pytest.fixture
def node(stack: Stack) -> Iterator[Elasticsearch]:
    """The node with one month of ours, in which there is no post."""
    with connect(Settings(elasticsearch=stack.elasticsearch)) as client:
        clean(client)
        templates.set_up(client)
        yield client
        clean(client)


def clean(client: Elasticsearch) -> None:
    for index in client.indices.get(index="emotions-*", expand_wildcards="all").body:
        client.indices.delete(index=index)


@pytest.mark.stack
def test_posts_that_another_model_labelled_last_are_named(
    node: Elasticsearch, stack: Stack
) -> None:
    settings = Settings(elasticsearch=stack.elasticsearch)
    assert list(of_labels(settings, "new@2")) == []
    for hour, model in ((1, "old@1"), (2, "new@2+precise")):
        moment = datetime(2026, 3, 14, hour, tzinfo=UTC).isoformat()
        node.index(
            index=f"emotions-v1-{month_of(datetime.fromisoformat(moment))}",
            document={
                "@timestamp": moment,
                "emostream": {"model": model, "classified_at": moment},
            },
        )
    node.indices.refresh(index=ALIAS)
    assert list(of_labels(settings, "new@2")) == []
    (found,) = of_labels(settings, "old@1")
    assert (found.code, "new@2" in found.sentence) == ("model-mismatch", True)


@pytest.mark.stack
def test_a_foreign_document_under_the_alias_neither_stops_the_check_nor_hides_our_posts(
    node: Elasticsearch, stack: Stack
) -> None:
    settings = Settings(elasticsearch=stack.elasticsearch)
    foreign = {"emostream": {"classified_at": "2099-01-01T00:00:00Z"}}
    node.index(index="emotions-foreign", document=foreign)
    node.indices.put_alias(index="emotions-foreign", name=ALIAS)
    node.indices.refresh(index=ALIAS)
    assert list(of_labels(settings, "new@2")) == []
    moment = "2026-03-14T01:00:00+00:00"
    ours = {"@timestamp": moment, "emostream": {"model": "old@1", "classified_at": moment}}
    node.index(index="emotions-v1-2026.03", document=ours, refresh=True)
    (found,) = of_labels(settings, "new@2")
    assert (found.code, "old@1" in found.sentence) == ("model-mismatch", True)
