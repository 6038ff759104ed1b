import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.signs import END
from classifier.text import names, tokenise

any_text = st.text(st.characters(exclude_categories=[]), max_size=200)  # surrogates included


def tokens(text: str) -> list[str]:
    (found,) = tokenise([text]).strings()
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Fish &amp;amp; chips", ["fish", "chips"]),
        ("@Joe_1 look https://x.com/a?b www.a.b/c", ["<user>", "look", "<url>", "<url>"]),
        ("Sooooo goooood!!!!", ["soo", "good", "!!"]),
        ("#SoHappyToday", ["#", "so", "happy", "today"]),
        ("#throw_back", ["#", "throw", "back"]),
        ("I don’t, dont", ["i", "don't", "dont"]),
        ("'quoted' rock 'n' roll'", ["quoted", "rock", "n", "roll"]),
        ("10/10, 7.50", ["00", "00", "0", "00"]),
        (":-) =) :D <3 :'( ;) :(", [":)", ":)", ":d", "<3", ":'(", ";)", ":("]),
        ("&lt;3 I &quot;love&quot; it", ["<3", "i", '"', "love", '"', "it"]),
        ("hm :/ https://a:/b", ["hm", ":/", "<url>"]),
        ("at 12:30) or 3:30", ["at", "00", "00", "or", "0", "00"]),
        ("great😂😂😂😂", ["great", "😂", "😂"]),
        ("❤️ ❤ ♡ 🤷🏽‍♂️", ["♥", "♥", "♥", "🤷", "♂"]),
        ("[NAME] went, [RELIGION] too", ["<name>", "went", "<religion>", "too"]),
        ("wait... what?! a.b", ["wait", "..", "what", "?!", "a", "b"]),
        ("ｆｕｌｌ 𝓯𝓪𝓷𝓬𝔂", ["full", "fancy"]),
        ("caf\u00e9 cafe\u0301", ["cafe", "cafe"]),
        ("za\u0336l\u0336g\u0336o", ["zalgo"]),
        ("in\u200bvisi\u00adble", ["invisible"]),
        ("half \ud83d a pair 😂", ["half", "a", "pair", "😂"]),
        ("nul\x00byte", ["nulbyte"]),
        (f"two{chr(END)}parts", ["two", "parts"]),
        ("\u202eשלום עולם\u202c", ["שלום", "עולם"]),
        (" \t\n ", []),
        ("., - ()", []),
        ("", []),
    ],
)
def test_a_text_becomes_these_tokens(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


@pytest.mark.parametrize(
    ("text", "shouts"),
    [
        ("WHY ARE you LIKE this", True),
        ("only NASA shouts", False),
        ("OK NO", False),
        ("ÄRGER is not COUNTED", False),
    ],
)
def test_two_words_in_capitals_are_shouting(text: str, shouts: bool) -> None:
    assert tokenise(["quiet", text]).shouts.tolist() == [False, shouts]


@given(st.lists(any_text, max_size=5))
def test_a_text_gives_the_same_tokens_alone_and_among_others(texts: list[str]) -> None:
    together = tokenise(texts)
    assert together.strings() == [tokens(text) for text in texts]
    assert len(together.offsets) == len(texts) + 1
    assert together.offsets[-1] == len(together.names)


@given(any_text)
def test_every_string_is_taken_and_gives_tokens_without_spaces(text: str) -> None:
    found = tokens(text)
    assert all(token and not any(sign.isspace() for sign in token) for token in found)
    assert not any("\ud800" <= sign <= "\udfff" for token in found for sign in token)


@given(any_text)
def test_a_token_has_the_name_of_its_spelling(text: str) -> None:
    found = tokenise([text])
    assert names([one for words in found.strings() for one in words]).tolist() == (
        found.names.tolist()
    )


def test_different_words_have_different_names() -> None:
    words = [a + b + c for a in "abcdefghij" for b in "klmnopqrst" for c in ("", "u", "v", "uv")]
    assert len(set(names(words).tolist())) == len(words)


@pytest.mark.parametrize(
    "piece",
    ["a", "ab ", "\u0301\u0323", "\u05b0\u05bc", "&amp;", "#", "@a", ":", ":)", "[a", "a'", "0.",
     "<", "\ud83d", "😂", "\u200d", "http://", "!?", chr(END)],
)  # fmt: skip
def test_a_megabyte_of_one_thing_is_read_to_the_end(piece: str) -> None:
    start = time.process_time()
    assert tokens(piece * (1_000_000 // len(piece)) + " happy")[-1] == "happy"
    assert time.process_time() - start < 20  # a square of a megabyte would take hours
