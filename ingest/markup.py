"""The HTML of a status to text: https://docs.joinmastodon.org/spec/activitypub/#sanitization.

Read with patterns that look at no character twice: a reader of all of HTML takes time that grows
with the square of what never ends (`<a <a <a`), and anyone may run an instance.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from stream.references import unescape

_BLOCKS = frozenset(
    {"p", "div", "blockquote", "pre", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6"}
)
_LINES = frozenset({"br", "li"})
_UNSEEN = frozenset({"script", "style"})
_EMPTY = frozenset({"br", "img", "hr"})
"""Elements without an end."""
_QUOTED = "quote-inline"
"""The class of what Mastodon adds for readers that cannot show a quoted status."""
_DEEPEST = 50
"""Elements within one that is skipped; a status has a few."""

_MARK = re.compile(
    r"<!--.*?(?:-->|\Z)|<[!?][^<>]*+>|<(?P<end>/?)(?P<tag>[a-zA-Z][a-zA-Z0-9]*+)(?P<rest>[^<>]*+)>",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(r"""(?<![\w-])([a-zA-Z-]++)=(?:"([^"]*)"|'([^']*)'|([^\s"'>]++))""")


@dataclass(frozen=True, slots=True)
class Markup:
    """What HTML says: its text, and the links in it that are not mentions or hashtags."""

    text: str
    links: tuple[str, ...]

    @classmethod
    def read(cls, html: str) -> "Markup":
        """Reads HTML; what is broken in it is read as text."""
        reader = _Reader()
        for piece in _pieces(html):
            reader.take(piece)
        lines = (" ".join(line.split()) for line in "".join(reader.parts).split("\n"))
        text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
        return cls(text, tuple(dict.fromkeys(reader.links)))


def _pieces(html: str) -> Iterator[str | re.Match[str]]:
    """Parts HTML into text and marks."""
    read = 0
    for mark in _MARK.finditer(html):
        if mark.start() > read:
            yield html[read : mark.start()]
        yield mark
        read = mark.end()
    if read < len(html):
        yield html[read:]


class _Reader:
    """Collects text and links.

    Parts of a link that are hidden on the page (`invisible`) belong to its address and are kept.
    """

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.links: list[str] = []
        self._skipped: list[str] = []
        """The elements we are in whose text does not count, outermost first."""

    def take(self, piece: str | re.Match[str]) -> None:
        """Takes a text or a mark."""
        if isinstance(piece, str):
            if not self._skipped:
                self.parts.append(unescape(piece))
        elif not piece["tag"]:
            return
        elif piece["end"]:
            self._end(piece["tag"].lower())
        else:
            self._start(piece["tag"].lower(), piece["rest"])

    def _start(self, tag: str, rest: str) -> None:
        found = _attributes(rest)
        kinds = found.get("class", "").split()
        if self._skipped or tag in _UNSEEN or (_QUOTED in kinds and tag in ("p", "span")):
            if tag not in _EMPTY and len(self._skipped) < _DEEPEST:
                self._skipped.append(tag)
            return
        self._break(tag)
        link = found.get("href", "")
        plain = tag == "a" and not {"mention", "hashtag"} & set(kinds)
        if plain and "tag" not in found.get("rel", "").split() and link.startswith("http"):
            self.links.append(link)

    def _end(self, tag: str) -> None:
        if tag in self._skipped:
            del self._skipped[self._skipped.index(tag) :]
        elif not self._skipped and tag in _BLOCKS:
            self._break(tag)

    def _break(self, tag: str) -> None:
        if tag in _BLOCKS:
            self.parts.append("\n\n")
        elif tag in _LINES:
            self.parts.append("\n")


def _attributes(rest: str) -> dict[str, str]:
    return {
        one[1].lower(): unescape(one[2] or one[3] or one[4] or "")
        for one in _ATTRIBUTE.finditer(rest)
    }
