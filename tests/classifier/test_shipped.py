"""The artifact in the repository: what it claims, and that it makes sense on texts of our own."""

import json
from pathlib import Path

import pytest

from classifier import artifact
from classifier.artifact import SHIPPED
from classifier.labels import EMOTIONS
from classifier.predictor import Predictor

SENTENCES = Path(__file__).parent / "data" / "sentences.tsv"


def rows() -> list[tuple[str, set[str], str]]:
    """Text, the emotions one may find in it, and its polarity where it is plain."""
    lines = SENTENCES.read_text(encoding="utf-8").rstrip("\n").split("\n")
    return [(text, set(e.split()), p) for text, e, p in (line.split("\t") for line in lines)]


def test_it_is_small() -> None:
    assert sum(path.stat().st_size for path in SHIPPED.rglob("*") if path.is_file()) < 25_000_000


def test_its_metrics_state_the_floor_and_are_those_of_these_weights() -> None:
    metrics = json.loads((SHIPPED / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["model"] == artifact.load(SHIPPED).model
    test = metrics["emotion"]["test"]
    assert test["texts"] == 5427
    assert test["macro_f1"] >= 0.47
    by_label = [test["labels"][label]["f1"] for label in EMOTIONS]
    assert sum(by_label) / len(by_label) == pytest.approx(test["macro_f1"], abs=1e-4)
    assert metrics["polarity"]["test"]["texts"] == 12284
    assert metrics["polarity"]["test"]["macro_recall"] >= 0.66


def test_its_card_states_the_same_numbers() -> None:
    metrics = json.loads((SHIPPED / "metrics.json").read_text(encoding="utf-8"))
    card = (SHIPPED / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert f"{metrics['emotion']['test']['macro_f1']:.4f}" in card
    assert f"{metrics['polarity']['test']['macro_recall']:.4f}" in card
    assert metrics["model"] in card
    assert all(path in card for path in metrics["training"]["data"])


def test_it_finds_the_plain_emotions_of_sentences_it_never_saw() -> None:
    predictions = Predictor.load().predict([text for text, _, _ in rows()])
    right = [p.primary in e for p, (_, e, _) in zip(predictions, rows(), strict=True)]
    assert sum(right) >= 0.8 * len(right)


def test_it_finds_the_polarity_of_sentences_it_never_saw() -> None:
    predictions = Predictor.load().predict([text for text, _, _ in rows()])
    right = [
        p.polarity.label == polarity
        for p, (_, _, polarity) in zip(predictions, rows(), strict=True)
        if polarity
    ]
    assert sum(right) >= 0.7 * len(right)


def test_all_28_emotions_are_among_the_sentences() -> None:
    assert set.union(*(emotions for _, emotions, _ in rows())) == set(EMOTIONS)


@pytest.mark.parametrize(
    ("text", "primary", "polarity"),
    [
        ("I love this so much, thank you!", {"gratitude", "love"}, "positive"),
        ("LOL that is hilarious", {"amusement"}, "positive"),
        ("I'm so angry, I hate this", {"anger"}, "negative"),
        ("so nervous about tomorrow", {"nervousness"}, "negative"),
        ("sorry, I apologize", {"remorse"}, None),
        ("I wonder how does it work?", {"curiosity"}, None),
    ],
)
def test_plain_texts_get_plain_answers(text: str, primary: set[str], polarity: str | None) -> None:
    (prediction,) = Predictor.load().predict([text])
    assert prediction.primary in primary
    assert prediction.primary in prediction.emotions
    assert polarity is None or prediction.polarity.label == polarity
