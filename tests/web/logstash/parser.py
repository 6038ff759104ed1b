"""A parser of Logstash's configuration language, as far as our files use it.

Grammar: https://www.elastic.co/docs/reference/logstash/configuration-file-structure
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

TOKEN = re.compile(
    r'\s+|#[^\n]*|(?P<token>"(?:[^"\\]|\\.)*"|=>|==|!=|=~|[{}\[\](),!]|[\w@.-]+)', re.A
)
SECTIONS = ("input", "filter", "output")


@dataclass
class Plugin:
    """One plugin with its settings; hashes are lists of pairs, since names may repeat."""

    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    repeated: list[tuple[str, Any]] = field(default_factory=list)

    def __getitem__(self, name: str) -> Any:
        return self.settings[name]


@dataclass
class Branch:
    """A condition as it is written, and what is done where it holds; empty: `else`."""

    condition: str
    steps: list[Plugin | Branch]


@dataclass
class Config:
    """A file."""

    sections: dict[str, list[Plugin | Branch]]

    def plugins(self, section: str, name: str) -> list[Plugin]:
        """Gives the plugins of a name, wherever in a section they are."""
        return [one for one in _all(self.sections[section]) if one.name == name]


def _all(steps: list[Plugin | Branch]) -> Iterator[Plugin]:
    for one in steps:
        if isinstance(one, Plugin):
            yield one
        else:
            yield from _all(one.steps)


def parsed(text: str) -> Config:
    """Parses a file; raises ValueError at what is none of the language."""
    reader = _Reader(text)
    sections: dict[str, list[Plugin | Branch]] = {}
    while reader.tokens:
        name = reader.take()
        if name not in SECTIONS:
            raise ValueError(f"a section {name}")
        sections.setdefault(name, []).extend(reader.steps())
    return Config(sections)


class _Reader:
    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        place = 0
        while place < len(text):
            found = TOKEN.match(text, place)
            if found is None:
                raise ValueError(f"at {text[place : place + 20]!r}")
            place = found.end()
            if found["token"]:
                self.tokens.append(found["token"])
        self.tokens.reverse()

    def take(self, wanted: str | None = None) -> str:
        if not self.tokens:
            raise ValueError("the file ends too early")
        token = self.tokens.pop()
        if wanted is not None and token != wanted:
            raise ValueError(f"{token} where {wanted} belongs")
        return token

    def next(self) -> str:
        return self.tokens[-1] if self.tokens else ""

    def steps(self) -> list[Plugin | Branch]:
        found: list[Plugin | Branch] = []
        self.take("{")
        while self.next() != "}":
            name = self.take()
            if name in ("if", "else"):
                condition = []
                while self.next() != "{":
                    condition.append(self.take())
                if (name == "if") != bool(condition) and condition[:1] != ["if"]:
                    raise ValueError(f"{name} {' '.join(condition)}")
                found.append(Branch(" ".join(condition), self.steps()))
            else:
                found.append(self.plugin(name))
        self.take("}")
        return found

    def plugin(self, name: str) -> Plugin:
        plugin = Plugin(name)
        self.take("{")
        while self.next() != "}":
            setting = self.take()
            if not re.fullmatch(r"[a-z_]+", setting):
                raise ValueError(f"a setting {setting}")
            self.take("=>")
            value = self.value()
            plugin.settings[setting] = value
            plugin.repeated.append((setting, value))
        self.take("}")
        return plugin

    def value(self) -> Any:
        token = self.take()
        if token == "[":
            items = []
            while self.next() != "]":
                items.append(self.value())
                if self.next() == ",":
                    self.take()
            self.take("]")
            return items
        if token == "{":
            pairs = []
            while self.next() != "}":
                key = self.value()
                self.take("=>")
                pairs.append((key, self.value()))
            self.take("}")
            return pairs
        if self.next() == "{":
            return self.plugin(token)
        if token.startswith('"'):
            return token[1:-1]
        if not re.fullmatch(r"[\w.-]+", token):
            raise ValueError(f"a value {token}")
        return token
