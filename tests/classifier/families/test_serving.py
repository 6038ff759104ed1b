"""Models of other families where the bag of embeddings usually stands: predictor, station, API."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier import answers, artifact, card, evaluation, reasons
from classifier.explanation import ATTENTION, EXACT, LEFT_OUT
from classifier.families.pool import Encoded
from classifier.lab.cells import Cell
from classifier.labels import EMOTIONS
from classifier.predictor import NO_TEXT, UNSUPPORTED, Predictor
from tests.classifier.tiny_family import tiny
from tests.web.serving import serving
from web import app, shading
from web.models import Models

ODD = "\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0\u2028\u200b\u0301\ufeff"
"""Signs at which Python parts words, or that the tokeniser leaves out; some are both."""

TONGUES = [None, None, None, "de", None]
TEXTS = ["we saw the happy bus", "they were furious today", "", "der Bus war gestern sehr schön"]


@pytest.fixture(scope="module")
def folder(made: dict[str, Cell]) -> Path:
    """The artifact of layers over embeddings."""
    return made["ann"].artifact


@cache
def loaded(folder: Path) -> Predictor:
    """A predictor, once."""
    return Predictor.load(folder)


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
    named = [f"johnnysmith00 {text} johnnysmith00" for text in texts]
    for one in Predictor.load(made["bilstm-attention"].artifact).predict(named):
        assert "johnnysmith00" not in one.words, "no word that the vocabulary does not have"
    others = Predictor.load(made["transformer"].artifact).predict(texts)
    assert all(one.words == () for one in others)


def test_each_text_that_is_read_goes_through_the_model_once_with_its_words(
    made: dict[str, Cell], monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = Predictor.load(made["bilstm-attention"].artifact)
    assert predictor.other is not None
    model, asked = predictor.other.model, list[str]()
    encode = model.encode  # type: ignore[attr-defined]  # a NeuralModel
    texts = ["the happy bus", "", "we saw the mad bus", "der Bus war gestern sehr schön", "..."]
    alone = [predictor.predict([text], [tag])[0] for text, tag in zip(texts, TONGUES, strict=True)]

    def told(some: Sequence[str]) -> Encoded:
        asked.extend(some)
        found: Encoded = encode(some)
        return found

    monkeypatch.setattr(model, "encode", told)
    said = predictor.predict(texts, TONGUES)
    assert asked == [texts[0], texts[2]], "what is abstained from costs nothing"
    assert [one.fields() for one in said] == [one.fields() for one in alone]
    assert said[0].words
    assert predictor.predict([]) == []


@given(st.lists(st.sampled_from([*"ab.'<3:)#@&;", *ODD, " ", "\n", "happy", "mad"]), max_size=30))
def test_every_text_is_explained_token_by_token(folder: Path, signs: list[str]) -> None:
    predictor, text = loaded(folder), "".join(signs)
    one = predictor.explain(text, "polarity", ["negative"])
    assert one.method == LEFT_OUT
    assert len(one.contributions["negative"]) == len(one.tokens)
    shading.weighed(predictor, text, "joy")


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
        adds = [word["adds"] for word in found["weighing"]["words"]]
        assert len(adds) == 5
        assert sum(adds) == pytest.approx(1, abs=1e-3), "shares of one look at the text"
        assert found["weighing"]["method"] == ATTENTION
        odd = api.result(text="the happy\x1dglad bus", language="en", explain=True)
        assert [word["start"] for word in odd["weighing"]["words"]] == [0, 4, 15]


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
