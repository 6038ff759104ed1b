"""A prediction as the API gives it: labels by the asker's thresholds, rounded, in order."""

from collections.abc import Mapping, Sequence
from typing import Any

from classifier.comments import comment_class
from classifier.labels import EMOTIONS
from classifier.prediction import Prediction, grouped
from classifier.predictor import UNSURE, Predictor
from web.asking import Question
from web.shading import weighed


def results(
    question: Question, predictor: Predictor, found: Sequence[Prediction]
) -> list[dict[str, Any]]:
    """Gives a `web.asking.Result` for each text."""
    texts = question.all_texts
    return [_result(question, predictor, *one) for one in zip(texts, found, strict=True)]


def _result(
    question: Question, predictor: Predictor, text: str, found: Prediction
) -> dict[str, Any]:
    emotions = _emotions(question, predictor, found)
    primary, kind = found.primary, found.comment_class
    if emotions is not found.emotions:
        primary = grouped(emotions)[0]
        kind = comment_class(primary, found.polarity_label, kind == "constructive_feedback")
    told: dict[str, Any] = {
        "comment_class": kind,
        "polarity": found.polarity._asdict(),
        "suggestion": found.suggestion,
    }
    if question.view == "comments":
        return told
    probabilities = found.probabilities
    told["emotions"] = [{"label": one, "probability": probabilities[one]} for one in emotions]
    told["primary"] = primary
    told["probabilities"] = probabilities
    told["topics"] = _topics(found)
    told["language"] = found.language
    told["abstained"] = _abstained(found, emotions)
    if question.explain:
        emotion = question.emotion or primary
        told["weighing"] = weighed(predictor, text, emotion) if emotion else None
    return told


def _emotions(question: Question, predictor: Predictor, found: Prediction) -> tuple[str, ...]:
    """The emotions given, likeliest first: the model's own, or as the asker's limits say.

    A text that the model says nothing of gets none, whatever the limits.
    """
    wanted = question.thresholds
    if found.abstained not in (None, UNSURE) or (wanted is None and question.top is None):
        return found.emotions
    row = found.emotion_row
    ranked = sorted(range(len(row)), key=lambda place: -row[place])
    if question.top is not None:
        return tuple(EMOTIONS[place] for place in ranked[: question.top])
    limits: Mapping[str, float] = wanted if isinstance(wanted, dict) else {}
    every = wanted if isinstance(wanted, float) else None
    own = predictor.thresholds["emotion"]
    return tuple(
        EMOTIONS[place]
        for place in ranked
        if row[place] >= limits.get(EMOTIONS[place], own[place] if every is None else every)
    )


def _topics(found: Prediction) -> list[dict[str, Any]]:
    if not found.topics:
        return []
    chances = found.topic_probabilities
    return [{"label": one, "probability": chances[one]} for one in found.topics]


def _abstained(found: Prediction, emotions: tuple[str, ...]) -> str | None:
    if found.abstained not in (None, UNSURE):
        return found.abstained
    return None if emotions else UNSURE
