import json
import shutil
from pathlib import Path

import pytest

from classifier import artifact
from classifier.promotion import Score, promote, refuse_if_worse
from stream.errors import UserError

SHIPPED = {"emotion": Score(0.5), "polarity": Score(0.65), "topic": Score(0.3)}


def test_emotions_must_gain() -> None:
    refuse_if_worse(Path("run"), SHIPPED | {"emotion": Score(0.5001)}, SHIPPED)
    with pytest.raises(UserError, match=r"emotion has .* of 0\.5000, shipped 0\.5000"):
        refuse_if_worse(Path("run"), dict(SHIPPED), SHIPPED)


def test_no_other_head_may_lose_more_than_a_hundredth() -> None:
    better = SHIPPED | {"emotion": Score(0.6)}
    refuse_if_worse(Path("run"), better | {"polarity": Score(0.641)}, SHIPPED)
    with pytest.raises(UserError, match=r"polarity has a macro recall of 0\.6390.* at most"):
        refuse_if_worse(Path("run"), better | {"polarity": Score(0.639)}, SHIPPED)
    del better["topic"]
    with pytest.raises(UserError, match=r"topic has a micro f1 of 0\.0000"):
        refuse_if_worse(Path("run"), better, SHIPPED)


def test_a_head_with_few_texts_may_lose_what_they_leave_open() -> None:
    shipped = SHIPPED | {"topic": Score(0.3, doubt=0.06)}
    better = shipped | {"emotion": Score(0.6)}
    refuse_if_worse(Path("run"), better | {"topic": Score(0.25)}, shipped)
    with pytest.raises(UserError, match=r"topic has .*may lose 0\.06 at most"):
        refuse_if_worse(Path("run"), better | {"topic": Score(0.23)}, shipped)


@pytest.fixture
def measured(small_run: Path, tmp_path: Path) -> Path:
    """An artifact with the part of metrics.json that promotion reads."""
    folder = tmp_path / "measured"
    shutil.copytree(small_run / "artifact", folder)
    write_scores(folder, artifact.load(folder).model, 0.5)
    return folder


def write_scores(folder: Path, model: str, score: float) -> None:
    metrics = {
        "model": model,
        "emotion": {"dev": {"crossed_macro_f1": score}},
        "polarity": {"dev": {"macro_recall": 0.6}},
        "emotion6": {"dev": {"macro_f1": 0.9}},
    }
    (folder / "metrics.json").write_text(json.dumps(metrics))
    artifact.write_manifest(folder)


def test_a_model_is_promoted_under_its_name(measured: Path, tmp_path: Path) -> None:
    shelf = tmp_path / "shelf"
    assert promote(measured, shelf / "none") == shelf / "small-1"
    assert (
        promote(measured, shelf / "none") == shelf / "small-1"
    )  # itself again: measured anew, say
    assert artifact.load(shelf / "small-1").model == artifact.load(measured).model
    assert [path.name for path in shelf.iterdir()] == ["small-1"]


def test_other_weights_are_promoted_only_if_better(measured: Path, tmp_path: Path) -> None:
    shelf = tmp_path / "shelf"
    promote(measured, shelf / "none")
    config = json.loads((measured / "config.json").read_text())
    (measured / "config.json").write_text(json.dumps(config | {"training": {"seed": 2}}))
    artifact.write_manifest(measured)
    with pytest.raises(UserError, match=r"metrics\.json is of small-1@"):
        promote(measured, shelf / "none")
    other = artifact.load(measured).model
    write_scores(measured, other, 0.5)
    with pytest.raises(UserError, match="stays"):
        promote(measured, shelf / "none")
    write_scores(measured, other, 0.51)
    promote(measured, shelf / "none")
    assert artifact.load(shelf / "small-1").model == other


@pytest.mark.parametrize("name", ["..", "", "../../small", "a/b", "a\\b", "a\nb"])
def test_a_name_that_leads_elsewhere_is_refused_before_anything_is_deleted(
    measured: Path, tmp_path: Path, name: str
) -> None:
    config = json.loads((measured / "config.json").read_text())
    (measured / "config.json").write_text(json.dumps(config | {"name": name}))
    artifact.write_manifest(measured)
    shelf = tmp_path / "here" / "shelf"
    shelf.mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError, match="is none that a folder can have"):
        promote(measured, shelf / "none")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_model_that_was_not_measured_is_not_promoted(small_run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="was not evaluated: python -m classifier evaluate"):
        promote(small_run / "artifact", tmp_path / "shelf" / "none")


def test_a_model_of_another_name_must_beat_the_shipped_one(measured: Path, tmp_path: Path) -> None:
    shipped = tmp_path / "shelf" / "other-1"
    shutil.copytree(measured, shipped)
    config = json.loads((shipped / "config.json").read_text())
    (shipped / "config.json").write_text(json.dumps(config | {"name": "other-1"}))
    artifact.write_manifest(shipped)
    write_scores(shipped, artifact.load(shipped).model, 0.5)
    with pytest.raises(UserError, match="the shipped one stays"):
        promote(measured, shipped)
    write_scores(measured, artifact.load(measured).model, 0.51)
    assert promote(measured, shipped) == shipped.with_name("small-1")
