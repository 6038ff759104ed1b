"""What Logstash writes is what the indexer writes."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from typing import Any

from indexer import documents, entities
from indexer.deletions import INDEX as DELETIONS
from stream.topics import CLASSIFIED
from tests.web.logstash.parser import parsed
from tests.web.logstash.record import RECORDED, SCRIPT
from tests.web.logstash.records import INGESTED, records

CONFIG = SCRIPT.with_name("index.conf")


def recorded() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(RECORDED.read_text(encoding="utf-8"))
    return read


def test_the_recording_is_of_the_script_as_it_is() -> None:
    assert recorded()["script"] == sha256(SCRIPT.read_bytes()).hexdigest(), (
        "document.rb has changed: run `python -m tests.web.logstash.record JRUBY.jar` again"
    )
    assert recorded()["ruby"].startswith("jruby 9.4.")


def test_the_documents_are_the_indexer_s_with_its_ids_indices_and_versions() -> None:
    made = recorded()["documents"]
    ours = [documents.document(one, INGESTED) for one in records()]
    assert len(made) == len(ours) > 5
    for theirs, wanted in zip(made, ours, strict=True):
        assert theirs["place"] == {
            "id": wanted.id, "index": wanted.index, "version": wanted.version,
        }  # fmt: skip
        assert theirs["fields"] == json.loads(wanted.bulk_action().splitlines()[1])


def test_the_records_use_every_field_that_the_indexer_can_write() -> None:
    full = records()[0]
    assert all(value not in (None, (), {}) for _name, value in full.post)
    assert all(
        value not in (None, (), {}) for name, value in full.classification if name != "abstained"
    )


def test_the_tables_of_the_script_are_the_indexer_s() -> None:
    text = SCRIPT.read_text(encoding="utf-8")

    def table(name: str) -> dict[str, str]:
        body = re.search(rf"^{name} = {{(.*?)}}", text, re.M | re.S)
        assert body
        return dict(re.findall(r'"([^"]+)" => "([^"]+)"', body[1]))

    assert table("KINDS") == entities._TYPES
    assert table("DOMAINS") == entities._DOMAINS


def test_the_output_writes_as_the_indexer_does() -> None:
    config = parsed(CONFIG.read_text(encoding="utf-8"))
    (output,) = config.plugins("output", "elasticsearch")
    assert output["action"] == "index"
    assert output["index"] == "%{[@metadata][index]}"
    assert output["document_id"] == "%{[@metadata][id]}"
    assert output["version"] == "%{[@metadata][version]}"
    action = json.loads(documents.document(records()[0], INGESTED).bulk_action().splitlines()[0])
    assert output["version_type"] == action["index"]["version_type"]
    assert output["manage_template"] == "false"
    (source,) = config.plugins("input", "kafka")
    assert source["topics"] == [CLASSIFIED.name]
    assert DELETIONS not in CONFIG.read_text(encoding="utf-8")
