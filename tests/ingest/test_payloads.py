"""Bytes become JSON that UTF-8 can hold, or are refused with a reason that quotes nothing."""

import pytest

from ingest.payloads import moment, parse
from stream.errors import InvalidRecord


@pytest.mark.case(17)
def test_nul_and_lone_surrogates_become_replacement_characters_everywhere() -> None:
    data = rb'{"a\ud800": ["x\u0000y", {"b": "\udfff\ud83d\ude00"}], "n": 1}'
    assert parse(data) == {"a\ufffd": ["x\ufffdy", {"b": "\ufffd\U0001f600"}], "n": 1}


def test_the_last_of_equal_keys_wins() -> None:
    assert parse(b'{"a": 1, "a": 2}') == {"a": 2}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"a": "secret', "not JSON: Unterminated string starting at (character 7)"),
        (b'{"a": "sec\x00ret"}', "not JSON: Invalid control character at (character 11)"),
        (b"secret", "not JSON: Expecting value (character 1)"),
        (b'"\xed\xa0\x80"', "not UTF-8 (byte 2)"),
        (b'{"a": NaN}', "not JSON: NaN is no JSON number"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"9" * 5000, "a number has too many digits"),
        ("{}".encode("utf-16"), "not UTF-8 (byte 1)"),
    ],
)
def test_what_is_no_json_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidRecord) as caught:
        parse(data)
    assert str(caught.value) == reason


def test_a_time_is_given_in_utc() -> None:
    assert moment("2026-11-14T13:00:00.5+01:00").isoformat() == "2026-11-14T12:00:00.500000+00:00"
