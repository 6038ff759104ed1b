"""docs/records.md describes every field of every record."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from stream.dead_letters import DeadLetter, Source
from stream.posts import (
    Author,
    AuthorDeletion,
    Classification,
    ClassifiedPost,
    ContextAnnotation,
    Counts,
    Deletion,
    Entity,
    Origin,
    Polarity,
    Post,
)

PAGE = (Path(__file__).parents[2] / "docs" / "records.md").read_text(encoding="utf-8")

SECTIONS: dict[str, list[type[BaseModel]]] = {
    "Post": [Post, Author, Counts, Entity, ContextAnnotation, Origin],
    "Deletion": [Deletion],
    "AuthorDeletion": [AuthorDeletion],
    "ClassifiedPost": [ClassifiedPost, Classification, Polarity],
    "DeadLetter": [DeadLetter, Source],
}


@pytest.mark.parametrize("section", SECTIONS)
def test_every_field_is_in_the_section_of_its_record(section: str) -> None:
    found = re.search(rf"^## {section}$(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert found, f"docs/records.md has no section {section}"
    for record in SECTIONS[section]:
        for field in record.model_fields:
            assert f"`{field}`" in found[1], f"{record.__name__}.{field} is not described"
