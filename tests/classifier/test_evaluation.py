import json
import shutil
from pathlib import Path

import pytest
import torch

from classifier import artifact
from classifier.datasets import Labelled
from classifier.evaluation import (
    calibration_error,
    emotion_scores,
    evaluate,
    polarity_scores,
)
from classifier.labels import EMOTIONS
from classifier.predictor import Predictor
from classifier.promotion import promote
from stream.errors import UserError


def test_scores_are_those_counted_by_hand(small_run: Path) -> None:
    predictor = Predictor.load(small_run / "artifact")
    joy, anger, neutral = (EMOTIONS.index(name) for name in ("joy", "anger", "neutral"))
    texts = ("we saw the happy river", "the mad bus", "we walked the house")
    said = [set(each.emotions) for each in predictor.predict(texts)]
    assert said == [{"joy"}, {"anger"}, {"neutral"}]
    scores = emotion_scores(predictor, Labelled(texts, ((joy,), (joy, anger), (neutral,))))
    assert scores["labels"]["joy"]["precision"] == 1.0
    assert scores["labels"]["joy"]["recall"] == 0.5
    assert scores["labels"]["joy"]["f1"] == 0.6667
    assert scores["labels"]["joy"]["support"] == 2
    assert scores["macro_f1"] == round((2 / 3 + 1 + 1) / 28, 4)
    assert scores["micro_f1"] == round(2 * 3 / (3 + 4), 4)
    assert scores["exact_match"] == 0.6667
    assert scores["primary_is_right"] == 1.0


def test_a_text_abstained_on_counts_as_a_miss(small_run: Path) -> None:
    predictor = Predictor.load(small_run / "artifact")
    scores = emotion_scores(predictor, Labelled(("",), ((EMOTIONS.index("neutral"),),)))
    assert (scores["abstained"], scores["no_label"], scores["micro_f1"]) == (1, 1.0, 0.0)
    assert polarity_scores(predictor, Labelled(("",), ((1,),)))["labels"]["neutral"]["recall"] == 1


def test_calibration_error_is_the_distance_of_probability_and_frequency() -> None:
    right = torch.tensor([1.0, 1.0, 1.0, 0.0])
    assert float(calibration_error(torch.full((4,), 0.75), right)) == 0
    assert float(calibration_error(torch.full((4,), 0.25), right)) == 0.5


@pytest.fixture
def evaluated(small_run: Path, small_data: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "evaluated"
    shutil.copytree(small_run / "artifact", folder)
    evaluate(folder, small_data, "python -m classifier evaluate")
    return folder


def test_evaluation_writes_numbers_and_card_and_the_artifact_stays_sound(
    evaluated: Path, small_run: Path
) -> None:
    before, after = artifact.load(small_run / "artifact"), artifact.load(evaluated)
    assert after.model == before.model
    metrics = json.loads((evaluated / "metrics.json").read_text())
    assert metrics["emotion"]["test"]["texts"] == metrics["polarity"]["val"]["texts"] == 100
    assert metrics["emotion"]["test"]["micro_f1"] > 0.9
    assert metrics["polarity"]["test"]["macro_recall"] > 0.9
    assert metrics["seed"] == 1
    assert len(metrics["training"]["data"]["goemotions/dev.tsv"]) == 64
    card = (evaluated / "MODEL_CARD.md").read_text()
    assert f"{metrics['emotion']['test']['macro_f1']:.4f}" in card


def test_a_model_is_promoted_under_its_name(evaluated: Path, tmp_path: Path) -> None:
    shelf = tmp_path / "shelf"
    assert promote(evaluated, shelf) == shelf / "small-1"
    assert promote(evaluated, shelf) == shelf / "small-1"  # as good as itself
    assert artifact.load(shelf / "small-1").model == artifact.load(evaluated).model
    assert [path.name for path in shelf.iterdir()] == ["small-1"]


def test_a_worse_or_unmeasured_model_is_not_promoted(
    evaluated: Path, small_run: Path, tmp_path: Path
) -> None:
    shelf = tmp_path / "shelf"
    promote(evaluated, shelf)
    with pytest.raises(UserError, match="was not evaluated"):
        promote(small_run / "artifact", shelf)
    metrics = json.loads((evaluated / "metrics.json").read_text())
    metrics["emotion"]["dev"]["crossed_macro_f1"] -= 0.01
    (evaluated / "metrics.json").write_text(json.dumps(metrics))
    artifact.write_manifest(evaluated)
    with pytest.raises(UserError, match="it stays"):
        promote(evaluated, shelf)
