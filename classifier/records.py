"""What the classifier writes of a post: the bytes it read, and what it says spliced around them.

    {"kind":"classified_post","schema_version":1,"post": <as it came>, "classification": {...}, ...}

A collected post was checked when it was read, and is not written anew; where a foreign record has a
key twice, both stay, and our readers take the last. Of what the model says most is numbers of four
decimals: those of all texts are written at once, each in its place of a row of bytes.
`stream.codec.decode_classified` reads from it what `stream.posts` would have made.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cache, lru_cache

import numpy as np
import orjson
from numpy.typing import NDArray

from classifier.comments import comment_class
from classifier.heads import HEADS
from classifier.labelled import Labels
from classifier.prediction import NEGATIVE, POSITIVE, grouped
from classifier.thresholds import ROUNDING
from stream.posts import Entity

FIGURES = np.array([f"{n / ROUNDING:.4f}" for n in range(ROUNDING + 1)], dtype=bytes)
SCORES = np.array([f"{n / ROUNDING:7.4f}" for n in range(-ROUNDING, ROUNDING + 1)], dtype=bytes)
"""Probabilities and scores as they are written, each of one width, so that each has its place."""

SCORE = SCORES.itemsize

GAP = "#"
"""Stands where a character of a number goes; no label has it."""

NAMES = {"emotion": "probabilities", "topic": "topic_probabilities", "suggestion": "suggestion"}
"""Head to the field that holds its numbers."""


def classified_post(
    post: bytes, classification: bytes, found: Sequence[Entity] | None, recogniser: str | None
) -> bytes:
    """A record of `posts.classified`.

    Args:
        post: the JSON of a valid post.
        classification: one that `classifications` gives.
        found: the names that the recogniser found in it; None if it was not asked.
        recogniser: which one it is.
    """
    end = b"}"
    if found is not None:
        named = [one.model_dump(exclude_none=True) for one in found]
        end = b',"entities":%b,"recogniser":%b}' % (orjson.dumps(named), orjson.dumps(recogniser))
    return b'{"kind":"classified_post","schema_version":1,"post":%b,"classification":%b%b' % (
        post, classification, end,
    )  # fmt: skip


def classifications(labels: Labels, model: str, now: datetime) -> Iterator[bytes]:
    """The classification of each text as JSON, as `stream.posts.Classification` reads it.

    Args:
        labels: what the model says of the texts.
        model: its name.
        now: when it was asked.
    """
    ends = orjson.dumps(model), orjson.dumps(now, option=orjson.OPT_UTC_Z)
    end = b',"model":%b,"classified_at":%b}' % ends
    emotions, polarity, suggests = labels.emotions(), labels.polarity(), labels.suggests()
    words = labels.words or [()] * len(emotions)
    told = zip(
        _numbers(labels), emotions, polarity, suggests, labels.topics(), words,
        labels.languages, labels.abstained, strict=True,
    )  # fmt: skip
    for numbers, felt, tone, sure, about, behind, language, why in told:
        decided, other = _decided(felt, tone, sure), _about(about, language, why)
        yield b'{%b%b%b,"words":%b%b' % (numbers, decided, other, orjson.dumps(behind), end)


def _numbers(labels: Labels) -> list[bytes]:
    """All numbers of each text; the object of the polarity, the last, is still open."""
    several = [name for name in ("emotion", "topic", "suggestion") if name in labels.probabilities]
    line, places = _line(tuple(several))
    steps = [
        np.rint(labels.probabilities[name] * ROUNDING).astype(np.intp)
        for name in (*several, "polarity")
    ]
    score = steps[-1][:, POSITIVE] - steps[-1][:, NEGATIVE] + ROUNDING
    texts, width = len(score), len(line)
    rows = np.tile(line, (texts, 1))
    rows[:, places[:-SCORE]] = FIGURES[np.concatenate(steps, 1)].view(np.uint8)
    rows[:, places[-SCORE:]] = SCORES[score[:, None]].view(np.uint8)
    written = rows.tobytes()
    return [written[start : start + width] for start in range(0, texts * width, width)]


@cache
def _line(heads: tuple[str, ...]) -> tuple[NDArray[np.uint8], NDArray[np.intp]]:
    """What is the same in the numbers of every text, and where the digits go."""
    figure = GAP * FIGURES.itemsize

    def named(name: str) -> str:
        return "{" + ",".join(f'"{label}":{figure}' for label in HEADS[name].labels) + "}"

    fields = [
        f'"{NAMES[name]}":{figure if name == "suggestion" else named(name)}' for name in heads
    ]
    tone = f'"polarity":{{"probabilities":{named("polarity")},"score":{GAP * SCORES.itemsize}'
    line = np.frombuffer(",".join((*fields, tone)).encode(), dtype=np.uint8)
    return line, np.flatnonzero(line == ord(GAP))


@lru_cache(maxsize=1 << 14)
def _decided(emotions: tuple[str, ...], polarity: str | None, suggests: bool) -> bytes:
    """What the emotions and the polarity decide; it closes the object of the polarity."""
    primary, ekman, sentiment = grouped(emotions)
    label = b',"label":%b' % orjson.dumps(polarity) if polarity else b""
    return label + b"}" + _fields(
        emotions=emotions,
        primary=primary,
        ekman=ekman,
        sentiment_groups=sentiment,
        comment_class=comment_class(primary, polarity, suggests),
    )  # fmt: skip


@lru_cache(maxsize=1 << 14)
def _about(topics: tuple[str, ...], language: str, abstained: str | None) -> bytes:
    return _fields(topics=topics, language=language, abstained=abstained)


def _fields(**fields: object) -> bytes:
    """Fields of an object that go on after others; None is left out."""
    there = {name: value for name, value in fields.items() if value is not None}
    return b"," + orjson.dumps(there)[1:-1]
