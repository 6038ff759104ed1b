"""Every size and depth that docs/security.md states: what is within it is read, what is beyond is
refused with its name, soon, and without taking the memory."""

import gzip
import io
import json
import struct
import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from classifier import artifact, classify
from classifier.model import ModelConfig
from classifier.repeats import key
from classifier.text import tokenise
from ingest import shapes
from ingest.inputs import Input
from ingest.live.mastodon_stream import LARGEST, parsed
from ingest.markup import Markup
from ingest.payloads import parse
from ingest.reading import Found, read
from ingest.shapes import MAX_DOCUMENT
from ingest.sightings import Refusal, Sighting
from stream.codec import MAX_RECORD, decode_collected
from stream.dead_letters import MAX_ORIGINAL, DeadLetter
from stream.errors import InvalidRecord
from stream.posts import MAX_TEXT, Origin, Post
from stream.references import unescape

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SIGHTING = Sighting(Origin(crawl="limits", stream="limits"), NOW, NOW)
MIB = 1 << 20


def post(**more: Any) -> dict[str, Any]:
    return {
        "kind": "post",
        "platform": "x",
        "native_id": "1",
        "text": "so happy",
        "created_at": "2026-11-20T12:00:00Z",
        "observed_at": "2026-11-20T12:00:00Z",
        "origin": {"crawl": "limits"},
    } | more


def refusal(payload: str | bytes) -> str:
    """Why both readers of JSON, that of platforms and that of topics, refuse a value."""
    data = payload.encode() if isinstance(payload, str) else payload
    with pytest.raises(InvalidRecord):
        decode_collected(data)
    with pytest.raises(InvalidRecord) as refused:
        parse(data)
    return str(refused.value)


def replayed(data: bytes, name: str = "a.ndjson") -> list[Found | DeadLetter]:
    source = Input(name, lambda: io.BufferedReader(io.BytesIO(data)), again=True)
    return list(read([source], lambda _input: SIGHTING))


def test_a_hundred_thousand_open_brackets_are_refused_as_nested_too_deeply() -> None:
    assert refusal("[" * 100_000) == "nested too deeply"
    assert refusal('{"a":' * 100_000) == "nested too deeply"


def test_a_payload_may_be_a_hundred_deep_wherever_we_look_into_it() -> None:
    embed = '{"media":' * 100 + "{}" + "}" * 100
    record = f'{{"text":"hi","embed":{embed},"facets":{"[" * 100 + "]" * 100}}}'
    event = (
        '{"did":"did:plc:a","time_us":1763640000000000,"kind":"commit","commit":{"collection":'
        f'"app.bsky.feed.post","operation":"create","rkey":"a","record":{record}}}}}'
    )
    (made,) = shapes.outcomes(parse(event.encode()), SIGHTING)
    assert isinstance(made, Post)


@pytest.mark.parametrize("depth", range(900, 1000, 7))
def test_at_the_edge_of_too_deep_a_payload_is_a_post_or_a_refusal(depth: int) -> None:
    embed = '{"media":' * depth + "{}" + "}" * depth
    record = f'{{"text":"\\u0041","embed":{embed}}}'
    event = (
        '{"did":"did:plc:a","time_us":1763640000000000,"kind":"commit","commit":{"collection":'
        f'"app.bsky.feed.post","operation":"create","rkey":"a","record":{record}}}}}'
    )
    (one,) = replayed(event.encode())
    assert isinstance(one, Found) or one.reason == "nested too deeply"


@pytest.mark.parametrize(("depth", "why"), [(200, "kind: is missing"), (201, "recursion limit")])
def test_json_on_a_topic_has_two_hundred_levels(depth: int, why: str) -> None:
    with pytest.raises(InvalidRecord, match=why):
        decode_collected(b'{"a":' * depth + b"1" + b"}" * depth)


def test_of_a_key_that_is_there_twice_the_last_counts_for_both_readers() -> None:
    twice = json.dumps(post())[:-1] + ', "native_id": "2"}'
    first = decode_collected(twice.encode())
    (second,) = shapes.outcomes(parse(twice.encode()), SIGHTING)
    assert isinstance(first, Post)
    assert isinstance(second, Post)
    assert first.native_id == second.native_id == "2"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_json_number_is_refused(number: str) -> None:
    assert refusal(json.dumps(post())[:-1] + f', "counts": {{"likes": {number}}}}}').endswith(
        f"{number} is no JSON number"
    )


@pytest.mark.parametrize("number", ["1e400", "-1e400", "1.5", "-1"])
def test_a_count_that_no_count_can_be_is_refused_by_name(number: str) -> None:
    data = json.dumps(post())[:-1] + f', "counts": {{"likes": {number}}}}}'
    with pytest.raises(InvalidRecord, match=r"likes"):
        decode_collected(data.encode())
    (one,) = shapes.outcomes(parse(data.encode()), SIGHTING)
    assert isinstance(one, Refusal)
    assert "likes" in one.reason


def test_a_number_of_a_million_digits_is_refused() -> None:
    assert refusal("9" * 1_000_000) == "a number has too many digits"


def test_a_text_has_two_hundred_thousand_characters_and_not_one_more() -> None:
    at, beyond = (json.dumps(post(text="é" * size)).encode() for size in (MAX_TEXT, MAX_TEXT + 1))
    assert decode_collected(at)
    with pytest.raises(InvalidRecord, match=f"at most {MAX_TEXT}"):
        decode_collected(beyond)
    for data, kind in ((at, Post), (beyond, Refusal)):
        assert isinstance(next(shapes.outcomes(parse(data), SIGHTING)), kind)


def test_a_record_has_four_million_bytes_and_not_one_more() -> None:
    record = json.dumps(post()).encode()
    assert decode_collected(record + b" " * (MAX_RECORD - len(record)))
    with pytest.raises(InvalidRecord, match="more than the 4000000 a record may have"):
        decode_collected(record + b" " * (MAX_RECORD - len(record) + 1))


def test_a_time_at_the_end_of_all_times_is_refused_and_overflows_nothing() -> None:
    end = "9999-12-31T23:59:59Z"
    assert decode_collected(json.dumps(post(observed_at=end)).encode())
    for name in ("created_at", "observed_at"):
        with pytest.raises(InvalidRecord, match=name):
            decode_collected(json.dumps(post(**{name: "9999-12-31T23:59:59-23:00"})).encode())


def test_a_line_beyond_a_record_is_a_dead_letter_of_its_beginning() -> None:
    at = json.dumps(post()).encode()
    at += b" " * (MAX_RECORD - len(at))
    good, refused = replayed(at + b"\n" + at + b" \n")
    assert isinstance(good, Found)
    assert isinstance(refused, DeadLetter)
    assert refused.reason == "4000001 bytes are more than a record may have"
    assert (len(refused.original or b""), refused.original_size) == (MAX_ORIGINAL, MAX_RECORD + 1)


@pytest.mark.parametrize("name", ["a.csv", "a.txt", "a.json"])
def test_what_unpacks_to_three_hundred_million_bytes_takes_little_memory(
    name: str, tmp_path: Path
) -> None:
    # 300 kB on the disk; one line without an end, in the form that the ending says.
    beginning = {"a.csv": b'id,text\n1,"', "a.json": b"[\n", "a.txt": b"a"}.get(name, b'{"text":"')
    file = tmp_path / f"{name}.gz"
    with gzip.open(file, "wb", compresslevel=1) as bomb:
        bomb.write(beginning)
        for _part in range(300):
            bomb.write(b"a" * 1_000_000)
    assert file.stat().st_size < 2_000_000
    letters, grown = _measured(file)
    assert letters == 1
    assert grown < 2 * MAX_DOCUMENT + 60 * MIB if name == "a.json" else grown < 60 * MIB


def test_a_row_of_comma_separated_values_that_never_ends_is_cut_at_a_record(
    tmp_path: Path,
) -> None:
    file = tmp_path / "a.csv.gz"
    with gzip.open(file, "wb", compresslevel=1) as bomb:
        bomb.write(b'id,text\n1,"a')
        for _part in range(30):
            # No field is too long, and every one goes on in the next line.
            bomb.write((b"a" * 1000 + b'\n","') * 1000)
    _letters, grown = _measured(file)
    assert grown < 50 * MIB


def test_a_csv_field_beyond_its_limit_is_refused_and_the_rest_is_read() -> None:
    rows = [b"id,text", b"1," + b"a" * 131_072, b"2," + b"a" * 131_073, b"3,hello"]
    first, refused, last = replayed(b"\n".join(rows), "a.csv")
    assert isinstance(first, Found)
    assert isinstance(refused, DeadLetter)
    assert "field larger than field limit (131072)" in refused.reason
    assert isinstance(last, Found)


@pytest.mark.parametrize(
    "html",
    [
        *("<a ", "<a x='", '<a x="', "<a /", "<!--", "<!", "<?", "</", "<![CDATA[", "<p>", "&#"),
        *("<span class=quote-inline><b>", "a", "<a href=x", "<b></i>", "<a =", " "),
    ],
)
def test_html_that_never_ends_is_read_in_the_time_of_its_length(html: str) -> None:
    for beginning in ("", "<script>"):
        Markup.read(beginning + html * (300_000 // len(html)))


@pytest.mark.parametrize("digits", [4301, 100_000])
def test_a_character_reference_of_too_many_digits_stops_no_station(digits: int) -> None:
    text = f"so happy &#{'9' * digits}; &amp; proud &#{'9' * digits}"
    assert unescape(text) == "so happy \ufffd & proud \ufffd"
    assert tokenise([text]).strings()[0][:2] == ["so", "happy"]
    assert key(text) == "sohappyproud"
    assert Markup.read(f"<p>{text}</p>").text == "so happy \ufffd & proud \ufffd"


def test_character_references_are_what_browsers_make_of_them() -> None:
    assert unescape("&lt;3 &#128512; &#x1F600; &nope; &#0; &#xD800; &") == "<3 😀 😀 &nope; � � &"


def test_an_event_of_a_stream_is_cut_off_however_short_its_lines() -> None:
    def endless() -> Iterator[str]:
        while True:
            yield "data:"

    with pytest.raises(ValueError, match="too large"):
        next(parsed(endless()))


def test_an_event_of_a_stream_may_be_as_large_as_a_record() -> None:
    (event,) = parsed(iter([f"data: {'a' * (LARGEST - 1)}", ""]))
    assert len(event.data) == LARGEST - 1


class _Silent:
    def predict(self, texts: Iterable[str], declared: object = None) -> list[Any]:
        return []


@pytest.mark.parametrize("form", ["lines", "ndjson"])
def test_classify_refuses_a_text_longer_than_a_post_may_be(form: Any) -> None:
    texts = ["a" * MAX_TEXT, "a" * (MAX_TEXT + 1)]
    lines = texts if form == "lines" else [json.dumps({"text": one}) for one in texts]
    complaints: list[tuple[int, str]] = []
    source = io.BytesIO("\n".join(lines).encode())
    invalid = classify.classify(
        _Silent(), source, io.BytesIO(), form, lambda number, why: complaints.append((number, why))
    )
    assert invalid == 1
    assert complaints == [(2, "its text is longer than 200,000 characters")]


def test_a_long_line_takes_classify_little_memory(tmp_path: Path) -> None:
    file = tmp_path / "long.txt"
    file.write_text("love it. " * (MAX_TEXT // 9) + "\n" + "love it. " * 400_000, encoding="utf-8")
    grown = _run(
        "from classifier.predictor import Predictor; from classifier import classify",
        "P = Predictor.load(); P.predict(['hello'])",
        "classify.classify(P, open(sys.argv[1], 'rb'), io.BytesIO(), 'lines', lambda *a: None)",
        file,
    )
    assert grown["bytes"] < 300 * MIB


@pytest.mark.parametrize("size", [0, 8, 2**31, 2**63, 2**64 - 1])
def test_tensors_that_promise_more_than_there_is_are_refused(size: int, tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    header = b'{"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}}'
    file.write_bytes(struct.pack("<Q", size) + header)
    with pytest.raises(artifact.ArtifactError, match="safetensors"):
        artifact._tensors(file, ModelConfig(2, 1, 1, 1))


def _measured(file: Path) -> tuple[int, int]:
    """Reads a file for replay in a process of its own: its dead letters, and bytes it grew by."""
    told = _run(
        "from ingest.inputs import find; from ingest.reading import DeadLetter, read;"
        "from ingest.sightings import Sighting; from stream.posts import Origin;"
        "from datetime import UTC, datetime; from threading import Event",
        "inputs, now = find([sys.argv[1]], Event(), lambda: None), datetime.now(UTC);"
        "sighting = Sighting(Origin(crawl='limits'), now, now)",
        "letters = sum(isinstance(one, DeadLetter) for one in read(inputs, lambda _: sighting))",
        file,
    )
    return told["letters"], told["bytes"]


def _run(imports: str, prepare: str, act: str, file: Path) -> dict[str, int]:
    # VmHWM is the process's own peak: what getrusage says begins with its parent's.
    code = f"""
import io, json, pathlib, re, sys
{imports}
def peak():
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) * 1024
{prepare}
letters, before = 0, peak()
{act}
print(json.dumps({{"letters": letters, "bytes": peak() - before}}))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(file)],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told: dict[str, int] = json.loads(done.stdout)
    return told
