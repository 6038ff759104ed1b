import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.labels import EMOTIONS, POLARITIES
from classifier.predictor import NO_KNOWN_WORD, NO_TEXT, Prediction, Predictor
from tests.classifier.conftest import made_up


@pytest.fixture(scope="module")
def shipped() -> Predictor:
    return Predictor.load()


def sound(prediction: Prediction, predictor: Predictor) -> None:
    """What holds for the prediction of any text."""
    assert tuple(prediction.probabilities) == EMOTIONS
    assert tuple(prediction.polarity.probabilities) == POLARITIES
    numbers = [*prediction.probabilities.values(), *prediction.polarity.probabilities.values()]
    assert all(0.0 <= number <= 1.0 and number == round(number, 4) for number in numbers)
    assert -1.0 <= prediction.polarity.score <= 1.0
    assert prediction.model == predictor.model
    found = [prediction.probabilities[label] for label in prediction.emotions]
    assert found == sorted(found, reverse=True)
    if prediction.abstained:
        assert (prediction.emotions, prediction.primary) == ((), None)
    else:
        felt = [emotion for emotion in prediction.emotions if emotion != "neutral"]
        assert prediction.primary == (felt or ["neutral"])[0]
    label = prediction.polarity.label
    if prediction.abstained in (NO_TEXT, NO_KNOWN_WORD):
        assert label is None
    else:
        assert label is not None
        assert prediction.polarity.probabilities[label] == max(
            prediction.polarity.probabilities.values()
        )


HOSTILE = [
    "", " ", "\n\t", "\x00", "\ud83d", "\udc00\ud800", "\ufeff", "\u200b\u200d", "a\u0301" * 50,
    "\u202e" + "evil", "שלום עולם", "مرحبا", "你好", "😂" * 500, "\U0010ffff", "<unknown>",
    "<caps>", "happy " * 17_000, "x" * 1_000_000, "&" * 100_000, "@" * 100_000, "\u0301" * 100_000,
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_texts_get_sound_predictions(shipped: Predictor, text: str) -> None:
    (prediction,) = shipped.predict([text])
    sound(prediction, shipped)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=[])), max_size=5))
def test_any_texts_get_sound_predictions(shipped: Predictor, texts: list[str]) -> None:
    predictions = shipped.predict(texts)
    assert len(predictions) == len(texts)
    for prediction in predictions:
        sound(prediction, shipped)


def test_a_text_gets_the_same_prediction_alone_and_in_any_batch(shipped: Predictor) -> None:
    draw = random.Random(1)
    words = shipped.artifact.vocabulary.entries
    texts = [" ".join(draw.choices(words, k=draw.randint(0, 40))) for _ in range(2500)]
    alone = [shipped.predict([text])[0] for text in texts[:600]]
    assert shipped.predict(texts)[:600] == alone
    for size in (2, 3, 7, 16, 33, 64, 250):
        for start in range(0, 600, size):
            batch = texts[start : start + size]
            assert shipped.predict(batch)[: 600 - start] == alone[start : start + size]
    order = draw.sample(range(600), 600)
    assert shipped.predict([texts[n] for n in order]) == [alone[n] for n in order]


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", NO_TEXT), ("  \n", NO_TEXT), ("...,", None), ("zzqqxx jjwwkk", NO_KNOWN_WORD)],
)
def test_a_text_without_a_known_word_gets_no_label(
    shipped: Predictor, text: str, reason: str | None
) -> None:
    (prediction,) = shipped.predict([text])
    if reason:
        assert prediction.abstained == reason
    sound(prediction, shipped)


def test_no_texts_get_no_predictions(shipped: Predictor) -> None:
    assert shipped.predict([]) == []


def test_a_small_model_finds_what_it_was_taught(small_run: Path) -> None:
    predictor = Predictor.load(small_run / "artifact")
    rows = [row for row in made_up(99, 200) if row[1] != "neutral"]
    predictions = predictor.predict([text for text, _ in rows])
    right = sum(p.primary == emotion for p, (_, emotion) in zip(predictions, rows, strict=True))
    assert right > 0.95 * len(rows)
    assert all(p.model.startswith("small-1@") for p in predictions)
