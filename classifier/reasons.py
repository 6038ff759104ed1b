"""What `classify --explain` writes: each text, its labels, and what each token adds to them."""

import math
from collections.abc import Iterator

from classifier.classify import Write, as_line
from classifier.explanation import ATTENTION, EXACT, LEFT_OUT, Explanation
from classifier.prediction import Prediction
from classifier.predictor import Predictor

MOST_SHOWN = 60
"""Tokens that are shown of one text to a person: those that weigh most."""

_METHODS = {
    ATTENTION: "how much the model looked at each word (attention), whatever the label",
    LEFT_OUT: "what the label's logit loses without each word",
}
_WIDTH = 20  # of the longest bar
_TEXT = 160  # characters that are shown of a text


def as_json(predictor: Predictor) -> Write:
    """Writes a line of JSON with an `explanation`: head to what is said of its given labels."""

    def write(text: str, prediction: Prediction) -> bytes:
        explanation = {
            one.head: {
                "tokens": one.tokens,
                "contributions": {label: _short(row) for label, row in one.contributions.items()},
                "empty": {label: round(logit, 4) for label, logit in one.empty.items()},
                "method": one.method,
            }
            for one in _explanations(predictor, text, prediction)
        }
        return as_line(text, prediction, explanation=explanation)

    return write


def as_text(predictor: Predictor) -> Write:
    """Writes a paragraph for a person."""

    def write(text: str, prediction: Prediction) -> bytes:
        shown = "".join(sign if sign.isprintable() else " " for sign in text[:_TEXT])
        lines = [shown + ("…" if len(text) > _TEXT else "")]
        for one in _explanations(predictor, text, prediction):
            for label in one.contributions:
                lines += _paragraph(one, label)
        if prediction.abstained:
            lines.append(f"  {prediction.abstained}")
        return ("\n".join(lines) + "\n\n").encode(errors="replace")

    return write


def _explanations(predictor: Predictor, text: str, prediction: Prediction) -> Iterator[Explanation]:
    """What stands behind every label that the text was given."""
    if prediction.emotions:
        yield predictor.explain(text, "emotion", prediction.emotions)
    if prediction.polarity_label:
        yield predictor.explain(text, "polarity", [prediction.polarity_label])
    if prediction.comment_class == "constructive_feedback":
        yield predictor.explain(text, "suggestion")
    if prediction.topics:
        yield predictor.explain(text, "topic", prediction.topics)


def _paragraph(one: Explanation, label: str) -> list[str]:
    """The sum that makes a label's logit, then the tokens in their order, each with a bar."""
    row = one.contributions[label]
    empty, added = one.empty[label], math.fsum(row)
    lines = [f"  {one.head} {label}: {empty:+.2f} empty {added:+.2f} words = {empty + added:+.2f}"]
    if one.method != EXACT:
        lines = [f"  {one.head} {label}: {_METHODS[one.method]}"]
    ranked = sorted(range(len(row)), key=lambda place: -abs(row[place]))[:MOST_SHOWN]
    most = max((abs(row[place]) for place in ranked), default=0.0) or 1.0
    for place in sorted(ranked):
        bar = ("█" if row[place] > 0 else "░") * round(_WIDTH * abs(row[place]) / most)
        lines.append(f"    {row[place]:+6.2f} {bar:{_WIDTH}} {one.tokens[place]}")
    if len(row) > len(ranked):
        lines.append(f"    and {len(row) - len(ranked)} tokens that weigh less")
    return lines


def _short(row: tuple[float, ...]) -> list[float]:
    return [round(value, 4) for value in row]
