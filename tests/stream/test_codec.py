"""What is a record and what is not."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.codec import (
    MAX_RECORD,
    decode_classified,
    decode_collected,
    decode_dead_letter,
    encode,
)
from stream.dead_letters import MAX_ORIGINAL, Source, dead_letter
from stream.errors import InvalidRecord
from stream.posts import Deletion, Origin, Post

NOW = datetime(2026, 11, 16, 12, 30, 1, 250000, tzinfo=UTC)


def post(**changes: Any) -> Post:
    fields: dict[str, Any] = {
        "platform": "x",
        "native_id": "1990000000000000001",
        "text": "so happy 😀",
        "created_at": NOW,
        "observed_at": NOW,
        "origin": Origin(crawl="c1"),
    }
    return Post(**(fields | changes))


def line(**changes: Any) -> bytes:
    return json.dumps(json.loads(encode(post())) | changes).encode()


def test_a_post_survives_the_way_through_bytes() -> None:
    one = post(hashtags=("joy",), reply_to="1", language="en", url="https://x.com/a/status/1")
    assert decode_collected(encode(one)) == one


def test_a_deletion_is_told_from_a_post_by_its_kind() -> None:
    gone = Deletion(platform="x", native_id="1", deleted_at=NOW, origin=Origin(crawl="c1"))
    assert decode_collected(encode(gone)) == gone
    assert decode_classified(encode(gone)) == gone
    assert gone.key == "x:1"


def test_times_are_kept_in_utc() -> None:
    moved = decode_collected(line(created_at="2026-11-16T14:30:01.25+02:00"))
    assert isinstance(moved, Post)
    assert moved.created_at == NOW
    assert moved.created_at.utcoffset() == NOW.utcoffset()


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (None, "no value"),
        (b"", "Invalid JSON"),
        (b"{", "Invalid JSON"),
        (b"\xff\xfe", "Invalid JSON"),
        (b"[]", "an object"),
        (b'{"kind": "tweet"}', "kind: must be 'post', 'deletion'"),
        (b"{}", "kind: is missing"),
        (b'{"kind":"post","text":"\\ud83d"}', "Invalid JSON"),
        (b"[" * 100_000, "Invalid JSON"),
        (b" " * (MAX_RECORD + 1), "more than"),
        (line(created_at="2026-11-16T14:30:01"), "created_at"),
        (line(created_at="0001-01-01T00:00:00+14:00"), "outside the years"),
        (line(platform="Twitter!"), "platform"),
        (line(native_id=""), "native_id"),
        (line(schema_version=2), "schema_version"),
        (line(mood="fine"), "a field we do not know"),
        (line(counts={"likes": -1}), "counts.likes"),
    ],
)
@pytest.mark.case(16)
def test_what_is_no_record_is_refused_and_the_field_is_named(
    value: bytes | None, named: str
) -> None:
    with pytest.raises(InvalidRecord, match=named.replace(".", r"\.")):
        decode_collected(value)


@pytest.mark.parametrize(
    "value",
    [
        line(text=["secret words"]),
        b'{"kind": "secret words"}',
        line(counts="secret words"),
        line(language="secret words" * 10),
        line(**{"secret words": 1}),
        line(counts={"secret words": 1}),
    ],
)
def test_a_reason_never_quotes_the_record(value: bytes) -> None:
    with pytest.raises(InvalidRecord) as error:
        decode_collected(value)
    assert "secret" not in str(error.value)


def labelled(**changes: Any) -> bytes:
    """A classified post whose classification, or polarity, is changed."""
    fields = {
        "model": "tiny-1",
        "emotions": [],
        "probabilities": {},
        "polarity": {"score": 0, "probabilities": {}},
        "classified_at": NOW.isoformat(),
    }
    kind = {"kind": "classified_post", "post": json.loads(encode(post()))}
    return json.dumps(kind | {"classification": fields | changes}).encode()


LETTER = dead_letter("test", "receiving", "why", Source(file="f", line=1), b"x")
HEADERS = json.loads(encode(LETTER)) | {"headers": {"secret words": 1}}
BAD = {"secret words": 7}


@pytest.mark.parametrize(
    ("decode", "value", "field"),
    [
        (decode_classified, labelled(probabilities=BAD), "probabilities"),
        (decode_classified, labelled(topic_probabilities=BAD), "topic_probabilities"),
        (
            decode_classified,
            labelled(polarity={"score": 0, "probabilities": BAD}),
            "polarity.probabilities",
        ),
        (decode_dead_letter, json.dumps(HEADERS).encode(), "headers"),
    ],
)
def test_a_reason_never_quotes_a_key_of_the_record(
    decode: Callable[[bytes], Any], value: bytes, field: str
) -> None:
    with pytest.raises(InvalidRecord, match=rf"{field}\.\(a key\): Input should be") as error:
        decode(value)
    assert "secret" not in str(error.value)
    decode_classified(labelled())


@given(st.binary(max_size=300))
@pytest.mark.case(16)
@pytest.mark.case(21)
def test_no_bytes_can_do_more_than_be_refused(value: bytes) -> None:
    for decode in (decode_collected, decode_classified, decode_dead_letter):
        with pytest.raises(InvalidRecord):
            decode(value)


@given(st.binary(max_size=2000))
def test_a_dead_letter_keeps_any_bytes_exactly(original: bytes) -> None:
    letter = dead_letter("test", "receiving", "why", Source(topic="t", offset=1), original)
    assert decode_dead_letter(encode(letter)).original == original


@pytest.mark.case(28)
def test_an_oversized_original_is_cut_and_says_how_big_it_was() -> None:
    letter = dead_letter("test", "receiving", "why", Source(file="f", line=3), b"x" * 2_000_000)
    assert len(letter.original or b"") == MAX_ORIGINAL
    assert letter.original_size == 2_000_000
    assert len(encode(letter)) < 1_000_000


def test_the_same_record_found_twice_makes_the_same_dead_letter_key() -> None:
    keys = {
        dead_letter("s", "sending", why, Source(topic="t", partition=1, offset=7), b"").key
        for why in ("first", "second")
    }
    assert keys == {"s::t-1-7"}
