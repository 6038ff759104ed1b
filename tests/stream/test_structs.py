"""A record read as structs is the record that pydantic reads, or is left to pydantic."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream import structs
from stream.codec import (
    KEYED,
    decode_classified,
    decode_collected,
    encode,
    read_classified,
    read_collected,
)
from stream.errors import InvalidRecord
from stream.posts import Record
from tests.indexer.test_documents import FULL

CORPUS = Path(__file__).parents[1] / "fuzz" / "corpus"
BARE = {
    "kind": "post",
    "platform": "x",
    "native_id": "1",
    "text": "",
    "created_at": "2026-03-14T12:00:00Z",
    "observed_at": "2026-03-14T12:00:01.5Z",
    "origin": {"crawl": "c"},
}
WHOLE = {
    "classified": json.loads(encode(FULL)),
    "collected": json.loads(encode(FULL.post)),
    "bare": BARE,
}
READERS: dict[str, tuple[Callable[[bytes], Any], Callable[[bytes], Any]]] = {
    "classified": (read_classified, decode_classified),
    "collected": (read_collected, decode_collected),
    "bare": (read_collected, decode_collected),
}

SIZES = (0, 1, 5, 6, 32, 33, 35, 36, 64, 65, 512, 513)
LONGER = tuple("x" * size for size in (4096, 4097, 200_000, 200_001))
TIMES = (
    "2026-03-14T12:00:00Z",
    "2026-03-14T12:00:00.123456Z",
    "2026-03-14T12:00:00.123Z",
    "2026-03-14T12:00:00.1234567Z",
    "2026-03-14T12:00:00.123+05Z",
    "2026-03-14T12:00:00+00:00",
    "2026-03-14T12:00:00+02:00",
    "2026-03-14 12:00:00Z",
    "2026-03-14T12:00:00,123456Z",
    "2026-03-14T120000.1Z",
    "2026-W11-6T12:00:00Z",
    "2026-02-30T12:00:00Z",
    "2026-03-14T24:00:00Z",
    "2026-03-14T23:59:60Z",
    "2026-03-14T12:00:00",
    "2026-03-14",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "2002-12-31T23:59:59.999999Z",
    "2003-01-01T00:00:00Z",
    "2026-03-15T12:00:01Z",
    "2026-03-15T12:00:01.500000Z",
    "2026-03-15T12:00:01.500001Z",
    "9999-12-31T23:59:59.999999Z",
    "２026-03-14T12:00:00Z",
    "1773489600",
    1773489600,
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 0.0, -0.0, 1.0, 0.5, 1.0000001, -1.0000001, 5e-324, 1e308),
    *(2**53 + 1, 2**63, 2**64, 10**30, float("nan"), float("inf"), "1", "0.5", "é", "\ud800"),
    *("x\n", "X", "a-b", "en", "EN", "ab1", "e", "abcdefghi", "post", "classified_post", "joy"),
    *("positive", "\0", "�", "😀" * 32, [], {}, [None], ["a"], ["a", 1], [""], ["a"] * 5),
    *(["a"] * 6, {"a": 1}, {"a": 0.5}, {"a": 1.5}, {"": 0}, {"a": None}, {"a": "0.5"}, [{}], "[]"),
    *(("x" * size) for size in SIZES),
    *TIMES,
)
CHANGES = (
    lambda data: data.replace(b'"', b"'", 1),
    lambda data: data[:-1],
    lambda data: b"\xef\xbb\xbf" + data,
    lambda data: b" \n\t" + data + b"\r\n ",
    lambda data: data + b"{}",
    lambda data: data.replace(b"Wow", b"\xff\xfe"),
    lambda data: data.replace(b"Wow", b"\n"),
    lambda data: data.replace(b"Wow", rb"\u00e9 \ud83d\ude00 \/"),
    lambda data: data.replace(b"Wow", rb"\ud83d"),
    lambda data: data.replace(b"Wow", b"\xed\xa0\xbd"),
    lambda data: data.replace(b'"text"', b'"text":"first","text"', 1),
    lambda data: data.replace(b'"text"', b'"text":1,"text"', 1),
    lambda data: data.replace(b'"text"', rb'"te\u0078t"', 1),
    lambda data: data.replace(b":0.2,", b": 0.2000 ,"),
    lambda data: data.replace(b":0.2,", b":00.2,"),
    lambda data: data.replace(b":0.2,", b":.2,"),
    lambda data: data.replace(b":0.2,", b":2e-1,"),
    lambda data: data.replace(b":0.2,", b":1e999,"),
    lambda data: data.replace(b":0.2,", b":0.1234567890123456789012345678901,"),
)


def plain(value: Any) -> Any:
    """A record as dicts, whichever kind it is of; its times stay what they are."""
    if isinstance(value, Record):
        return {name: plain(getattr(value, name)) for name in sorted(type(value).model_fields)}
    if isinstance(value, structs.Record):
        return {
            name: plain(getattr(value, name)) for name in sorted(value.__struct_encode_fields__)
        }
    if isinstance(value, tuple):
        return tuple(plain(one) for one in value)
    return value


def outcome(read: Callable[[bytes], Any], data: bytes) -> Any:
    try:
        return plain(read(data))
    except InvalidRecord as error:
        return str(error)


def compare(kind: str, data: bytes) -> None:
    read, decode = READERS[kind]
    # repr: 1 and 1.0 and True are not the same here, nor are times of other zones.
    assert repr(outcome(read, data)) == repr(outcome(decode, data)), data[:3000]


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if way:
        yield way
    inner: list[tuple[Any, Any]] = list(value.items()) if isinstance(value, dict) else []
    if isinstance(value, list):
        inner = list(enumerate(value[:1]))
    keyed = bool(way) and way[-1] in KEYED  # any key is as good as any other
    for name, one in inner[: 1 if keyed else None]:
        yield from places(one, (*way, name))


def changed(value: Any, way: tuple[Any, ...], to: Any) -> bytes:
    copy = json.loads(json.dumps(value))
    there = copy
    for step in way[:-1]:
        there = there[step]
    if to is ...:
        del there[way[-1]]
    else:
        there[way[-1]] = to
    return json.dumps(copy, ensure_ascii=False).encode(errors="surrogatepass")


@pytest.mark.parametrize("kind", WHOLE)
def test_every_field_with_any_value_comes_out_as_from_pydantic(kind: str) -> None:
    for way in places(WHOLE[kind]):
        if way[0] == "post" and len(way) > 1:
            continue  # as those of a collected post
        long = LONGER if way[-1] in ("text", "url", "query") else ()
        for value in (*VALUES, *long, ...):
            compare(kind, changed(WHOLE[kind], way, value))
    compare(kind, changed(WHOLE[kind], ("unknown",), 1))


@pytest.mark.parametrize("change", CHANGES)
def test_json_that_is_written_in_another_way_comes_out_as_from_pydantic(change: Any) -> None:
    for kind, value in WHOLE.items():
        compare(kind, change(json.dumps(value, separators=(",", ":")).encode()))


def test_every_input_of_the_fuzzer_comes_out_as_from_pydantic() -> None:
    for kind in ("classified", "collected"):
        for file in (CORPUS / kind).iterdir():
            compare(kind, file.read_bytes())


@given(st.data())
def test_several_changes_at_once_come_out_as_from_pydantic(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(WHOLE)))
    ways = list(places(WHOLE[kind]))
    value = WHOLE[kind]
    for way in data.draw(
        st.lists(st.sampled_from(ways), max_size=3, unique_by=lambda one: one[:1])
    ):
        to = data.draw(st.sampled_from(VALUES) | st.text() | st.floats() | st.integers())
        value = json.loads(changed(value, way, to))
    compare(kind, json.dumps(value).encode())


@pytest.mark.parametrize("kind", ["classified", "collected"])
def test_what_we_write_is_read_as_structs(kind: str) -> None:
    record = FULL if kind == "classified" else FULL.post
    read, _decode = READERS[kind]
    assert isinstance(read(encode(record)), structs.Record)
    at = FULL.post.model_copy(
        update={"observed_at": datetime(2026, 3, 15, microsecond=1, tzinfo=UTC)}
    )
    assert isinstance(read_collected(encode(at)), structs.Record)
