"""Labels from the hashtags that people put on their own posts: distant supervision.

The hashtag that gave a label is taken out of the text, so that a model trained on it learns from
the words. The method, and how far such labels can be trusted: Mohammad (2012), "#Emotional Tweets",
https://aclanthology.org/S12-1033/.
"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from stream.errors import UserError
from stream.faces import COLOURS
from stream.posts import Post

DEFAULT_LABELS = Path(__file__).parent / "hashtag_labels.toml"
SUGGESTION = "suggestion"
LABELS = frozenset({*COLOURS, SUGGESTION})
"""The 28 emotions, and that a text proposes something."""

_HASHTAG = re.compile(r"(?<![\w&/])[#＃](\w+)")
_SPACES = re.compile(r"[^\S\n]{2,}")
_AT_ENDS = re.compile(r"[^\S\n]+$|^[^\S\n]+", re.MULTILINE)
_GONE = "\0"
"""Marks where a hashtag was."""
_LOOSE = re.compile(
    rf"^(?:[^\S\n]*{_GONE})+[!?.,;…]+|(?:[^\S\n]*{_GONE})+(?=[!?.,;…])", re.MULTILINE
)
"""Hashtags before a punctuation mark: it then follows the word before them, if there is one."""
_NO_WORD = re.compile(r"(?:https?://|www\.)\S+|@[\w.@-]+|[#＃]\w+")
"""Links, mentions and hashtags: with them alone a post says nothing in words."""


class HashtagLabels:
    """Which hashtag gives which label; letter case does not matter."""

    def __init__(self, labels: Mapping[str, str]) -> None:
        self._labels = {tag.casefold(): label for tag, label in labels.items()}

    @classmethod
    def load(cls, file: Path) -> Self:
        """Reads a file of lines `hashtag = "label"`.

        Raises:
            UserError: naming the file, and the hashtag or label that is wrong.
        """
        try:
            labels = tomllib.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise UserError(f"{file}: cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise UserError(f"{file}: is not UTF-8") from None
        except RecursionError:
            raise UserError(f"{file}: nested too deeply") from None
        except tomllib.TOMLDecodeError as error:
            raise UserError(f"{file}: not TOML: {error}") from None
        tags: set[str] = set()
        for tag, label in labels.items():
            if tag.casefold() in tags:
                raise UserError(f"{file}: {tag}: is there twice: letter case does not matter")
            tags.add(tag.casefold())
            if not re.fullmatch(r"\w+", tag):
                raise UserError(f"{file}: {tag}: is no hashtag (write it without #)")
            if not isinstance(label, str) or label not in LABELS:
                raise UserError(f"{file}: {tag}: must be one of the 28 emotions or {SUGGESTION!r}")
        if not labels:
            raise UserError(f'{file}: has no line `hashtag = "label"`')
        return cls(labels)

    def label(self, post: Post) -> Post:
        """Gives the post with `distant_labels` and without the hashtags that gave them.

        A post that would have no words left stays as it is: hashtags, mentions and
        links teach nothing.
        """
        text, labels = self.of_text(post.text)
        if not labels:
            return post
        return post.model_copy(update={"text": text, "distant_labels": labels})

    def of_text(self, text: str) -> tuple[str, tuple[str, ...]]:
        """Gives a text without the hashtags that label it, and the labels; both as `label` does."""
        found = [tag for tag in _HASHTAG.findall(text) if tag.casefold() in self._labels]
        if not found:
            return text, ()
        left = self._without_them(text.replace(_GONE, ""))
        if not re.search(r"\w", _NO_WORD.sub("", left)):
            return text, ()
        return left, tuple(dict.fromkeys(self._labels[tag.casefold()] for tag in found))

    def _without_them(self, text: str) -> str:
        def gone(match: re.Match[str]) -> str:
            return _GONE if match[1].casefold() in self._labels else match[0]

        left = _LOOSE.sub("", _HASHTAG.sub(gone, text)).replace(_GONE, "")
        stripped = _SPACES.sub(" ", left)
        return _AT_ENDS.sub("", stripped).strip()
