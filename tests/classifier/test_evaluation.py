import json
import re
import shutil
from pathlib import Path

import pytest
import torch

from classifier import artifact
from classifier.answers import Answers, given, of_split
from classifier.calibration import HeadCalibration, Scale
from classifier.evaluation import confused_pairs, emotion_scores, evaluate, head_scores, primary
from classifier.labels import EMOTIONS
from classifier.predictor import Predictor
from classifier.readers import Labelled
from classifier.scores import one_hot

JOY, ANGER, SADNESS, NEUTRAL = (
    EMOTIONS.index(name) for name in ("joy", "anger", "sadness", "neutral")
)


def said(right: list[tuple[int, ...]], probable: list[tuple[int, ...]]) -> Answers:
    """Answers that find some emotions very likely and the others not at all."""
    probabilities = one_hot(probable, 28) * 0.9
    known = torch.ones(len(right), dtype=torch.bool)
    chosen = given("emotion", probabilities, [0.5] * 28, known)
    texts = tuple(f"text {number}" for number in range(len(right)))
    return Answers(
        Labelled(texts, tuple(right)), probabilities, chosen, chosen, one_hot(right, 28), known
    )


def test_emotions_are_scored_alone_and_in_their_groups() -> None:
    each = said([(JOY,), (ANGER,), (NEUTRAL,)], [(JOY,), (EMOTIONS.index("annoyance"),), (JOY,)])
    found = emotion_scores(each)
    assert found["ekman"]["labels"]["anger"]["f1"] == 1.0  # annoyance is of that group
    assert found["ekman"]["labels"]["joy"]["precision"] == 0.5
    assert found["sentiment"]["labels"]["negative"]["f1"] == 1.0
    assert found["primary_is_right"] == 0.3333
    head = HeadCalibration(Scale(1.0, (0.0,) * 28), (0.5,) * 28, (0.7,) * 28)
    scores = head_scores("emotion", head, each)
    assert scores["labels"]["anger"]["f1"] == 0.0
    assert scores["labels"]["joy"]["precise_threshold"] == 0.7
    assert scores["micro_f1"] == 0.3333
    assert scores["exact_match"] == 0.3333


def test_what_is_given_in_place_of_what_is_counted() -> None:
    each = said([(JOY,), (JOY,), (JOY, ANGER), (SADNESS,)], [(ANGER,), (ANGER,), (ANGER,), ()])
    assert confused_pairs(each) == [
        {"missed": "joy", "given": "anger", "texts": 2, "share": 0.6667}
    ]  # in the third text anger is right, and in the fourth nothing is given


def test_the_primary_emotion_is_the_likeliest_that_is_not_neutral() -> None:
    probabilities = torch.zeros(4, 28, dtype=torch.float64)
    probabilities[:, (JOY, ANGER, NEUTRAL)] = torch.tensor([0.3, 0.4, 0.9], dtype=torch.float64)
    chosen = one_hot([(JOY, ANGER, NEUTRAL), (JOY, NEUTRAL), (NEUTRAL,), ()], 28)
    assert primary(probabilities, chosen).tolist() == [ANGER, JOY, NEUTRAL, -1]


def test_a_text_without_a_known_word_is_a_miss() -> None:
    known = torch.tensor([True, False])
    likely = torch.full((2, 28), 0.9, dtype=torch.float64)
    assert given("emotion", likely, [0.5] * 28, known).sum(1).tolist() == [28, 0]
    likely = torch.full((2, 6), 1 / 6, dtype=torch.float64)
    assert given("emotion6", likely, (), known).sum(1).tolist() == [1, 0]
    shares = torch.tensor([[0.2, 0.5, 0.3]] * 2, dtype=torch.float64)
    assert given("polarity", shares, (0.1, 0.5, 0.4), known).tolist() == [[1, 0, 0], [0, 0, 0]]


def test_the_model_and_the_station_answer_alike_where_the_station_speaks(small_run: Path) -> None:
    loaded = artifact.load(small_run / "artifact")
    texts = ("we saw the happy river", "the mad bus", "we walked the house", "")
    split = Labelled(texts, ((JOY,), (ANGER,), (NEUTRAL,), (NEUTRAL,)))
    found = of_split(loaded, Predictor(loaded), "emotion", split)
    assert found.known.tolist() == [True, True, True, False]
    assert found.served is not None
    spoken = found.served.any(1)
    assert torch.equal(found.served[spoken], found.given[spoken])
    assert sum(found.abstained.values()) == int((~spoken).sum())
    assert found.given[0].nonzero()[:, 0].tolist() == [JOY]


@pytest.fixture(scope="module")
def evaluated(small_run: Path, small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluated") / "artifact"
    shutil.copytree(small_run / "artifact", folder)
    evaluate(folder, small_data, "python -m classifier evaluate")
    return folder


def test_evaluation_writes_numbers_and_card_and_the_artifact_stays_sound(
    evaluated: Path, small_run: Path
) -> None:
    before, after = artifact.load(small_run / "artifact"), artifact.load(evaluated)
    assert after.model == before.model
    metrics = json.loads((evaluated / "metrics.json").read_text())
    assert metrics["emotion"]["test"]["texts"] == metrics["polarity"]["dev"]["texts"] == 100
    assert metrics["emotion"]["test"]["micro_f1"] > 0.9
    assert metrics["polarity"]["test"]["macro_recall"] > 0.9
    assert metrics["seed"] == 1
    assert len(metrics["training"]["data"]["goemotions/dev.tsv"]) == 64


def test_the_card_states_the_numbers_and_shows_plots_that_are_there(evaluated: Path) -> None:
    metrics = json.loads((evaluated / "metrics.json").read_text())
    card = (evaluated / "MODEL_CARD.md").read_text()
    test = metrics["emotion"]["test"]
    low, high = test["macro_f1_interval"]
    assert f"{test['macro_f1']:.4f} [{low:.3f}, {high:.3f}]" in card
    assert f"{metrics['polarity']['test']['macro_recall']:.4f}" in card
    shown = set(re.findall(r"\(plots/(\S+)\)", card))
    assert shown == {path.name for path in (evaluated / "plots").iterdir()}
    assert "do not allow commercial use" in card
    assert "TweetEval sentiment" in card.partition("do not allow commercial use")[2]


def test_the_plots_are_small_and_the_manifest_guards_them(evaluated: Path, tmp_path: Path) -> None:
    plots = sorted((evaluated / "plots").iterdir())
    assert "plots/reliability.png" in json.loads((evaluated / "manifest.json").read_text())["files"]
    assert all(path.stat().st_size < 60_000 for path in plots)
    assert sum(path.stat().st_size for path in plots) < 400_000
    copy = tmp_path / "copy"
    shutil.copytree(evaluated, copy)
    (copy / "plots/reliability.png").write_bytes(b"other")
    with pytest.raises(artifact.ArtifactError, match=r"reliability\.png"):
        artifact.load(copy)


def test_measuring_again_gives_the_same_files(
    evaluated: Path, small_data: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again"
    shutil.copytree(evaluated, again)
    (again / "plots/stale.png").write_bytes(b"")
    evaluate(again, small_data, "python -m classifier evaluate")
    names = {path.relative_to(evaluated) for path in evaluated.rglob("*") if path.is_file()}
    assert names == {path.relative_to(again) for path in again.rglob("*") if path.is_file()}
    assert all((evaluated / name).read_bytes() == (again / name).read_bytes() for name in names)
