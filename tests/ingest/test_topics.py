"""What a replay leaves on the topics of a real broker."""

import json
from pathlib import Path
from uuid import uuid4

import pytest

from stack import Stack
from stream.broker import read_to_end
from stream.codec import decode_collected, decode_dead_letter
from stream.records import Received
from stream.settings import Settings
from stream.topics import COLLECTED, DEAD_LETTER, Topic
from tests import forks

pytestmark = pytest.mark.stack

ROOT = Path(__file__).parents[2]


@pytest.fixture
def settings(stack: Stack) -> Settings:
    return Settings(kafka=stack.kafka)


def replay(settings: Settings, path: Path, *flags: str) -> str:
    """Replays a path and gives the crawl's id."""
    crawl = f"test-{uuid4().hex}"
    done = forks.told(
        "ingest", "replay", str(path), "--crawl", crawl, *flags, EMOSTREAM_KAFKA=settings.kafka
    )
    assert done.returncode == 0, done.stderr
    return crawl


def of_crawl(settings: Settings, topic: Topic, crawl: str) -> list[Received]:
    return [one for one in read_to_end(settings, topic) if one.crawl == crawl]


def test_the_topic_holds_what_the_input_held_under_the_posts_keys(
    settings: Settings, tmp_path: Path
) -> None:
    lines = [
        json.dumps({"id": str(n), "text": f"text {n}", "created_at": "2026-11-14T12:00:00Z"})
        for n in range(1200)
    ]
    deletion = {
        "kind": "deletion",
        "platform": "x",
        "native_id": "7",
        "deleted_at": "2026-11-15T12:00:00Z",
    }
    (tmp_path / "a.ndjson").write_text("\n".join([*lines, json.dumps(deletion)]))
    received = of_crawl(settings, COLLECTED, replay(settings, tmp_path))

    records = [decode_collected(one.value) for one in received]
    assert [one.key for one in received] == [record.key.encode() for record in records]
    texts = sorted((r.native_id, r.text) for r in records if r.kind == "post")
    assert texts == sorted((str(n), f"text {n}") for n in range(1200))
    (deleted,) = [one for one in received if b'"deletion"' in (one.value or b"")]
    (post,) = [one for one in received if one.key == b"x:7" and one is not deleted]
    assert post.partition == deleted.partition
    assert post.offset < deleted.offset


def test_dead_letters_hold_the_bytes_and_the_line_they_came_from(
    settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "a.ndjson"
    broken = [b"not json", b'{"id": "1", "text": "no time"}', b"\xff\xfe", b"x" * 5_000_000]
    file.write_bytes(b"\n\n".join(broken))
    crawl = replay(settings, file, "--report", str(tmp_path / "sent.json"))
    letters = [decode_dead_letter(one.value) for one in of_crawl(settings, DEAD_LETTER, crawl)]
    assert [letter.original for letter in letters] == [*broken[:3], broken[3][:500_000]]
    assert [letter.source.line for letter in letters] == [1, 3, 5, 7]
    assert {letter.source.file for letter in letters} == {str(file)}
    assert [letter.original_size for letter in letters] == [len(one) for one in broken]
    assert letters[1].reason == "created_at: Field required"
    assert not of_crawl(settings, COLLECTED, crawl)
    assert json.loads((tmp_path / "sent.json").read_text())["dead_letters"] == 4


def test_a_post_too_large_for_a_topic_is_a_dead_letter_and_the_others_arrive(
    settings: Settings, tmp_path: Path
) -> None:
    post = {"id": "1", "text": "hi", "created_at": "2026-11-14T12:00:00Z"}
    large = {**post, "id": "2", "entities": {"hashtags": [{"tag": "t" * 1_100_000}]}}
    lines = [json.dumps(one) for one in (post, large, {**post, "id": "3"})]
    (tmp_path / "a.ndjson").write_text("\n".join(lines))
    crawl = replay(settings, tmp_path)
    sent = {one.key for one in of_crawl(settings, COLLECTED, crawl)}
    assert sent == {b"x:1", b"x:3"}
    (letter,) = [decode_dead_letter(one.value) for one in of_crawl(settings, DEAD_LETTER, crawl)]
    assert (letter.stage, letter.source.line) == ("sending", 2)
    assert "more than Kafka takes" in letter.reason
