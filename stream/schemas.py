"""The JSON Schema of each record, for whoever reads the topics in another language."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel

from stream.dead_letters import DeadLetter
from stream.posts import SCHEMA_VERSION, AuthorDeletion, ClassifiedPost, Deletion, Post

FOLDER = Path(__file__).with_name("json_schemas")

RECORDS: dict[str, type[BaseModel]] = {
    "post": Post,
    "classified-post": ClassifiedPost,
    "deletion": Deletion,
    "author-deletion": AuthorDeletion,
    "dead-letter": DeadLetter,
}


def generate() -> dict[str, dict[str, Any]]:
    """Gives each schema under the name of its file in `stream/json_schemas/`."""
    return {
        f"{name}.v{SCHEMA_VERSION}.json": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **record.model_json_schema(),
        }
        for name, record in RECORDS.items()
    }
