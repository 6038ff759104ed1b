"""The scripts in docs/examples do what their first lines say."""

import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import urllib3

from stack import Stack
from stream.elastic import connect
from stream.settings import Settings
from tests import forks
from tests.classifier.conftest import small_data as small_data

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"


def told(name: str, *words: str, **settings: str) -> str:
    done = forks.told(f"docs.examples.{name}", *words, **settings)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_file_is_classified(tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text("thank you so much\nthanks, really\nI hate this\n")
    assert re.search(
        r"^ +2 +🙏 gratitude$", told("classify_file", str(tmp_path / "lines.txt")), re.M
    )


@pytest.mark.stack
def test_the_index_is_asked_about_a_word(stack: Stack) -> None:
    months = "emotions-v1-2026.02"
    said = {"@timestamp": datetime(2026, 2, 1, tzinfo=UTC), "message": "what an examplary bakery",
            "emostream": {"emotion": {"primary": "joy"}}}  # fmt: skip
    field = {"properties": {"primary": {"type": "keyword"}}}
    with connect(Settings(elasticsearch=stack.elasticsearch)) as client:
        client.indices.create(
            index=months, aliases={"emotions": {}},
            mappings={"properties": {"emostream": {"properties": {"emotion": field}}}},
        )  # fmt: skip
        try:
            client.index(index=months, document=said, refresh=True)
            found = told("ask_the_index", "examplary",
                         EMOSTREAM_ELASTICSEARCH=stack.elasticsearch)  # fmt: skip
        finally:
            client.indices.delete(index=months)
    assert found == "     1  joy             what an examplary bakery\n"


def test_a_tiny_model_is_trained_and_answers(small_data: Path, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, str(EXAMPLES / "train_and_serve.py"), str(tmp_path), "0"],
        stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), "EMOSTREAM_DATA_DIR": str(small_data)},
    ) as serving:  # fmt: skip
        try:
            assert serving.stderr
            lines = iter(serving.stderr.readline, "")
            port = next(
                found[1] for line in lines if (found := re.search(r"127.0.0.1:(\d+)", line))
            )
            answer = urllib3.request("POST", f"http://127.0.0.1:{port}/v1/classify",
                                     json={"text": "we saw the river, thanks"})  # fmt: skip
        finally:
            serving.kill()
    assert answer.status == 200
    assert answer.json()["model"].startswith("tiny-1@")
