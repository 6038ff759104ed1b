"""The part of Kibana's query language that the dashboards use, as queries of Elasticsearch.

expression = term { ("and" | "or") term }     "and" binds closer
term       = "not" term | "(" expression ")" | field ":" ("*" | value) | field ">" number
"""

import re
from dataclasses import dataclass, field
from typing import Any

Query = dict[str, Any]

TOKEN = re.compile(r'\s*(?:(?P<text>"[^"\\]*")|(?P<sign>[():]|[<>]=?)|(?P<word>[^\s():<>"]+))')
BOUNDS = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}
EVERYTHING: Query = {"match_all": {}}


class NotUnderstood(ValueError):
    """The query is not of the part that is known here."""


@dataclass
class Asked:
    """What a query asks, and of which fields."""

    query: Query
    fields: list[str] = field(default_factory=list)


def parse(text: str) -> Asked:
    """Reads a query.

    Raises:
        NotUnderstood: it uses something else of the language, or is wrong.
    """
    if not text.strip():
        return Asked(EVERYTHING)
    reader = _Reader(_tokens(text))
    query = reader.either()
    if reader.left:
        raise NotUnderstood(f"{reader.left[0]!r} was not expected")
    return Asked(query, reader.fields)


def _tokens(text: str) -> list[str]:
    tokens, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if not match:
            raise NotUnderstood(f"not understood from {text[at:]!r} on")
        tokens.append(match[match.lastgroup or 0])
        at = match.end()
    return tokens


class _Reader:
    def __init__(self, tokens: list[str]) -> None:
        self.left = tokens
        self.fields: list[str] = []

    def either(self) -> Query:
        parts = [self._both()]
        while self._next_is("or"):
            parts.append(self._both())
        if len(parts) == 1:
            return parts[0]
        return {"bool": {"should": parts, "minimum_should_match": 1}}

    def _both(self) -> Query:
        parts = [self._term()]
        while self._next_is("and"):
            parts.append(self._term())
        return parts[0] if len(parts) == 1 else {"bool": {"filter": parts}}

    def _term(self) -> Query:
        if self._next_is("not"):
            return {"bool": {"must_not": [self._term()]}}
        if self._next_is("("):
            inner = self.either()
            if not self._next_is(")"):
                raise NotUnderstood("a ) is missing")
            return inner
        name, sign, value = self._take("a field"), self._take("a : or <"), self._take("a value")
        self.fields.append(name)
        return _asked_of(name, sign, value)

    def _next_is(self, word: str) -> bool:
        if self.left and self.left[0].lower() == word:
            self.left.pop(0)
            return True
        return False

    def _take(self, what: str) -> str:
        if not self.left:
            raise NotUnderstood(f"it ends where {what} should follow")
        return self.left.pop(0)


def _asked_of(name: str, sign: str, value: str) -> Query:
    if sign in BOUNDS:
        return {"range": {name: {BOUNDS[sign]: value.strip('"')}}}
    if sign != ":":
        raise NotUnderstood(f"{sign!r} after {name} is no comparison")
    if value == "*":
        return {"exists": {"field": name}}
    return {"match_phrase": {name: value.strip('"')}}
