"""Filters choose posts by language, words and hashtags, and say which chose."""

from argparse import ArgumentParser

import pytest

from ingest.filters import Filter, add_options, from_options
from stream.posts import Origin, Post
from tests.ingest.doubles import NOW


def post(text: str, language: str | None = "en", hashtags: tuple[str, ...] = ()) -> Post:
    return Post(
        platform="bluesky",
        native_id="1",
        text=text,
        created_at=NOW,
        observed_at=NOW,
        language=language,
        hashtags=hashtags,
        origin=Origin(crawl="c1"),
    )


def test_without_a_wish_every_post_passes_unchanged() -> None:
    plain = post("hello", None)
    assert Filter.of().choose(plain) is plain


@pytest.mark.parametrize(
    ("language", "passes"),
    [("en", True), ("en-GB", True), ("EN", True), ("eng", False), ("de", False), (None, False)],
)
def test_a_language_is_told_by_its_primary_subtag(language: str | None, passes: bool) -> None:
    assert (Filter.of(languages=["en"]).choose(post("hello", language)) is not None) is passes


@pytest.mark.parametrize(
    ("keyword", "text", "passes"),
    [
        ("happy", "So HAPPY!", True),
        ("happy", "unhappy", False),
        ("happy", "happyish", False),
        ("new  year", "a new\nyear", True),
        ("new year", "a new, year", False),
        ("c++", "I like c++!", True),
        ("嬉しい", "とても嬉しいです", True),
        ("straße", "in der Straße.", True),
    ],
)
def test_a_keyword_is_found_as_a_whole_word_or_phrase(
    keyword: str, text: str, passes: bool
) -> None:
    assert (Filter.of(keywords=[keyword]).choose(post(text)) is not None) is passes


def test_a_post_carries_the_words_and_hashtags_that_chose_it() -> None:
    chosen = Filter.of(["en"], ["tea", "milk"], ["#Coffee"]).choose(
        post("tea, then coffee", hashtags=("COFFEE", "cake"))
    )
    assert chosen is not None
    assert chosen.origin.rules == ("tea", "#COFFEE")


def test_language_and_words_must_both_fit() -> None:
    wanted = Filter.of(["en"], ["tea"])
    assert wanted.choose(post("tea", "de")) is None
    assert wanted.choose(post("coffee", "en")) is None


def test_a_filter_says_what_it_asks_for() -> None:
    assert str(Filter.of()) == "posts"
    assert (
        str(Filter.of(["en", "de"], ["new year"], ["Joy"]))
        == "posts with “new year” or #joy in de or en"
    )


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--language", "english", "english: must be a language's code, as en, de or pt-BR"),
        ("--language", "", "must be a language's code"),
        ("--keyword", " ", "must be a word or a phrase"),
        ("--hashtag", "#", "must be a hashtag, as joy or #joy"),
    ],
)
def test_what_would_choose_nothing_or_everything_is_refused(
    option: str, value: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = ArgumentParser()
    add_options(parser)
    with pytest.raises(SystemExit):
        parser.parse_args([option, value])
    assert said in capsys.readouterr().err


def test_languages_with_a_region_are_taken() -> None:
    parser = ArgumentParser()
    add_options(parser)
    given = parser.parse_args(["--language", "pt-BR", "--language", "en_GB", "--language", "fil"])
    assert from_options(given).languages == {"pt", "en", "fil"}
