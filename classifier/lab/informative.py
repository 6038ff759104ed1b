"""Which posts teach most if a person labels them: doubtful ones, disputed ones, and no two alike.

Doubt: how near the probability of an emotion is to its threshold (uncertainty sampling: Lewis and
Gale 1994). Dispute: a hashtag says what the model does not. Unlikeness: of the posts with most of
both, one after the other is taken that is unlike those taken before, by the cosine of their bags.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
import torch
from numpy.typing import NDArray

from classifier import repeats
from classifier.lab.quality import bags
from classifier.lab.shapes import Sample
from classifier.labels import EMOTIONS, NEUTRAL
from classifier.predictor import NO_KNOWN_WORD, NO_TEXT, UNSUPPORTED, Predictor
from classifier.text import parts

AT_ONCE = 1024
POOL = 20
"""So many posts are held for each that is taken."""

LEAST_WORDS = 3
_WORDLESS = {NO_TEXT, NO_KNOWN_WORD, UNSUPPORTED}
_FELT = np.array([one != NEUTRAL for one in EMOTIONS])


@dataclass(frozen=True, slots=True)
class Candidate:
    """A post for a person to label, with what the model says of it."""

    post: Sample
    labels: tuple[str, ...]  # the model's, likeliest first
    why: str  # it was chosen
    score: float


def informative(
    posts: Iterable[Sample], model: Predictor, wanted: int, known: frozenset[str]
) -> list[Candidate]:
    """The most informative posts, best first; holds POOL times as many as wanted.

    Args:
        posts: in any number.
        model: its thresholds say where doubt is.
        wanted: how many posts.
        known: keys of texts that are not asked about: labelled, or held out.
    """
    pool: list[tuple[float, int, Candidate]] = []
    seen, numbers = set(known), count()
    for part in parts(posts, AT_ONCE):
        fresh = []
        for one in part:
            key = repeats.key(one.text)
            if key and key not in seen and len(one.text.split()) >= LEAST_WORDS:
                seen.add(key)
                fresh.append(one)
        for each in _judged(fresh, model):
            heapq.heappush(pool, (each.score, -next(numbers), each))
            if len(pool) > POOL * wanted:
                heapq.heappop(pool)
    return _unlike([each for *_, each in sorted(pool, reverse=True)], model, wanted)


def _judged(posts: Sequence[Sample], model: Predictor) -> Iterator[Candidate]:
    said = model.predict([one.text for one in posts], [one.language for one in posts], words=False)
    thresholds = np.array(model.thresholds["emotion"])
    rows = np.array([one.emotion_row for one in said]).reshape(-1, len(EMOTIONS))
    doubts = np.exp(-np.abs(_logit(rows) - _logit(thresholds))) * _FELT * (thresholds < 1)
    for one, prediction, row, doubt in zip(posts, said, rows, doubts, strict=True):
        if prediction.abstained in _WORDLESS:
            continue
        nearest = int(doubt.argmax())
        score = float(doubt[nearest])
        why = f"{EMOTIONS[nearest]} is in doubt"
        tags = [tag for tag in one.distant if tag in EMOTIONS]
        if tags and not set(tags) & set(prediction.emotions):
            score += 1 - max(float(row[EMOTIONS.index(tag)]) for tag in tags)
            why = f"its hashtag said {' and '.join(tags)}"
        yield Candidate(one, prediction.emotions, why, score)


def _unlike(pool: Sequence[Candidate], model: Predictor, wanted: int) -> list[Candidate]:
    """Takes the best, then again and again the best that is unlike what was taken."""
    if not pool:
        return []
    directions = bags(model, [one.post.text for one in pool])
    directions = torch.nn.functional.normalize(directions, dim=1)
    scores = torch.tensor([one.score for one in pool], dtype=torch.float64)
    likest = torch.zeros(len(pool), dtype=torch.float64)
    taken: list[int] = []
    for _ in range(min(wanted, len(pool))):
        place = int((scores - likest).argmax())
        taken.append(place)
        scores[place] = -torch.inf
        likest = torch.maximum(likest, directions @ directions[place])
    return [pool[place] for place in taken]


def _logit(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    inside = probabilities.clip(1e-4, 1 - 1e-4)
    found: NDArray[np.float64] = np.log(inside / (1 - inside))
    return found
