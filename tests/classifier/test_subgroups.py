import pytest
import torch

from classifier.labels import EMOTIONS
from classifier.scores import micro_f1, one_hot
from classifier.subgroups import SUBGROUPS, by_subgroup, hostility


@pytest.mark.parametrize(
    ("text", "belongs"),
    [
        ("I don't know", "with a negation"),
        ("I DON’T know", "with a negation"),
        ("a note about knots", "without a negation"),
        ("nice 😂", "with an emoji"),
        ("I ♥ it ☀", "with an emoji"),
        ("nice :)", "without an emoji"),
        ("thank you [NAME]", "with a masked name"),
        ("thank you @user", "with a masked name"),
        ("two Muslims and a woman", "with a group word"),
        ("the manager blacked out", "without a group word"),
        ("one two three four five six", "6 to 10 words"),
        ("", "1 to 5 words"),
        ("word " * 21, "more than 20 words"),
    ],
)
def test_a_text_belongs_to_the_parts_it_should(text: str, belongs: str) -> None:
    assert SUBGROUPS[belongs](text)


def test_every_text_is_of_one_length_and_with_or_without_each_thing() -> None:
    for text in ("", "no 😂 [NAME] woman", "a " * 8, "b " * 15, "c " * 40):
        assert sum(belongs(text) for belongs in SUBGROUPS.values()) == 5


def test_each_part_is_scored_by_itself() -> None:
    texts = ("not good", "good", "good too", "never 😂")
    right = one_hot([(0,), (1,), (1,), (0,)], 2)
    given = one_hot([(1,), (1,), (1,), (0,)], 2)
    found = by_subgroup(texts, given, right, "micro_f1", micro_f1)
    assert found["with a negation"]["texts"] == 2
    assert found["with a negation"]["micro_f1"] == 0.5
    assert found["without a negation"]["micro_f1"] == 1.0
    assert "more than 20 words" not in found


def test_hostility_counts_neutral_texts_given_a_hostile_emotion() -> None:
    neutral, anger, joy = (EMOTIONS.index(name) for name in ("neutral", "anger", "joy"))
    texts = ("a woman", "a woman again", "a bus", "a bus again", "an angry man", "another man")
    right = one_hot([(neutral,), (neutral,), (neutral,), (neutral,), (anger,), (neutral, joy)], 28)
    given = one_hot([(anger,), (joy,), (neutral,), (neutral,), (anger,), (anger,)], 28)
    found = hostility(texts, given, right)
    assert found["with a group word"]["texts"] == found["without a group word"]["texts"] == 2
    assert found["with a group word"]["rate"] == 0.5
    assert found["without a group word"]["rate"] == 0.0
    assert found["with a group word"]["rate_interval"] == [0.0, 1.0]
    assert hostility(("a bus",), torch.zeros(1, 28), one_hot([(joy,)], 28)) == {}
