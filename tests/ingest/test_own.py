"""Our own records come through as they are, but for the crawl."""

import json
from datetime import timedelta
from typing import Any

import pytest

from stream.codec import encode
from stream.posts import Author, AuthorDeletion, Deletion, Origin, Post
from tests.ingest.doubles import NOW, dead_letters_in, posts_in, read_all

POST: dict[str, Any] = {
    "kind": "post",
    "schema_version": 1,
    "platform": "x",
    "native_id": "5",
    "text": "hello",
    "created_at": "2026-11-14T13:00:00+01:00",
    "observed_at": "2026-11-14T12:05:00Z",
    "author": {"name": "ada"},
    "origin": {"crawl": "another", "query": "soup", "stream": "search"},
}


def line(**change: Any) -> bytes:
    return json.dumps({**POST, **change}).encode()


def test_a_post_keeps_its_observation_and_its_origin_but_takes_our_crawl() -> None:
    (post,) = posts_in(line())
    assert post == Post(
        platform="x",
        native_id="5",
        text="hello",
        created_at=NOW - timedelta(days=6),
        observed_at=NOW - timedelta(days=6) + timedelta(minutes=5),
        author=Author(name="ada"),
        origin=Origin(crawl="c1", query="soup", stream="search"),
    )


def test_a_post_without_observation_and_origin_is_observed_here_and_now() -> None:
    fields = {name: POST[name] for name in POST if name not in ("observed_at", "origin")}
    (post,) = posts_in(json.dumps(fields).encode())
    assert post.observed_at == NOW
    assert post.origin == Origin(crawl="c1", stream="here")


def test_a_deletion_is_a_record_too() -> None:
    fields = {
        "kind": "deletion",
        "platform": "x",
        "native_id": "5",
        "deleted_at": "2026-11-15T00:00:00Z",
    }
    (deletion,) = read_all(json.dumps(fields).encode())
    assert isinstance(deletion, Deletion)
    assert deletion.key == "x:5"
    assert deletion.origin.crawl == "c1"


def test_so_is_the_deletion_of_an_author() -> None:
    made = AuthorDeletion(
        platform="x", author_id="7", deleted_at=NOW, origin=Origin(crawl="c0", stream="there")
    )
    (read,) = read_all(encode(made))
    assert read == made.model_copy(update={"origin": Origin(crawl="c1", stream="there")})
    (letter,) = read_all(encode(made).replace(b'"7"', b'"a\\udc00b"'))
    assert letter == (1, "author_id: has characters that no id can have")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"kind": "classified_post"}, "kind: must be 'post', 'deletion', 'author_deletion'"),
        ({"kind": None}, "kind: must be 'post', 'deletion', 'author_deletion'"),
        ({"native_id": "a\udc00b"}, "native_id: has characters that no id can have"),
        ({"native_id": ""}, "post.native_id: String should have at least 1 character"),
        ({"created_at": None}, "post.created_at: Input should be a valid datetime"),
        ({"created_at": 12}, "created_at: must be an ISO 8601 time in a string"),
        ({"observed_at": "2026-11-14T12:05:00"}, "observed_at: has no time zone"),
        ({"text": ""}, "text: is empty"),
        ({"colour": "red"}, "post.(a field we do not know): Extra inputs are not permitted"),
        ({"origin": 5}, "post.origin: Input should be"),
        ({"origin": {"crawl": "a", "depth": 2}}, "post.origin.(a field we do not know): Extra"),
    ],
)
def test_a_record_that_is_wrong_is_a_dead_letter_that_names_the_field(
    change: dict[str, Any], reason: str
) -> None:
    ((number, said),) = dead_letters_in(line(**change))
    assert number == 1
    assert said.startswith(reason)
