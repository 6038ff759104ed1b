"""What a platform annotates and what models say reach the index, whatever the models' family."""

import json
from pathlib import Path
from typing import Any

import pytest

from indexer.queries import all_documents, refresh
from stream.elastic import connect
from stream.settings import Settings
from tests.classifier.spacy_models import trained
from tests.classifier.tiny_family import tiny
from tests.end_to_end.conftest import Pipeline

POST = {
    "id": "2121800000000000001",
    "text": "no news from Saltmere yet, says ILJA TARN https://t.co/a1",
    "created_at": "2026-11-14T12:30:00.000Z",
    "lang": "en",
    "entities": {
        "annotations": [{"type": "Person", "normalized_text": "ILJA TARN", "probability": 0.9}],
        "urls": [{"url": "https://t.co/a1", "expanded_url": "https://www.news.example/today"}],
    },
    "context_annotations": [
        {"domain": {"id": "60", "name": "Athlete"}, "entity": {"id": "7", "name": "Ilja Tarn"}}
    ],
}


@pytest.mark.end_to_end
def test_names_and_what_a_model_of_another_family_says_are_fields_of_the_document(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    pipeline.settings["EMOSTREAM_RECOGNISER"] = f"spacy:{trained(tmp_path / 'model')}"
    pipeline.settings["EMOSTREAM_MODEL"] = str(tiny(tmp_path / "bilstm"))
    pipeline.start("classifier")
    pipeline.start("indexer")
    posts = tmp_path / "posts.ndjson"
    posts.write_text(json.dumps(POST) + "\n", encoding="utf-8")
    crawl = pipeline.replay(posts)["crawl"]
    pipeline.wait_for(crawl, 1)
    ours = document(pipeline, crawl)["emostream"]
    assert ours["entities"]["person"] == ["Ilja Tarn"]
    assert "Saltmere" in ours["entities"]["place"]
    assert ours["recogniser"] == "spacy:en_tiny@1.2.3"
    assert ours["model"].startswith("bilstm-attention-1@")
    assert ours["polarity"]["label"] in ("negative", "neutral", "positive")
    assert ours["link_hosts"] == ["news.example"]


def document(pipeline: Pipeline, crawl: str) -> dict[str, Any]:
    """The one document of a crawl."""
    with connect(Settings(elasticsearch=pipeline.stack.elasticsearch)) as client:
        refresh(client)
        (hit,) = all_documents(client, crawl=crawl)
    fields: dict[str, Any] = hit["_source"]
    return fields
