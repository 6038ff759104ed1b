"""docs/queries.md as its readers use it: the questions, each in three forms."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "queries.md"
TEXT = PAGE.read_text(encoding="utf-8")

FENCE = re.compile(r"^```(?P<language>\w+)(?: (?P<use>\w+))?\n(?P<code>.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class Question:
    """One question and how it is asked."""

    title: str
    dev_tools: str
    curl: str
    python: str


def questions() -> list[Question]:
    """Gives every question of the page, in order; one that lacks a form fails."""
    found = []
    for section in re.split(r"^### ", TEXT, flags=re.M)[1:]:
        title, _, rest = section.partition("\n")
        rest = re.split(r"^## ", rest, flags=re.M)[0]
        blocks = [(one["language"], one["code"]) for one in FENCE.finditer(rest)]
        assert [language for language, _code in blocks] == ["console", "sh", "python"], title
        found.append(Question(title, *(code for _language, code in blocks)))
    return found


def prepared(language: str, use: str) -> str:
    """Gives the block under "Before you ask" that is for this language and use."""
    (code,) = (
        one["code"]
        for one in FENCE.finditer(TEXT)
        if (one["language"], one["use"]) == (language, use)
    )
    return code
