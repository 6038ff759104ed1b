"""A labelled set and posts as one folder of pictures, on a page that needs nothing beside it."""

import json
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from classifier import artifact
from classifier.artifact import Artifact
from classifier.calibration import Calibration
from classifier.lab import clouds, figures, look, pages, views
from classifier.lab.shapes import Sample
from classifier.labels import EMOTIONS
from classifier.predictor import Predictor
from tests import forks
from tests.classifier.conftest import made_up


@pytest.fixture(scope="module")
def model(small_run: Path) -> Predictor:
    return Predictor(artifact.load(small_run / "artifact"))


class Looking:
    """Looks at the first word alone."""

    def attention(self, text: str) -> tuple[tuple[str, ...], list[float]]:
        words = text.split()
        return tuple(words), [1.0] + [0.0] * (len(words) - 1)


def test_a_set_is_seen_from_its_labels_to_the_worst_mistakes(
    small_run: Path, small_data: Path, tmp_path: Path
) -> None:
    done = forks.told(
        "classifier", "look", str(small_run), "--data", "emotion", "--out", str(tmp_path / "seen"),
        "--word", "happy", EMOSTREAM_DATA_DIR=str(small_data),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    files = {path.name for path in (tmp_path / "seen").iterdir()}
    assert {"index.html", "labels.png", "lengths.png", "vocabulary.png", "training.png",
            "map.png", "confusion.png", "precision-recall.png", "calibration.png",
            "words-joy.svg", "words-anger.svg"} <= files  # fmt: skip
    page = (tmp_path / "seen" / "index.html").read_text()
    for title in ("Labels", "Neighbours", "Worst mistakes", "Words that count"):
        assert f"<h2>{title}</h2>" in page
    assert "On dev, where it was fitted" in page
    assert "happy" in (tmp_path / "seen" / "words-joy.svg").read_text()
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page), "it needs nothing beside it"
    assert "default-src 'none'" in page


def test_posts_are_seen_over_time_and_their_texts_are_inert(
    model: Predictor, tmp_path: Path
) -> None:
    noon = datetime(2026, 3, 14, 12, tzinfo=UTC)
    posts = [Sample(text + " <script>x()</script>", time=noon + timedelta(minutes=n))
             for n, (text, _) in enumerate(made_up(80, 400))]  # fmt: skip
    view = views.of_posts("a file", iter(posts), model)
    names = look.look(view, tmp_path, attentive=Looking())
    assert "over-time.png" in names
    assert "confusion.png" not in names, "nobody has labelled them"
    page = (tmp_path / "index.html").read_text()
    assert "<script" not in page
    assert "where the other model looks" in page


def test_the_words_of_a_label_are_those_that_others_do_not_have(model: Predictor) -> None:
    rows = made_up(81, 300)
    right = torch.zeros(len(rows), len(EMOTIONS), dtype=torch.float64)
    for number, (_, label) in enumerate(rows):
        right[number, EMOTIONS.index(label)] = 1
    vocabulary = model.artifact.vocabulary
    counts, sizes, unknown = clouds.counted([text for text, _ in rows], right, vocabulary)
    assert sum(sizes) >= len(rows) * 3
    assert unknown == 0
    assert clouds.counted(["glad unheardof"], right[:1], vocabulary)[2] == 1
    weights = clouds.telling(counts, vocabulary)
    best = np.argsort(-weights[:, EMOTIONS.index("anger")])[:2]
    assert {vocabulary.entries[n] for n in best} == {"furious", "mad"}
    assert "&lt;b&gt;" in clouds.cloud(["<b>"], [2.0], "anger")


def test_labels_together_are_shares_of_each_label_s_texts() -> None:
    right = torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    assert look._together(right).tolist() == [[0, 0.5, 0], [1, 0, 0], [0, 0, 0]]


def test_a_set_whose_head_the_model_lacks_is_still_labelled_by_the_set(
    model: Predictor, small_data: Path
) -> None:
    assert views.of_set("polarity", small_data, model).source == "the data set"
    lacking = replace(model.artifact, calibration=Calibration())
    other = views.of_set("polarity", small_data, Stub(lacking))  # type: ignore[arg-type]
    assert (other.said, other.source) == (None, "the data set")
    assert views.of_posts("a file", iter([Sample("so glad")]), model).source == "the model"


@dataclass
class Stub:
    """As much of a predictor as is asked for its heads."""

    artifact: Artifact


def test_words_on_the_map_do_not_lie_on_one_another() -> None:
    places = np.array([[0.0, 0.0], [0.001, 0.0], [0.0, 0.001], [1.0, 1.0]])
    found = figures._apart(places, ["one", "two", "three", "four"])
    assert len({round(y, 6) for _, y in found}) == 4


def test_what_cannot_be_seen_is_one_line(small_data: Path, tmp_path: Path) -> None:
    def told(*words: str) -> str:
        done = forks.told("classifier", "look", "--out", str(tmp_path / "x"), *words,
                          EMOSTREAM_DATA_DIR=str(small_data))  # fmt: skip
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        return done.stderr

    assert "--data SET or --from WHERE" in told()
    assert "write one of emotion" in told("--data", "mood")


def test_a_text_on_the_page_is_text() -> None:
    rows: Any = pages.rows(["a"], [[pages.escape("<i>\u202etx</i>")]])
    assert "<i>" not in rows
    assert "<bdi>" in rows, "nor does it turn the writing round"
    assert json.dumps(pages.heat(("<b>",), [1.0])).count("<b>") == 0
