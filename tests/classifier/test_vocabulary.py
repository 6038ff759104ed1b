from pathlib import Path

import pytest

from classifier.vocabulary import Vocabulary

TEXTS = [["not", "so", "good"]] * 4 + [["good", "day"]] * 3 + [["rare"]]


def small() -> Vocabulary:
    return Vocabulary.build(TEXTS, TEXTS, max_words=10, max_phrases=10)


def test_frequent_words_come_first_and_phrases_after_their_parts() -> None:
    assert small().entries == (
        "<unknown>", "good", "not", "so", "day", "not so", "so good", "good day", "not so good",
    )  # fmt: skip
    assert small().words == 5


def test_a_text_gives_its_words_pairs_and_triples_in_order() -> None:
    vocabulary = small()
    ids = vocabulary.ids(["not", "so", "good", "day"])
    assert [vocabulary.entries[number] for number in ids] == [
        "not", "so", "not so", "good", "so good", "not so good", "day", "good day",
    ]  # fmt: skip


def test_an_unknown_word_is_dropped_and_parts_the_phrases_around_it() -> None:
    vocabulary = small()
    assert vocabulary.ids(["not", "very", "so"]) == vocabulary.word_ids(["not", "very", "so"])
    assert vocabulary.ids(["<unknown>", "nowhere"]) == []


def test_the_file_gives_the_same_vocabulary_back(tmp_path: Path) -> None:
    small().save(tmp_path / "vocabulary.txt")
    assert Vocabulary.load(tmp_path / "vocabulary.txt").entries == small().entries


def test_the_order_of_the_corpus_does_not_matter() -> None:
    turned = Vocabulary.build(TEXTS[::-1], TEXTS[::-1], max_words=10, max_phrases=10)
    assert turned.entries == small().entries


@pytest.mark.parametrize(
    ("entries", "complaint"),
    [
        ([], "first entry"),
        (["good"], "first entry"),
        (["<unknown>", "a", "a"], "entry 2 is repeated"),
        (["<unknown>", "a", ""], "entry 2 is empty"),
        (["<unknown>", "a", "a b"], "unknown parts"),
        (["<unknown>", "a", "b", "a a b"], "unknown parts"),
    ],
)
def test_entries_that_make_no_vocabulary_are_refused(entries: list[str], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Vocabulary(entries)
