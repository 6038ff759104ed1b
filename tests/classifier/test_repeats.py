import pytest

from classifier.repeats import key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("I don’t KNOW,  http://a.b", "i dont know http://c.d/e"),
        ("@joe so   good!!!", "so good"),
        ("this &amp;amp; that 😂", "This that"),
    ],
)
def test_keys_are_equal_for_texts_that_only_differ_in_dress(one: str, other: str) -> None:
    assert key(one) == key(other) != ""


def test_keys_differ_where_words_do() -> None:
    assert key("I know") != key("I don't know")


@pytest.mark.parametrize("text", ["", "😂😂", "?!", "@joe http://a.b"])
def test_signs_alone_have_no_key(text: str) -> None:
    assert key(text) == ""
