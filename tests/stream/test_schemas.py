"""The committed JSON Schemas are those of the code."""

import json

import jsonschema
import pytest

from stream import schemas
from stream.codec import encode
from stream.posts import Deletion, Origin
from tests.stream.test_codec import NOW, post


@pytest.mark.parametrize("name", schemas.generate())
def test_a_committed_schema_is_up_to_date(name: str) -> None:
    committed = json.loads((schemas.FOLDER / name).read_text(encoding="utf-8"))
    assert committed == schemas.generate()[name], "run `python -m stream schemas`"


def test_no_other_schema_is_committed() -> None:
    assert {path.name for path in schemas.FOLDER.iterdir()} == set(schemas.generate())


@pytest.mark.parametrize("record", [post(), post(hashtags=("a",), reply_to="3")])
def test_an_encoded_post_fits_its_schema(record: object) -> None:
    schema = schemas.generate()["post.v1.json"]
    jsonschema.validate(json.loads(encode(post())), schema)


def test_an_encoded_deletion_fits_its_schema() -> None:
    gone = Deletion(platform="x", native_id="1", deleted_at=NOW, origin=Origin(crawl="c1"))
    jsonschema.validate(json.loads(encode(gone)), schemas.generate()["deletion.v1.json"])
