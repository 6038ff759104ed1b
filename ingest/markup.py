"""The HTML of a status to text: https://docs.joinmastodon.org/spec/activitypub/#sanitization."""

import re
from dataclasses import dataclass
from html.parser import HTMLParser

_BLOCKS = frozenset(
    {"p", "div", "blockquote", "pre", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6"}
)
_LINES = frozenset({"br", "li"})
_UNSEEN = frozenset({"script", "style"})
_QUOTED = "quote-inline"
"""The class of what Mastodon adds for readers that cannot show a quoted status."""


@dataclass(frozen=True, slots=True)
class Markup:
    """What HTML says: its text, and the links in it that are not mentions or hashtags."""

    text: str
    links: tuple[str, ...]

    @classmethod
    def read(cls, html: str) -> "Markup":
        """Reads HTML; what is broken in it is read as far as it goes."""
        reader = _Reader()
        reader.feed(html)
        reader.close()
        lines = (" ".join(line.split()) for line in "".join(reader.parts).split("\n"))
        text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
        return cls(text, tuple(dict.fromkeys(reader.links)))


class _Reader(HTMLParser):
    """Collects text and links.

    Parts of a link that are hidden on the page (`invisible`) belong to its address and are kept.
    """

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.links: list[str] = []
        self._skipped: list[str] = []
        """The elements we are in whose text does not count, outermost first."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        kinds = found.get("class", "").split()
        if self._skipped or tag in _UNSEEN or (_QUOTED in kinds and tag in ("p", "span")):
            if tag not in ("br", "img", "hr"):  # these have no end
                self._skipped.append(tag)
            return
        self._break(tag)
        link = found.get("href", "")
        plain = tag == "a" and not {"mention", "hashtag"} & set(kinds)
        if plain and "tag" not in found.get("rel", "").split() and link.startswith("http"):
            self.links.append(link)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._skipped:
            del self._skipped[self._skipped.index(tag) :]
        elif not self._skipped and tag in _BLOCKS:
            self._break(tag)

    def handle_data(self, data: str) -> None:
        if not self._skipped:
            self.parts.append(data)

    def _break(self, tag: str) -> None:
        if tag in _BLOCKS:
            self.parts.append("\n\n")
        elif tag in _LINES:
            self.parts.append("\n")
