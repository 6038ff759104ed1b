"""Models of other families where the bag of embeddings usually stands: predictor, station, API."""

import json
from pathlib import Path

import pytest

from classifier import answers, artifact, card, evaluation, reasons
from classifier.explanation import ATTENTION, EXACT, LEFT_OUT
from classifier.lab.cells import Cell
from classifier.labels import EMOTIONS
from classifier.predictor import NO_TEXT, UNSUPPORTED, Predictor
from tests.classifier.tiny_family import tiny
from tests.web.serving import serving
from web import app
from web.models import Models

TEXTS = ["we saw the happy bus", "they were furious today", "", "der Bus war gestern sehr schön"]


@pytest.mark.parametrize("name", ["ann", "bilstm-attention", "transformer", "ensemble", "cascade"])
def test_the_predictor_takes_it_as_it_takes_our_own(made: dict[str, Cell], name: str) -> None:
    predictor = Predictor.load(made[name].artifact)
    said = predictor.predict(TEXTS, [None, None, None, "de"])
    assert said[0].polarity_label == "positive"
    assert [one.abstained for one in said[2:]] == [NO_TEXT, UNSUPPORTED]
    assert said[3].emotions == ()
    assert said[3].probabilities == said[2].probabilities
    assert set(said[0].probabilities) == set(EMOTIONS)
    assert said[0].model == f"{name}-1@{predictor.artifact.fingerprint}"
    assert said[0].fields() == predictor.predict(TEXTS[:1])[0].fields()
    assert said[0].topics == ()


def test_the_words_of_a_post_come_from_attention_where_there_is_one(
    made: dict[str, Cell],
) -> None:
    texts = [f"the {word} bus again" for word in ("happy", "furious", "thanks", "glad")]
    felt = Predictor.load(made["bilstm-attention"].artifact).predict(texts)
    assert any(one.words for one in felt if one.primary not in (None, "neutral"))
    for text, one in zip(texts, felt, strict=True):
        assert set(one.words) <= set(text.split())
    others = Predictor.load(made["transformer"].artifact).predict(texts)
    assert all(one.words == () for one in others)


def test_an_explanation_says_by_which_method_it_was_made(
    made: dict[str, Cell],
) -> None:
    looked = Predictor.load(made["bilstm-attention"].artifact).explain("the mad bus", "polarity")
    assert looked.method == ATTENTION
    assert looked.tokens == ("the", "mad", "bus")
    assert sum(looked.contributions["negative"]) == pytest.approx(1, abs=1e-5)
    left = Predictor.load(made["ann"].artifact).explain("the mad bus", "polarity", ["negative"])
    assert left.method == LEFT_OUT
    weights = dict(zip(left.tokens, left.contributions["negative"], strict=True))
    assert max(weights, key=weights.__getitem__) == "mad"
    exact = Predictor.load(artifact.SHIPPED).explain("the mad bus", "polarity")
    assert exact.method == EXACT


def test_a_person_is_told_the_method_too(made: dict[str, Cell]) -> None:
    predictor = Predictor.load(made["bilstm-attention"].artifact)
    (prediction,) = predictor.predict(["the mad bus"])
    shown = reasons.as_text(predictor)("the mad bus", prediction).decode()
    assert "how much the model looked at each word (attention), whatever the label" in shown
    line = json.loads(reasons.as_json(predictor)("the mad bus", prediction))
    assert line["explanation"]["polarity"]["method"] == ATTENTION


def test_a_model_without_polarity_does_not_serve(
    made: dict[str, Cell],
) -> None:
    folder = made["ann"].artifact
    content = (folder / "calibration.json").read_text()
    try:
        less = json.loads(content)
        del less["polarity"]
        (folder / "calibration.json").write_text(json.dumps(less))
        artifact.write_manifest(folder)
        with pytest.raises(artifact.ArtifactError, match="a scale and thresholds of polarity"):
            Predictor.load(folder)
        assert artifact.load(folder, serving=False).heads() == ("emotion",)
    finally:
        (folder / "calibration.json").write_text(content)
        artifact.write_manifest(folder)


def test_the_api_answers_and_weighs_with_it(tmp_path: Path) -> None:
    folder = tiny(tmp_path)
    with serving(app.make(Models([folder], 1, "balanced"))) as api:
        found = api.result(text="the happy bus we saw", language="en", explain=True)
        assert found["polarity"]["label"] == "positive"
        assert [word["adds"] >= 0 for word in found["weighing"]["words"]] == [True] * 5


def test_it_is_evaluated_and_its_card_says_what_it_is(
    made: dict[str, Cell], small_data: Path
) -> None:
    loaded = artifact.load(made["bilstm-attention"].artifact)
    measured = evaluation.measure(loaded, answers.of_every_split(loaded, small_data))
    assert measured["shape"]["family"] == "bilstm-attention"
    assert measured["polarity"]["test"]["served"]["accuracy"] > 0.9
    text = card.write(measured | {"command": "evaluate"}, {})
    assert "with a model of the family bilstm-attention" in text
    assert "A bag of words" not in text
    assert "| `goemotions/train.tsv` |" in text
