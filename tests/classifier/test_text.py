import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.text import key, normalise, tokenise

any_text = st.text(st.characters(exclude_categories=[]), max_size=200)  # surrogates included


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Fish &amp;amp; chips", ["fish", "chips"]),
        ("@Joe_1 look https://x.com/a?b", ["@user", "look", "http"]),
        ("Sooooo goooood!!!!", ["so", "good", "!!"]),
        ("#SoHappyToday", ["#", "so", "happy", "today"]),
        ("#throw_back", ["#", "throw", "back"]),
        ("I don’t, dont", ["i", "don't", "don't"]),
        ("10/10, 1.000,50", ["0", "0", "0"]),
        (":-) =) :D <3 :'( ;)", [":)", ":)", ":d", "<3", ":(", ";)"]),
        ("hm :/ https://a:/b", ["hm", ":/", "http"]),
        ("great😂😂😂😂", ["great", "😂", "😂"]),
        ("❤️ ❤ 🤷🏽‍♂️", ["♥", "♥", "🤷"]),
        ("[NAME] went", ["[name]", "went"]),
        ("WHY ARE you LIKE this", ["why", "are", "you", "like", "this", "<caps>"]),
        ("only NASA shouts", ["only", "nasa", "shouts"]),
        ("ｆｕｌｌ 𝓯𝓪𝓷𝓬𝔂", ["full", "fancy"]),
        ("za\u0336l\u0336g\u0336o", ["zalgo"]),
        ("in\u200bvisi\u00adble", ["invisible"]),
        ("half \ud83d a pair \ud83d\ude02", ["half", "�", "a", "pair", "😂"]),
        ("nul\x00byte", ["nul", "byte"]),
        ("\u202eשלום עולם\u202c", ["שלום", "עולם"]),
        (" \t\n ", []),
        ("., - ()", []),
    ],
)
def test_a_text_becomes_these_tokens(text: str, tokens: list[str]) -> None:
    assert tokenise(text) == tokens


@given(any_text)
def test_every_string_is_taken_and_gives_tokens_without_spaces(text: str) -> None:
    tokens = tokenise(text)
    assert all(token and not any(sign.isspace() for sign in token) for token in tokens)
    assert not any("\ud800" <= sign <= "\udfff" for token in tokens for sign in token)


@given(any_text)
def test_what_is_around_a_text_does_not_change_it(text: str) -> None:
    assert tokenise(f"  {text}\n") == tokenise(text)


@pytest.mark.parametrize(
    "piece",
    ["a", "ab ", "\u0301\u0323", "\u05b0\u05bc", "&amp;", "#", "@a", ":", "[a", "a'", "0.", "<",
     "\ud83d", "😂", "\u200d", "http://", "!?"],
)  # fmt: skip
def test_a_megabyte_of_one_thing_is_read_to_the_end(piece: str) -> None:
    tokens = tokenise(piece * (1_000_000 // len(piece)) + " happy")
    assert tokens[-1] == "happy"


def test_keys_are_equal_for_texts_that_only_differ_in_dress() -> None:
    assert key("I don’t KNOW,  http://a.b") == key("i dont know http://c.d/e")
    assert key("I know") != key("I don't know")


def test_normalised_text_is_one_case() -> None:
    assert normalise("ÀÉ ÖÜ") == "àé öü"
