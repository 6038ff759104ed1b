"""The model and the document of a line, for the peers' loops: the same labels, the same fields."""

from datetime import UTC, datetime
from typing import Any

from classifier.artifact import SHIPPED
from classifier.predictor import Predictor
from indexer.documents import AnyClassified
from indexer.documents import document as made
from stream.codec import read_classified


def predictor() -> Predictor:
    """Loads the shipped model."""
    return Predictor.load(SHIPPED)


def classified(model: Predictor, post: dict[str, Any]) -> dict[str, Any]:
    """Gives the record of `posts.classified`."""
    (said,) = model.predict([post["text"]], [post.get("language")])
    labels = {**said.fields(), "classified_at": datetime.now(UTC).isoformat()}
    return {
        "kind": "classified_post",
        "schema_version": 1,
        "post": post,
        "classification": labels,
        "entities": [],
    }


def document(value: bytes, now: datetime) -> tuple[str, str, dict[str, Any]]:
    """Gives index, id and fields of a record of `posts.classified`."""
    record = read_classified(value)
    assert isinstance(record, AnyClassified)
    one = made(record, now)
    return one.index, one.id, one.fields
