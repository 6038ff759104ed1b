from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.text import tokenise
from classifier.vocabulary import ALIASES, Vocabulary

TEXTS = ["not so good"] * 4 + ["good day"] * 3 + ["rare"]
WORDS = ["not", "so", "good", "day", "don't", "dont", "rare", "zebra", ",", "GOOD", ":)"]


def small(texts: list[str] = TEXTS) -> Vocabulary:
    return Vocabulary.build([tokenise(texts)], max_words=10, max_phrases=10)


def found(vocabulary: Vocabulary, text: str) -> list[str]:
    bags = vocabulary.bags(tokenise([text]))
    return [vocabulary.entries[number] for number in bags.ids.tolist()]


def test_frequent_words_come_first_and_phrases_after_their_parts() -> None:
    assert small().entries == (
        "<unknown>", "good", "not", "so", "day", "not so", "so good", "good day", "not so good",
    )  # fmt: skip
    assert small().words == 5


def test_a_text_gives_its_words_pairs_and_triples_in_order() -> None:
    bags = small().bags(tokenise(["not so good day"]))
    assert [small().entries[number] for number in bags.ids.tolist()] == [
        "not", "so", "not so", "good", "so good", "not so good", "day", "good day",
    ]  # fmt: skip
    assert bags.last.tolist() == [0, 1, 1, 2, 2, 2, 3, 3]
    assert bags.span.tolist() == [1, 1, 2, 1, 2, 3, 1, 2]


def test_an_unknown_word_is_dropped_and_parts_the_phrases_around_it() -> None:
    assert found(small(), "not very so") == ["not", "so"]
    assert found(small(), "<unknown> nowhere") == []


def test_phrases_do_not_reach_into_the_next_text() -> None:
    bags = small().bags(tokenise(["not so", "", "good day", "nowhere"]))
    assert bags.offsets.tolist() == [0, 3, 3, 6, 6]


def test_another_spelling_counts_as_the_word_it_stands_for() -> None:
    vocabulary = small(["i don't know"] * 3 + ["i dont know"] * 3)
    assert "dont" not in vocabulary.entries
    assert found(vocabulary, "I DONT know") == found(vocabulary, "i don’t know")
    assert "i don't know" in found(vocabulary, "i dont know")


def test_shouting_is_a_word_at_the_end() -> None:
    vocabulary = small([*TEXTS, *["SO VERY GOOD"] * 3])
    bags = vocabulary.bags(tokenise(["SO VERY good", "SO GOOD NOT", "NOT NOW NOT"]))
    last = [vocabulary.entries[bags.ids[end - 1]] for end in bags.offsets[1:]]
    assert last[0] != "<caps>"
    assert last[2] == "<caps>"
    assert bags.span[-1] == 0


def naive(vocabulary: Vocabulary, text: str) -> list[str]:
    """What `bags` must give, word by word."""
    known, given = set(vocabulary.entries), []
    (words,) = tokenise([text]).strings()
    words = [ALIASES.get(word, word) for word in words]
    for end in range(1, len(words) + 1):
        for size in (1, 2, 3):
            phrase = words[end - size : end] if size <= end else []
            if phrase and all(
                " ".join(phrase[: cut + 1]) in known and word in known
                for cut, word in enumerate(phrase)
            ):
                given.append(" ".join(phrase))
    return given


@given(st.lists(st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join), max_size=6))
def test_many_texts_at_once_give_what_each_gives_word_by_word(texts: list[str]) -> None:
    vocabulary = small([*TEXTS, *["don't so good", "good good :)"] * 3])
    bags = vocabulary.bags(tokenise(texts))
    for number, text in enumerate(texts):
        ids = bags.ids[bags.offsets[number] : bags.offsets[number + 1]].tolist()
        assert [vocabulary.entries[each] for each in ids] == naive(vocabulary, text)


def test_the_file_gives_the_same_vocabulary_back(tmp_path: Path) -> None:
    small().save(tmp_path / "vocabulary.txt")
    assert Vocabulary.load(tmp_path / "vocabulary.txt").entries == small().entries


def test_neither_order_nor_parting_of_the_texts_matters() -> None:
    turned = Vocabulary.build(
        [tokenise([text]) for text in TEXTS[::-1]], max_words=10, max_phrases=10
    )
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
        (["<unknown>", "a", "a a", "b"], "out of order"),
    ],
)
def test_entries_that_make_no_vocabulary_are_refused(entries: list[str], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Vocabulary(entries)
