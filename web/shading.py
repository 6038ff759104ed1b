"""What each word of a text adds to an emotion, by its place in the text as it was written.

The tokeniser folds and replaces, so its tokens have no place in the text. But blanks always part
tokens: the pieces between blanks, split one by one, have the tokens of the whole text, in order.
"""

from typing import Any

from classifier.predictor import Predictor
from classifier.text import CAPS, PIECE, tokenise


def weighed(predictor: Predictor, text: str, emotion: str) -> dict[str, Any]:
    """Gives a `web.asking.Weighing`: what each word adds, or as much as the model can tell."""
    one = predictor.explain(text, "emotion", [emotion])
    row = list(one.contributions[emotion])
    caps = row.pop() if one.tokens[-1:] == (CAPS,) else 0.0
    pieces = list(PIECE.finditer(text))
    offsets = tokenise([piece[0] for piece in pieces]).offsets.tolist() if pieces else [0]
    if offsets[-1] != len(row):
        raise AssertionError(f"{len(row)} tokens in all, {offsets[-1]} in the pieces")
    words = [
        {"start": piece.start(), "end": piece.end(), "adds": round(sum(row[a:b]), 4)}
        for piece, a, b in zip(pieces, offsets, offsets[1:], strict=False)
    ]
    return {
        "emotion": emotion,
        "empty": round(one.empty[emotion], 4),
        "caps": round(caps, 4),
        "words": words,
        "method": one.method,
    }
