"""Every line becomes a record or a dead letter; shapes are told per input and per line."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest.inputs import Input
from ingest.reading import Found, read
from stream.codec import encode
from stream.dead_letters import MAX_ORIGINAL, DeadLetter
from stream.errors import UserError
from stream.posts import Post
from tests.ingest import doubles
from tests.ingest.doubles import NOW, posts_in, read_all, sight

TWEET = b'{"id": "5", "text": "hi", "created_at": "2026-11-14T12:00:00Z"}'
COMMENT = json.dumps(
    {
        "kind": "youtube#comment",
        "id": "Ug5",
        "snippet": {"textOriginal": "ho", "publishedAt": "2026-11-14T12:00:00Z"},
    }
).encode()


def letters(data: bytes, name: str = "posts.ndjson") -> list[DeadLetter]:
    found = read([doubles.given(data, name)], sight)
    return [one for one in found if isinstance(one, DeadLetter)]


def test_one_file_may_mix_shapes_and_blank_lines() -> None:
    keys = [post.key for post in posts_in(b"\r\n" + TWEET + b"\r\n\r\n" + COMMENT + b"\n \n")]
    assert keys == ["x:5", "youtube:Ug5"]


def test_lines_of_text_get_their_id_from_the_text() -> None:
    posts = posts_in(b"what a day!\r\n\nwhat a day!\n  {odd\n", "diary.txt")
    assert [(post.key, post.text) for post in posts] == [
        ("text:4eb05a2fae488d35", "what a day!"),
        ("text:4eb05a2fae488d35", "what a day!"),
        ("text:3bd1e87c3f10f6f7", "  {odd"),
    ]
    assert posts[0].created_at == NOW


@pytest.mark.case(18)
def test_nul_in_a_text_becomes_a_replacement_character() -> None:
    (post,) = posts_in(b"a\0b\n", "a.txt")
    assert post.text == "a\ufffdb"


def test_without_a_known_ending_text_and_json_may_alternate() -> None:
    posts = posts_in(b"good morning\n" + TWEET + b"\n", "-")
    assert [post.key for post in posts] == ["text:cdf71dea7d7741a2", "x:5"]


def test_without_a_known_ending_a_first_line_of_json_promises_json() -> None:
    assert read_all(TWEET + b"\nnot json\n", "-")[1] == (
        2,
        "not JSON: Expecting value (character 1)",
    )


def test_data_set_rows_are_known_on_standard_input() -> None:
    assert [post.key for post in posts_in(b"so glad\t17\teaa1\n", "-")] == ["dataset:stdin:eaa1"]
    assert [post.key for post in posts_in(b"id\ttext\n3\thm\n", "-")] == ["dataset:stdin:3"]


def test_a_pretty_printed_page_is_one_document(tmp_path: Path) -> None:
    page = {"data": [json.loads(TWEET), {"id": "6"}], "meta": {"result_count": 2}}
    data = b"\n" + json.dumps(page, indent=2).encode()
    for name in ("page.json", "-"):
        found = list(read([doubles.given(data, name)], sight))
        assert isinstance(found[0], Found)
        assert isinstance(found[1], DeadLetter)
        assert found[1].original == b'{"id": "6"}'
        assert (found[1].source.file, found[1].source.line) == (f"{name}#/data/1", 2)
        assert found[1].reason == "text: Field required; created_at: Field required"


POST = b'{"kind": "post", "platform": "x", "native_id": "7", "text": "a", "created_at": "%s"}'
OWN = POST % b"2026-11-14T12:00:00Z"


@pytest.mark.parametrize("name", ["a.ndjson", "a.json", "-", "a.txt"])
def test_an_array_of_objects_is_a_page(name: str) -> None:
    posts = posts_in(b"[" + b", ".join([TWEET, COMMENT, OWN]) + b"]\n" + TWEET, name)
    assert [post.key for post in posts] == ["x:5", "youtube:Ug5", "x:7", "x:5"]


@pytest.mark.parametrize("start", ["[", "[{"])
def test_a_pretty_printed_array_is_a_page(start: str) -> None:
    pretty = json.dumps([json.loads(TWEET), json.loads(COMMENT)], indent=1)
    data = pretty.replace("[\n {", "[{", 1) if start == "[{" else pretty
    assert data.split("\n")[0] == start
    for name in ("a.json", "-"):
        assert [post.key for post in posts_in(data.encode(), name)] == ["x:5", "youtube:Ug5"]


def test_what_is_wrong_in_an_array_is_a_dead_letter_of_its_own_with_its_place() -> None:
    envelope = b'{"data": {"id": "6"}, "includes": {}}'
    page = b'{"data": [{"id": "6"}]}'
    wrong = [b"{}", b"5", b"[{}]", b"null", POST % b"soon", envelope, page]
    data = b"[" + b", ".join([TWEET, *wrong, TWEET]) + b"]"
    found = letters(data)
    place = "posts.ndjson#"
    pointers = [letter.source.file.removeprefix(place) for letter in found if letter.source.file]
    assert pointers == ["/1", "/2", "/3", "/4", "/5", "/6", "/7/data/0"]
    assert [letter.original for letter in found] == [*wrong[:-1], b'{"id": "6"}']
    assert [letter.reason for letter in found][1:4] == [
        "a JSON number, not an object",
        "a JSON array, not an object",
        "a JSON null, not an object",
    ]
    assert len(read_all(data)) == len(found) + 2


@pytest.mark.parametrize("line", [b"[]", b"[1, 2]", b'["a"]', b"[[" + TWEET + b"]]"])
def test_an_array_of_anything_else_is_one_dead_letter(line: bytes) -> None:
    (letter,) = letters(line)
    assert (letter.original, letter.reason) == (line, "a JSON array, not an object")


def test_a_json_file_of_lines_is_read_line_by_line() -> None:
    assert [post.key for post in posts_in(TWEET + b"\n" + COMMENT, "a.json")] == [
        "x:5",
        "youtube:Ug5",
    ]


def test_a_damaged_document_is_one_dead_letter() -> None:
    (letter,) = letters(b'{\n "data": [\n', "page.json")
    assert letter.original == b'{\n "data": ['
    assert letter.reason.startswith("not JSON")


def test_a_dead_letter_keeps_bytes_place_and_crawl() -> None:
    data = TWEET + b"\n{caf\xc3\xa9}\r\n"
    (letter,) = letters(data, "folder/a.ndjson")
    assert letter.original == b"{caf\xc3\xa9}\r"
    assert (letter.source.file, letter.source.line) == ("folder/a.ndjson", 2)
    assert (letter.station, letter.stage, letter.crawl) == ("ingest", "receiving", "c1")
    assert letter.key == "ingest:c1:folder/a.ndjson:2"


@pytest.mark.case(21)
def test_a_huge_line_is_a_dead_letter_that_is_cut_and_says_its_size() -> None:
    (letter,) = letters(b'{"a": "' + b"x" * 10_000_000 + b'"}\n')
    assert len(letter.original or b"") == MAX_ORIGINAL
    assert letter.original_size == 10_000_009
    assert letter.reason == "10000009 bytes are more than a record may have"
    assert len(encode(letter)) < 1_000_000


def test_the_only_part_of_a_line_is_a_dead_letter_of_the_whole_line() -> None:
    line = b'{"data": {"id": "6"}, "includes": {"users": []}}'
    (letter,) = letters(line)
    assert letter.original == line
    assert letter.source.file == "posts.ndjson"


def test_two_bad_items_of_a_page_are_two_dead_letters_under_names_of_their_own() -> None:
    found = letters(b'{"data": [{"id": "6"}, {"id": "7"}]}')
    assert [letter.original for letter in found] == [b'{"id": "6"}', b'{"id": "7"}']
    assert len({letter.key for letter in found}) == 2


@pytest.mark.case(21)
def test_a_nest_that_can_be_read_but_not_written_is_a_dead_letter_too() -> None:
    for depth in range(900, 1000):
        deep = b'{"data": [' + b'{"a":' * depth + b"1" + b"}" * depth + b", 5]}"
        assert letters(deep)


def test_a_reason_never_quotes_the_text() -> None:
    (letter,) = letters(b'{"id": 5, "text": "private words", "created_at": "private time"}')
    assert "private" not in letter.reason


KEYS = [
    *("id", "text", "created_at", "data", "errors", "title", "detail", "meta", "result_count"),
    *("includes", "users", "tweets", "entities", "hashtags", "matching_rules", "note_tweet"),
    *("referenced_tweets", "kind", "items", "snippet", "topLevelComment", "replies", "comments"),
    *("error", "message", "platform", "native_id", "origin"),
]
VALUES = ["5", "hi", "2026-11-14T12:00:00Z", "post", "deletion", "\ud800", "a\u0000"]
KINDS = ["youtube#commentThread", "youtube#comment", "youtube#commentListResponse"]

LINES = st.one_of(
    st.binary(max_size=200).map(lambda data: data.replace(b"\n", b"")),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(KEYS) | st.text(max_size=3),
                inner | st.sampled_from(VALUES + KINDS),
                max_size=6,
            )
        ),
        max_leaves=20,
    ).map(lambda value: json.dumps(value).encode()),
)
GZIP, BOM = b"\x1f\x8b", b"\xef\xbb\xbf"
NAMES = ("a.ndjson", "a.json", "a.txt", "a_text.txt", "a.csv", "a.tsv", "-", "\udcff.ndjson")


@settings(max_examples=400, deadline=None)
@example(name="a.ndjson", lines=[BOM, BOM + b"{", GZIP])
@example(name="a.csv", lines=[b"text", b'"'])
@example(name="a.ndjson", lines=[b'{"kind":"post","\\ud800":1}'])
@given(name=st.sampled_from(NAMES), lines=st.lists(LINES, max_size=6))
def test_no_bytes_crash_the_reader_and_every_outcome_can_be_sent(
    name: str, lines: list[bytes]
) -> None:
    data = b"\n".join(lines)
    source: Input = doubles.given(data, name)
    try:
        found = list(read([source], sight))
    except UserError as error:
        assert "no column with text" in str(error) or data.startswith(GZIP)
        return
    told = set()
    for one in found:
        told.add(one.line.number if isinstance(one, Found) else one.source.line)
        assert encode(one.record if isinstance(one, Found) else one)
    if name.endswith(".ndjson"):
        lines = [line.removeprefix(BOM) if n == 0 else line for n, line in enumerate(lines)]
        expected = {n for n, line in enumerate(lines, 1) if line.strip() and not empty_page(line)}
        assert told == expected


def empty_page(line: bytes) -> bool:
    """Says whether a line is a page without items (or pages), the one thing that is neither."""
    # At the very beginning of a file these mean something else than in its middle.
    if line.startswith((GZIP, BOM)):
        return False
    found = list(read([doubles.given(line)], sight))
    payload = None if found else json.loads(line)
    return isinstance(payload, dict | list)


def test_a_post_from_a_file_carries_the_files_name() -> None:
    (found,) = read([doubles.given(TWEET, "folder/a.ndjson")], sight)
    assert isinstance(found, Found)
    assert isinstance(found.record, Post)
    assert found.line.number == 1
