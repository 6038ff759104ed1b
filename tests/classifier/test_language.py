import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.language import SUPPORTED, UNKNOWN, english_entries, languages, plainly_english
from classifier.text import tokenise
from classifier.vocabulary import Vocabulary

any_text = st.text(st.characters(exclude_categories=[]), max_size=200)  # surrogates included
any_tag = st.none() | st.sampled_from(["en", "de", "und", "zh-Hant"]) | any_text

OTHER_SCRIPTS = frozenset("ru ar hi ja ko zh th el he".split())  # noqa: SIM905
POSTS = Path(__file__).with_name("data") / "languages.tsv"
SENTENCES = Path(__file__).with_name("data") / "sentences.tsv"


def language(text: str, declared: str | None = None) -> str:
    return languages([text], [declared])[0]


def labelled(text: str, declared: str | None = None) -> bool:
    """Whether the classifier would label it: English, or too little to tell."""
    return language(text, declared) in SUPPORTED | {UNKNOWN}


def posts() -> dict[str, list[str]]:
    """Fifteen posts in each of twenty languages, written for this test."""
    found = defaultdict(list)
    for line in POSTS.read_text(encoding="utf-8").splitlines():
        code, text = line.split("\t")
        found[code].append(text)
    return found


def test_posts_in_other_languages_are_not_labelled() -> None:
    for code, texts in posts().items():
        kept = [text for text in texts if labelled(text)]
        assert len(kept) <= (0 if code in OTHER_SCRIPTS else 1), (code, kept)


def test_most_posts_get_the_language_they_are_in() -> None:
    rows = [(code, text) for code, texts in posts().items() for text in texts]
    right = sum(language(text) == code for code, text in rows)
    assert right >= 0.97 * len(rows)


def test_english_sentences_are_english() -> None:
    lines = SENTENCES.read_text(encoding="utf-8").splitlines()
    texts = [line.split("\t")[0] for line in lines]
    assert [text for text in texts if not labelled(text)] == []


@pytest.mark.parametrize(
    "text",
    [
        "omg no", "lol", "wow", "ugh", "hmm", "OK", "yasss queen", "lmaooo dead", "GOOOOOAL",
        "thank u next", "miss u bro", "nah fam", "idk man", "im ded", "wtf bro", "c u l8r",
        "tmrw gonna b lit", "wats ur snap", "ily2", "smh my head", "rip legend",
        "Gud mornin evry1", "teh best moive evar", "recieved teh pakage yestarday", "pls halp",
        "Beyoncé", "Zlatan Ibrahimovic what a goal", "Bayern Munich vs Real Madrid tonight",
        "Happy birthday", "Merry xmas", "Happy Diwali everyone", "resumé sent!",
        "That’s what I’m talking about", "WHY ARE YOU LIKE THIS", "ｓｏ ｖｅｒｙ ｇｏｏｄ",
        "𝓼𝓸 𝓱𝓪𝓹𝓹𝔂 𝓯𝓸𝓻 𝔂𝓸𝓾", "Philippines 😃",
    ],
)  # fmt: skip
def test_short_and_careless_english_is_labelled(text: str) -> None:
    assert labelled(text)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "\n", "...", "12345", "🎉🎉🎉", "❤️", "@joe", "@яна", "https://t.co/abc",
        "#Sonntag", "¯\\_(ツ)_/¯", "ಠ_ಠ", "ㅋㅋㅋ", "\u200b\u200f\u202e", "\ud83d", "\x00\x01",
        "[NAME]", "&amp;",
    ],
)  # fmt: skip
def test_what_says_nothing_of_its_language_is_undetermined(text: str) -> None:
    assert language(text) == UNKNOWN


@pytest.mark.parametrize(
    "text",
    [
        "que sera sera, whatever happens we will be fine",
        "Love you mi amor, see you tonight",
        "I ate so many tacos in Ciudad de México yesterday",
        "привет means hello in Russian, did you know that",
        "ㅋㅋㅋㅋ that was so funny, I can't stop laughing",
        "my teacher wrote 頑張って on my test and I cried",
    ],
)
def test_mostly_english_is_english(text: str) -> None:
    assert language(text) == "en"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Ich bin so happy, das Wetter ist endlich wieder schön", "de"),
        ("昨日の concert は最高だった", "ja"),
        ("сегодня Netflix и пицца", "ru"),
        ("اليوم مباراة كبيرة #RealMadrid @someone https://t.co/abc", "ar"),
    ],
)
def test_mostly_another_language_is_that_language(text: str, code: str) -> None:
    assert language(text) == code


@pytest.mark.parametrize(
    ("declared", "text", "code"),
    [
        # a code for no language, or none at all, says nothing
        *[(tag, "I have never been so happy", "en")
          for tag in (None, "", "und", "zxx", "art", "qst", "qme", "mul", "x-klingon", "😀")],
        *[(tag, "Ich habe heute überhaupt keine Lust", "de") for tag in (None, "und", "qst")],
        # plain words and scripts win over what is declared
        ("nl", "I have never been so happy", "en"),
        ("en", "Сегодня ничего не хочется", "ru"),
        ("uk", "Сьогодні нічого не хочеться", "uk"),
        ("fa", "امروز خیلی خوشحالم", "fa"),
        ("de", "Сегодня ничего не хочется", "ru"),
        # what is declared wins over a doubt
        ("en", "gracias amigo", "en"),
        ("es", "gracias amigo", "es"),
        ("en-GB", "lol", "en"),
        ("tl", "haha", "tl"),
        ("de", "😂😂", "de"),
        # but not over an identifier that is sure
        ("en", "Ich habe heute überhaupt keine Lust auf diese Arbeit", "de"),
        # tags as platforms write them
        ("pt-BR", "kkkkk", "pt"), ("PT_br", "kkkkk", "pt"), ("in", "wkwkwk", "id"),
        ("iw", "😂", "he"),
    ],
)  # fmt: skip
def test_what_the_platform_says_counts_for(declared: str | None, text: str, code: str) -> None:
    assert language(text, declared) == code


@given(st.lists(st.tuples(any_text, any_tag), max_size=20))
def test_every_string_gets_the_same_language_alone_and_in_a_batch(
    rows: list[tuple[str, str | None]],
) -> None:
    together = languages([text for text, _ in rows], [tag for _, tag in rows])
    assert together == [language(text, tag) for text, tag in rows]
    assert all(2 <= len(code) <= 3 and code.isascii() and code.islower() for code in together)


@pytest.mark.parametrize(
    "piece",
    ["a", "ab ", "das ist ", "\u0301\u0323", "\u05b0\u05bc", "&amp;", "#", "@a", "[a", "a'", "é'",
     "\ud83d", "😂", "\u200d", "http://", "ツ", "ñandú "],
)  # fmt: skip
def test_a_megabyte_of_one_thing_gets_a_language(piece: str) -> None:
    assert language(piece * (1_000_000 // len(piece)))


def test_each_text_needs_its_declaration() -> None:
    with pytest.raises(ValueError, match="zip"):
        languages(["a", "b"], [None])


def test_certain_texts_load_no_identifier() -> None:
    code = (
        "import sys; from classifier.language import languages\n"
        "languages(['I have never been so happy', 'lol', 'Спасибо'], [None] * 3)\n"
        "assert 'py3langid' not in sys.modules and 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def plain(texts: list[str]) -> list[bool]:
    vocabulary = Vocabulary.build([tokenise(texts)], max_words=9999, max_phrases=99, min_count=1)
    tokens = tokenise(texts)
    bags = vocabulary.bags(tokens)
    found = english_entries(vocabulary.entries)[bags.ids]
    told = plainly_english(found, bags.offsets, tokens.offsets[1:] - tokens.offsets[:-1])
    return [bool(each) for each in told]


def test_one_look_tells_english_from_all_else() -> None:
    foreign = [text for code, texts in posts().items() for text in texts if code != "en"]
    assert sum(plain(foreign)) <= 0.01 * len(foreign)
    lines = SENTENCES.read_text(encoding="utf-8").splitlines()
    english = [line.split("\t")[0] for line in lines]
    assert sum(plain(english)) >= 0.8 * len(english)


def test_one_look_says_nothing_of_texts_without_words() -> None:
    assert plain(["", "😂😂", "zzyzx", "this is what I know"]) == [False, False, False, True]
