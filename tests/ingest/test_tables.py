"""The public data sets' files become posts, each told by its name and first line."""

import pytest

from stream.errors import UserError
from stream.posts import Post
from tests.ingest.doubles import NOW, dead_letters_in, posts_in, read_all


def told(posts: list[Post]) -> list[tuple[str, str]]:
    assert all(post.platform == "dataset" and post.created_at == NOW for post in posts)
    return [(post.native_id, post.text) for post in posts]


def test_goemotions_rows_have_the_ids_of_their_comments() -> None:
    data = b'He said "wow!\t26\teaaa1\n\nso, so glad &amp; well \t17,25\teaaa2\n'
    assert told(posts_in(data, "some/where/test.tsv")) == [
        ("where/test:eaaa1", 'He said "wow!'),
        ("where/test:eaaa2", "so, so glad &amp; well "),
    ]


def test_a_tsv_with_a_header_is_read_by_its_column_names() -> None:
    data = b"ID\tTweet\tanger\tjoy\n2018-1\tgrr \\n\t1\t0\n2018-2\tyay\t0\t1\n"
    assert told(posts_in(data, "sets/dev.tsv")) == [
        ("sets/dev:2018-1", "grr \\n"),
        ("sets/dev:2018-2", "yay"),
    ]


def test_rows_without_an_id_have_the_number_of_their_line() -> None:
    data = b"source\ttext\r\na\tfirst\r\n\r\nb\tsecond\r\n"
    assert told(posts_in(data, "sets/tweets.tsv.gz")) == [
        ("sets/tweets:2", "first"),
        ("sets/tweets:4", "second"),
    ]


def test_an_empty_id_is_no_id() -> None:
    assert told(posts_in(b"id,text\n,hm\n", "sets/a.csv")) == [("sets/a:line-2", "hm")]


def test_rows_with_and_without_an_id_never_share_one() -> None:
    ids = ["5", "line-7", "3#6", "", "3", "", "3", "3#8", ""]
    data = "id,text\n" + "".join(f"{own_id},hm\n" for own_id in ids)
    assert [post.native_id for post in posts_in(data.encode(), "sets/a.csv")] == [
        "sets/a:5",
        "sets/a:line-7",
        "sets/a:3#6",
        "sets/a:line-5",
        "sets/a:3",
        "sets/a:line-7#7",
        "sets/a:3#8",
        "sets/a:3#8#9",
        "sets/a:line-10",
    ]


def test_a_csv_row_may_go_over_lines_and_hold_commas_and_quotes() -> None:
    data = b'tweet_id,label,content\r\n7,joy,"one, ""two""\n\nthree"\r\n8,sad,plain\r\n'
    assert told(posts_in(data, "sets/set.csv")) == [
        ("sets/set:7", 'one, "two"\n\nthree'),
        ("sets/set:8", "plain"),
    ]


def test_emotion6_rows_are_split_at_their_last_semicolon() -> None:
    data = b"i feel fine; really;joy\ni feel low;sadness\n"
    assert told(posts_in(data, "sets/test.txt")) == [
        ("sets/test:1", "i feel fine; really"),
        ("sets/test:2", "i feel low"),
    ]


def test_tweeteval_lines_are_rows_under_their_numbers() -> None:
    data = b"@user first \n{not json}\n"
    assert told(posts_in(data, "sets/val_text.txt")) == [
        ("sets/val_text:1", "@user first "),
        ("sets/val_text:2", "{not json}"),
    ]


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.tsv", b"id\ttext\n1\ta\tb\n", (2, "3 columns where there should be 2")),
        ("a.csv", b"id,text\n1,\xff\n", (2, "not UTF-8 (byte 3)")),
        ("a.csv", b'id,text\n1,"never\nends\n', (2, "not comma-separated values: ")),
        ("a.csv", b'id,text\n1,"a"b\n', (2, "not comma-separated values: ")),
        ("a.csv", b"id,text\n1,\n", (2, "text: is empty")),
        ("a.txt", b"fine;joy\nno label\n", (2, "no ';' with a label after the text")),
    ],
)
def test_a_row_that_is_wrong_is_a_dead_letter(
    name: str, data: bytes, expected: tuple[int, str]
) -> None:
    number, reason = dead_letters_in(data, name)[-1]
    assert number == expected[0]
    assert reason.startswith(expected[1])


def test_rows_after_a_wrong_one_go_on() -> None:
    found = read_all(b'id,text\n1,"a"b\n2,good\n', "a.csv")
    assert [one.text for one in found if isinstance(one, Post)] == ["good"]


@pytest.mark.parametrize(
    ("name", "data"),
    [("a.csv", b"id,label\n1,2\n"), ("a.tsv", b"1\t2\n"), ("a.tsv", b"only words\n")],
)
def test_a_table_without_a_text_is_the_users_to_mend(name: str, data: bytes) -> None:
    with pytest.raises(UserError, match="no column with text"):
        read_all(data, name)


def test_an_id_given_twice_makes_two_posts() -> None:
    data = b"id,text\n3,one\n3,two\n4,three\n"
    assert told(posts_in(data, "sets/train.csv")) == [
        ("sets/train:3", "one"),
        ("sets/train:3#3", "two"),
        ("sets/train:4", "three"),
    ]
