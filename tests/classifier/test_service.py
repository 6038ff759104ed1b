from datetime import UTC, datetime
from pathlib import Path
from threading import Event

from classifier.predictor import Predictor
from classifier.service import STATION, classified
from classifier.spacy_recogniser import SpacyRecogniser
from indexer import service as indexer
from stream import worker
from stream.codec import decode_classified, decode_collected, encode
from stream.posts import (
    AuthorDeletion,
    Classified,
    ClassifiedPost,
    Collected,
    Deletion,
    Entity,
    Origin,
    Post,
)
from stream.records import Item, Received
from stream.testing import MemoryDeadLetters, MemorySink, MemorySource
from stream.topics import STATIONS
from tests.classifier.spacy_models import ruled

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
    author = AuthorDeletion(platform="x", author_id="9", deleted_at=NOW, origin=ORIGIN)
    records = [post(1, "the happy bus"), gone, post(3, "the mad bus"), post(4, ""), author]
    sink: MemorySink[Classified] = MemorySink()
    letters = MemoryDeadLetters()
    stop = Event()
    values = [encode(records[0]), encode(records[1]), b"{", *map(encode, records[2:])]
    source = MemorySource(values, stop, batch_records=3)
    worker.run(
        "classifier", source, decode_collected, lambda items: classified(predictor, items),
        sink, letters, stop,
    )  # fmt: skip
    out = [item.record for item in sink.items]
    assert [record.key for record in out] == ["x:1", "x:2", "x:3", "x:4", "x:author:9"]
    assert (out[1], out[4]) == (gone, author)
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
    items: list[Item[Collected]] = [Item(one, received) for one in posts]
    said = [
        item.record.classification
        for item in classified(predictor, items)
        if isinstance(item.record, ClassifiedPost)
    ]
    assert [each.language for each in said] == ["und", "de"]
    assert said[1].abstained == "unsupported language"


def test_names_go_along_where_the_recogniser_reads_the_language(small_run: Path) -> None:
    predictor = Predictor.load(small_run / "artifact")
    recogniser = SpacyRecogniser(ruled(("PERSON", "Mira"), ("ORG", "Veyra")))
    gone = Deletion(platform="x", native_id="4", deleted_at=NOW, origin=ORIGIN)
    german = post(2, "Mira ist da").model_copy(update={"language": "de"})
    texts: list[Collected] = [
        post(1, "Mira saw the bus of Veyra"),
        german,
        post(3, "we saw the bus"),
    ]
    received = Received("memory", 0, 0, None, None)
    items = [Item(one, received) for one in [gone, *texts]]
    out = [item.record for item in classified(predictor, items, recogniser)]
    assert out[0] == gone
    named = [(one.entities, one.recogniser) for one in out if isinstance(one, ClassifiedPost)]
    both = (Entity(type="Person", text="Mira"), Entity(type="Organization", text="Veyra"))
    assert named == [(both, recogniser.name), ((), None), ((), recogniser.name)]
    for one in out:
        assert decode_classified(encode(one)) == one


def test_the_audit_knows_both_stations_by_the_names_of_their_consumer_groups() -> None:
    assert list(STATIONS) == [STATION, indexer.STATION]
