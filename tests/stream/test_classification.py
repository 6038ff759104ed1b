"""What a classified post says, and what an older one does not."""

import json
import math
from typing import Any

import pytest

from stream.codec import decode_classified, encode
from stream.errors import InvalidRecord
from stream.posts import Classification, ClassifiedPost, Polarity
from tests.stream.test_codec import NOW, post

OF_TODAY: dict[str, Any] = {
    "ekman": ["joy", "surprise"],
    "sentiment_groups": ["positive"],
    "words": ["happy", "😀"],
    "suggestion": 0.25,
    "comment_class": "constructive_feedback",
    "topics": ["news_&_social_concern"],
    "topic_probabilities": {"news_&_social_concern": 0.75},
    "language": "en",
}


def classified(**changes: Any) -> ClassifiedPost:
    fields: dict[str, Any] = {
        "model": "tiny-1",
        "emotions": ("joy",),
        "primary": "joy",
        "probabilities": {"joy": 0.9},
        "polarity": Polarity(score=0.5, probabilities={}),
        "classified_at": NOW,
    }
    return ClassifiedPost(post=post(), classification=Classification(**(fields | changes)))


def line(**changes: Any) -> bytes:
    record = json.loads(encode(classified()))
    record["classification"] |= changes
    return json.dumps(record).encode()


def test_all_that_a_classifier_says_survives_the_way_through_bytes() -> None:
    one = classified(**OF_TODAY)
    assert decode_classified(encode(one)) == one
    assert json.loads(encode(one))["classification"].items() >= OF_TODAY.items()


def test_a_record_of_an_older_classifier_is_still_one() -> None:
    older = json.loads(encode(classified()))
    for field in OF_TODAY:
        older["classification"].pop(field, None)
    read = decode_classified(json.dumps(older).encode())
    assert read == classified()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("comment_class", "spam"),
        ("suggestion", 1.5),
        ("suggestion", math.nan),
        ("polarity", {"score": math.nan, "probabilities": {}}),
        ("polarity", {"score": math.inf, "probabilities": {}}),
        ("topic_probabilities", {"gaming": -0.1}),
        ("words", ["one", "two", "three", "four", "five", "six"]),
        ("words", ["a" * 65]),
        ("words", [""]),
        ("language", "en-US"),
        ("language", "EN"),
    ],
)
@pytest.mark.case(19)
def test_a_value_outside_its_bounds_is_named(field: str, value: Any) -> None:
    with pytest.raises(InvalidRecord, match=f"classification.{field}"):
        decode_classified(line(**{field: value}))


def test_a_language_that_nobody_can_tell_is_und() -> None:
    assert classified(language="und").classification.language == "und"
