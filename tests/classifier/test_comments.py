import pytest

from classifier.comments import comment_class


@pytest.mark.parametrize(
    ("primary", "polarity", "suggests", "expected"),
    [
        ("joy", "positive", False, "positive"),
        ("anger", "negative", False, "negative"),
        ("neutral", "neutral", False, "neutral"),
        (None, "neutral", False, "neutral"),
        ("sadness", "negative", False, "sadness"),
        ("grief", "neutral", False, "sadness"),
        ("sadness", "positive", False, "positive"),
        ("disappointment", "negative", False, "negative"),
        ("remorse", "negative", False, "negative"),
        ("sadness", "negative", True, "constructive_feedback"),
        ("love", "positive", True, "constructive_feedback"),
        (None, None, False, None),
        (None, None, True, None),
    ],
)
def test_the_class_follows_from_the_other_labels(
    primary: str | None, polarity: str | None, suggests: bool, expected: str | None
) -> None:
    assert comment_class(primary, polarity, suggests) == expected
