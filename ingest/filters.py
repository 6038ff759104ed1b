"""Which posts of a public stream are wanted: by language, words and hashtags."""

import re
import unicodedata
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import dataclass

from ingest import options
from stream.posts import Post


@dataclass(frozen=True)
class Filter:
    """A post passes if its language is one of these, and one of the words or hashtags is in it.

    What is empty asks for nothing.
    """

    languages: frozenset[str] = frozenset()
    """BCP 47 primary subtags in lower case; a post that states no language does not pass."""
    keywords: tuple[tuple[str, re.Pattern[str]], ...] = ()
    hashtags: frozenset[str] = frozenset()
    """In lower case, without #."""

    @classmethod
    def of(
        cls,
        languages: Sequence[str] = (),
        keywords: Sequence[str] = (),
        hashtags: Sequence[str] = (),
    ) -> "Filter":
        """Makes a filter of what a user typed."""
        return cls(
            frozenset(_primary(one) for one in languages),
            tuple((word, _pattern(word)) for word in keywords if word.strip()),
            frozenset(tag.removeprefix("#").casefold() for tag in hashtags),
        )

    def choose(self, post: Post) -> Post | None:
        """Gives the post if it is wanted, with the words and hashtags it was chosen for."""
        if self.languages and _primary(post.language or "") not in self.languages:
            return None
        if not self.keywords and not self.hashtags:
            return post
        words = [word for word, pattern in self.keywords if pattern.search(post.text)]
        tags = [f"#{tag}" for tag in post.hashtags if tag.casefold() in self.hashtags]
        if not words and not tags:
            return None
        rules = tuple(dict.fromkeys([*words, *tags]))
        origin = post.origin.model_copy(update={"rules": rules})
        return post.model_copy(update={"origin": origin})

    def __str__(self) -> str:
        """Says what is wanted, for a person."""
        words = [f"“{word}”" for word, _pattern in self.keywords]
        asked = " or ".join([*words, *(f"#{tag}" for tag in sorted(self.hashtags))])
        said = "posts" + (f" with {asked}" if asked else "")
        return said + (f" in {' or '.join(sorted(self.languages))}" if self.languages else "")


def add_options(parser: ArgumentParser) -> None:
    """Adds the options that a filter is made of."""
    parser.add_argument(
        "--language",
        type=options.wanted_language,
        action="append",
        default=[],
        metavar="CODE",
        help="only posts whose author names this language (`en`) first; may be repeated",
    )
    parser.add_argument(
        "--keyword",
        type=options.keyword,
        action="append",
        default=[],
        metavar="WORDS",
        help="only posts with this word or phrase; with several, or --hashtag, any of them",
    )
    parser.add_argument(
        "--hashtag",
        type=options.hashtag,
        action="append",
        default=[],
        metavar="TAG",
        help="only posts with this hashtag; may be repeated",
    )


def from_options(arguments: Namespace) -> Filter:
    """Makes the filter that was asked for."""
    return Filter.of(arguments.language, arguments.keyword, arguments.hashtag)


def _primary(language: str) -> str:
    return re.split("[-_]", language, maxsplit=1)[0].strip().casefold()


def _pattern(keyword: str) -> re.Pattern[str]:
    """Finds whole words, in any case and with any white space between."""
    words = keyword.split()
    before = r"(?<!\w)" if _is_spaced(words[0][0]) else ""
    after = r"(?!\w)" if _is_spaced(words[-1][-1]) else ""
    return re.compile(before + r"\s+".join(map(re.escape, words)) + after, re.IGNORECASE)


def _is_spaced(character: str) -> bool:
    """Says whether words end where this character does: not in scripts without spaces."""
    return character.isalnum() and unicodedata.east_asian_width(character) not in "WF"
