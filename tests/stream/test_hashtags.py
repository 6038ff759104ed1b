"""Hashtags give labels, and are then no longer in the text."""

from pathlib import Path

import pytest

from stream.codec import decode_collected, encode
from stream.errors import UserError
from stream.hashtags import DEFAULT_LABELS, LABELS, HashtagLabels
from stream.posts import Post
from tests.ingest.doubles import NOW, SIGHTING

HAPPY = HashtagLabels({"happy": "joy", "Love": "love", "advice": "suggestion", "froh": "joy"})


def post(text: str) -> Post:
    return Post(
        platform="x",
        native_id="1",
        text=text,
        created_at=NOW,
        observed_at=NOW,
        hashtags=("happy",),
        origin=SIGHTING.origin,
    )


@pytest.mark.parametrize(
    ("text", "left", "labels"),
    [
        ("we won #happy", "we won", ("joy",)),
        ("we won #HAPPY #football", "we won #football", ("joy",)),
        ("#happy #Happy we won", "we won", ("joy",)),
        ("so #happy and #love it", "so and it", ("joy", "love")),
        ("we won #love\n\n#happy", "we won", ("love", "joy")),
        ("first line #happy\nsecond  line", "first line\nsecond line", ("joy",)),
        ("wear sunscreen ＃advice", "wear sunscreen", ("suggestion",)),
        ("so #froh!", "so!", ("joy",)),
        ("so #happy #love!!", "so!!", ("joy", "love")),
        ("#happy, we won", "we won", ("joy",)),
        ("#happy … we won", "… we won", ("joy",)),
        ("first line\n#happy! second", "first line\nsecond", ("joy",)),
        ("#happy #love @bob http://t.co/x", "#happy #love @bob http://t.co/x", ()),
        ("#happy @bob@home.example www.a.example", "#happy @bob@home.example www.a.example", ()),
        ("@bob we won #happy https://t.co/x", "@bob we won https://t.co/x", ("joy",)),
        ("we won #happyday", "we won #happyday", ()),
        ("we won #football", "we won #football", ()),
        ("happy", "happy", ()),
        ("https://a.example/b#happy", "https://a.example/b#happy", ()),
        ("c#happy", "c#happy", ()),
        ("#happy #love", "#happy #love", ()),
        ("#happy 😀 #football", "#happy 😀 #football", ()),
    ],
)
def test_a_hashtag_becomes_a_label(text: str, left: str, labels: tuple[str, ...]) -> None:
    told = HAPPY.label(post(text))
    assert (told.text, told.distant_labels) == (left, labels)
    assert told.hashtags == ("happy",)


def test_labels_travel_with_the_record() -> None:
    told = HAPPY.label(post("we won #happy"))
    assert decode_collected(encode(told)) == told


def test_the_shipped_file_has_a_hashtag_for_every_emotion_and_for_advice(tmp_path: Path) -> None:
    labels = HashtagLabels.load(DEFAULT_LABELS)
    assert labels.label(post("do this #Advice")).distant_labels == ("suggestion",)
    given = {
        line.split('"')[1] for line in DEFAULT_LABELS.read_text().splitlines() if " = " in line
    }
    assert given == LABELS - {"neutral"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'happy = "bliss"', "happy: must be one of the 28 emotions or 'suggestion'"),
        (b"happy = 3", "happy: must be one of the 28 emotions"),
        (b'happy = ["joy"]', "happy: must be one of the 28 emotions"),
        (b'"#happy" = "joy"', "#happy: is no hashtag"),
        (b'HAPPY = "joy"\nhappy = "grief"', "happy: is there twice: letter case does not matter"),
        (b"happy", "not TOML"),
        (b"", "has no line"),
        (b"\xff", "is not UTF-8"),
    ],
)
def test_a_wrong_file_is_one_line_that_names_it(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "labels.toml"
    file.write_bytes(content)
    with pytest.raises(UserError) as refused:
        HashtagLabels.load(file)
    assert str(refused.value).startswith(f"{file}: ")
    assert said in str(refused.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no\.toml: cannot be read: No such file"):
        HashtagLabels.load(tmp_path / "no.toml")
