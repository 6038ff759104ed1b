"""One reader gives posts, whatever holds them."""

import gzip
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from elasticsearch import Elasticsearch

from classifier.lab import sources
from classifier.lab.shapes import Sample
from classifier.lab.sources import Wanted, read
from indexer import documents
from stack import Stack
from stream.broker import KafkaWriter, create_topics
from stream.codec import encode
from stream.elastic import connect
from stream.errors import UserError
from stream.posts import (
    Author,
    AuthorDeletion,
    Classification,
    ClassifiedPost,
    Deletion,
    Origin,
    Polarity,
    Post,
)
from stream.records import Outgoing
from stream.settings import Settings
from stream.topics import CLASSIFIED

NOON = datetime(2019, 7, 14, 12, tzinfo=UTC)
"""No other test has posts of that day."""
ORIGIN = Origin(crawl="c")


def post(number: int, author: str | None = None, **changes: Any) -> Post:
    moment = NOON + timedelta(hours=number)
    fields = {
        "platform": "lab", "native_id": str(number), "text": f"post number {number}",
        "created_at": moment, "observed_at": moment, "author": Author(id=author),
        "language": "en", "hashtags": ("sun",), "distant_labels": ("joy",), "origin": ORIGIN,
    }  # fmt: skip
    return Post(**fields | changes)


def classified(one: Post) -> ClassifiedPost:
    said = Classification(
        model="m@1", emotions=("joy",), primary="joy", probabilities={"joy": 0.9},
        polarity=Polarity(label="positive", score=0.5, probabilities={"positive": 0.7}),
        classified_at=NOON,
    )  # fmt: skip
    return ClassifiedPost(post=one, classification=said)


def deletion(number: int) -> Deletion:
    return Deletion(platform="lab", native_id=str(number), deleted_at=NOON, origin=ORIGIN)


def texts(where: Path | str, **wanted: Any) -> list[str]:
    return [one.text for one in read(Wanted(str(where), **wanted), Settings())]


def ndjson(folder: Path, records: Sequence[Any]) -> Path:
    file = folder / "posts.ndjson"
    file.write_bytes(b"".join(encode(one) + b"\n" for one in records))
    return file


def test_a_file_of_records_gives_its_posts(tmp_path: Path) -> None:
    found = list(read(Wanted(str(ndjson(tmp_path, [classified(post(1, "ann"))]))), Settings()))
    assert found == [
        Sample("post number 1", "lab:1", "lab:author:ann", "en", ("joy",),
               NOON + timedelta(hours=1))
    ]  # fmt: skip


def test_posts_that_were_deleted_later_are_left_out_and_so_are_those_of_gone_authors(
    tmp_path: Path,
) -> None:
    gone = AuthorDeletion(
        platform="lab", author_id="ann", deleted_at=NOON + timedelta(hours=3), origin=ORIGIN
    )
    records = [post(0), post(1), post(2, "ann"), post(4, "ann"), deletion(1), gone]
    assert texts(ndjson(tmp_path, records)) == ["post number 0", "post number 4"]


def test_posts_may_be_limited_in_number_and_in_time(tmp_path: Path) -> None:
    file = ndjson(tmp_path, [post(number) for number in range(5)])
    assert texts(file, limit=2) == ["post number 0", "post number 1"]
    since, until = NOON + timedelta(hours=1), NOON + timedelta(hours=3)
    assert texts(file, since=since, until=until) == ["post number 1", "post number 2"]


def test_lines_are_texts_in_plain_and_packed_files_and_a_table_gives_its_last_column(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.txt").write_text("one line\r\n\n  \nanother\n")
    with gzip.open(tmp_path / "b.tsv.gz", "wt") as packed:
        packed.write("source\ttext\nx\tone\ty\nx\ttwo\n")
    assert texts(tmp_path / "a.txt") == ["one line", "another"]
    assert texts(tmp_path / "b.tsv.gz") == ["y", "two"]


def test_what_classify_writes_is_read(tmp_path: Path) -> None:
    line = {"text": "so glad \ud83d", "language": "en", "model": "m@2", "emotions": ["joy"]}
    (tmp_path / "said.ndjson").write_text(json.dumps(line) + "\n")
    (found,) = read(Wanted(str(tmp_path / "said.ndjson")), Settings())
    assert found == Sample("so glad ?", language="en"), "half a pair could be written nowhere"


def test_the_newest_of_kafka_are_those_by_their_own_time_whatever_partition_they_are_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order = [Sample(str(n), time=NOON + timedelta(hours=n)) for n in (5, 9, 1, 7, 3)]
    monkeypatch.setattr(sources, "_of_topic", lambda *_: iter(order))
    assert texts("kafka", limit=2) == ["9", "7"]


def test_records_that_cannot_be_read_are_counted_and_never_quoted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "posts.ndjson"
    bad = [b'{"kind":"post","text":"a secret"}', b"{", b'{"text":7}', b"[" * 100_000]
    file.write_bytes(b"\n".join([encode(post(1)), *bad]))
    with caplog.at_level("WARNING", logger="classifier"):
        assert texts(file) == ["post number 1"]
    assert "4 records could not be read and were left out; the first, line 2" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("nowhere.txt", "No such file"),
        ("kafka:posts.dead-letter", "write kafka or kafka:posts.collected"),
        (".", "Is a directory"),
    ],
)
def test_a_source_that_is_not_there_is_one_line(where: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        texts(where)


@pytest.mark.stack
def test_kafka_and_the_index_give_the_same_posts(stack: Stack) -> None:
    mark, evening = uuid4().hex, NOON + timedelta(hours=8)
    settings = Settings(kafka=stack.kafka, elasticsearch=stack.elasticsearch)
    records = [classified(post(n, "ann", native_id=f"{mark}-{n}")) for n in range(3)]
    gone = deletion(0).model_copy(update={"native_id": f"{mark}-0"})
    sent = [*((one.key, encode(one)) for one in records), (gone.key, encode(gone))]
    create_topics(settings)
    with KafkaWriter(settings) as writer:
        writer.write(CLASSIFIED, [Outgoing(key, value, "c") for key, value in sent])
    with connect(settings) as client:
        months = _index(client, records[1:])
        try:
            (newest,) = read(Wanted("elasticsearch", 1, since=NOON, until=evening), settings)
            found = {
                where: sorted(
                    (one for one in read(Wanted(where), settings) if mark in one.key),
                    key=lambda one: one.key,
                )
                for where in ("kafka", "elasticsearch")
            }
        finally:
            client.indices.delete(index=months)
    assert [one.key for one in found["kafka"]] == [f"lab:{mark}-1", f"lab:{mark}-2"]
    assert found["kafka"] == found["elasticsearch"]
    assert newest.key == f"lab:{mark}-2"


def _index(client: Elasticsearch, records: Sequence[ClassifiedPost]) -> list[str]:
    made = [documents.document(one, NOON) for one in records]
    for each in made:
        client.index(index=each.index, id=each.id, document=each.fields)
        client.indices.put_alias(index=each.index, name="emotions")
    client.indices.refresh(index="emotions")
    return sorted({each.index for each in made})
