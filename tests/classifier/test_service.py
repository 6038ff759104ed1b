from datetime import UTC, datetime
from pathlib import Path
from threading import Event

from classifier.predictor import Predictor
from classifier.service import classified
from stream import worker
from stream.codec import decode_classified, decode_collected, encode
from stream.posts import ClassifiedPost, Deletion, Origin, Post
from stream.records import Item, Received
from stream.testing import MemoryDeadLetters, MemorySink, MemorySource

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ORIGIN = Origin(crawl="test")


def post(number: int, text: str) -> Post:
    return Post(
        platform="x", native_id=str(number), text=text, created_at=NOW, observed_at=NOW,
        origin=ORIGIN,
    )  # fmt: skip


def test_posts_are_classified_in_order_and_deletions_pass_unchanged(small_run: Path) -> None:
    predictor = Predictor.load(small_run / "artifact")
    gone = Deletion(platform="x", native_id="2", deleted_at=NOW, origin=ORIGIN)
    records = [post(1, "the happy bus"), gone, post(3, "the mad bus"), post(4, "")]
    sink: MemorySink[ClassifiedPost | Deletion] = MemorySink()
    letters = MemoryDeadLetters()
    stop = Event()
    values = [encode(records[0]), encode(records[1]), b"{", *map(encode, records[2:])]
    source = MemorySource(values, stop, batch_records=3)
    worker.run(
        "classifier", source, decode_collected, lambda items: classified(predictor, items),
        sink, letters, stop,
    )  # fmt: skip
    out = [item.record for item in sink.items]
    assert [record.key for record in out] == ["x:1", "x:2", "x:3", "x:4"]
    assert out[1] == gone
    assert [letter.stage for letter in letters.letters] == ["receiving"]
    for record, collected in zip(out, records, strict=True):
        if isinstance(record, ClassifiedPost):
            assert record.post == collected
            (alone,) = predictor.predict([record.post.text])
            said = record.classification
            told = said.model_dump()
            assert told.pop("classified_at")
            assert told == alone.fields()
            assert said.words == alone.words
            assert decode_classified(encode(record)) == record


def test_what_the_platform_says_of_the_language_counts(small_run: Path) -> None:
    predictor = Predictor.load(small_run / "artifact")
    posts = [post(1, "bus"), post(1, "bus").model_copy(update={"language": "de"})]
    received = Received("memory", 0, 0, None, None)
    items: list[Item[Post | Deletion]] = [Item(one, received) for one in posts]
    said = [
        item.record.classification
        for item in classified(predictor, items)
        if isinstance(item.record, ClassifiedPost)
    ]
    assert [each.language for each in said] == ["und", "de"]
    assert said[1].abstained == "unsupported language"
