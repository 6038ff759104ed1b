"""What the model says of one text, and in which order its labels come."""

from functools import lru_cache
from typing import Any, NamedTuple

from classifier.labels import EKMAN, EMOTIONS, NEUTRAL, POLARITIES, SENTIMENT, TOPICS
from stream.posts import CommentClass

NEGATIVE, POSITIVE = POLARITIES.index("negative"), POLARITIES.index("positive")


class PolarityPrediction(NamedTuple):
    """How positive a text is."""

    label: str | None  # null where the classifier abstained
    score: float  # p(positive) - p(negative), from -1 to 1
    probabilities: dict[str, float]


class Prediction(NamedTuple):
    """What the model says of one text; probabilities have four decimals.

    Probabilities are rows in the order of the label sets; the dicts are made when asked for.
    """

    emotions: tuple[str, ...]  # at or above their thresholds, likeliest first
    primary: str | None  # the likeliest of them that is not neutral, else neutral, else null
    ekman: tuple[str, ...]  # Ekman groups of the emotions, likeliest first
    sentiment_groups: tuple[str, ...]  # GoEmotions sentiment groups, likeliest first
    words: tuple[
        str, ...
    ]  # up to five that weigh most for primary; none of neutral, or if not asked for
    emotion_row: list[float]
    polarity_label: str | None  # null where the classifier abstained
    polarity_row: list[float]
    suggestion: float | None  # that the text proposes something; null if the model has no such head
    comment_class: CommentClass | None
    topics: tuple[str, ...]  # at or above their thresholds, likeliest first
    topic_row: list[float]  # empty if the model has no such head
    language: str  # BCP 47 primary subtag, or und
    abstained: str | None  # why nothing is said, where nothing is said
    model: str

    @property
    def probabilities(self) -> dict[str, float]:
        """Emotion to probability."""
        return dict(zip(EMOTIONS, self.emotion_row, strict=True))

    @property
    def topic_probabilities(self) -> dict[str, float]:
        """Topic domain to probability; empty if the model has no such head."""
        return dict(zip(TOPICS, self.topic_row, strict=True)) if self.topic_row else {}

    @property
    def polarity(self) -> PolarityPrediction:
        """The polarity with its score and probabilities."""
        row = self.polarity_row
        return PolarityPrediction(
            self.polarity_label,
            round(row[POSITIVE] - row[NEGATIVE], 4),
            dict(zip(POLARITIES, row, strict=True)),
        )

    def fields(self) -> dict[str, Any]:
        """All of it under the names of `stream.posts.Classification`."""
        return {
            "emotions": self.emotions,
            "primary": self.primary,
            "probabilities": self.probabilities,
            "ekman": self.ekman,
            "sentiment_groups": self.sentiment_groups,
            "words": self.words,
            "polarity": self.polarity._asdict(),
            "suggestion": self.suggestion,
            "comment_class": self.comment_class,
            "topics": self.topics,
            "topic_probabilities": self.topic_probabilities,
            "language": self.language,
            "abstained": self.abstained,
            "model": self.model,
        }


@lru_cache(maxsize=1 << 16)
def grouped(emotions: tuple[str, ...]) -> tuple[str | None, tuple[str, ...], tuple[str, ...]]:
    """Primary emotion, Ekman groups and sentiment groups of emotions, likeliest first."""
    primary = next((one for one in emotions if one != NEUTRAL), NEUTRAL if emotions else None)
    return (
        primary,
        tuple(dict.fromkeys(EKMAN[one] for one in emotions)),
        tuple(dict.fromkeys(SENTIMENT[one] for one in emotions)),
    )
