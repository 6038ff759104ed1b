from datetime import UTC, datetime
from pathlib import Path
from threading import Event

from classifier import language
from classifier.predictor import Predictor
from classifier.service import STATION, WARM_UP, classified
from classifier.spacy_recogniser import SpacyRecogniser
from indexer import service as indexer
from stream import worker
from stream.codec import decode_classified, encode, read_collected
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
from stream.sinks import Encoded
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


def arrived(*records: Collected) -> list[Item[Collected]]:
    return [Item(one, Received("memory", 0, 0, None, encode(one))) for one in records]


def read(items: list[Item[Encoded]]) -> list[Classified]:
    return [decode_classified(item.record.value) for item in items]


def test_posts_are_classified_in_order_and_deletions_pass_unchanged(small_run: Path) -> None:
    predictor = Predictor.load(small_run / "artifact")
    gone = Deletion(platform="x", native_id="2", deleted_at=NOW, origin=ORIGIN)
    author = AuthorDeletion(platform="x", author_id="9", deleted_at=NOW, origin=ORIGIN)
    records = [post(1, "the happy bus"), gone, post(3, "the mad bus"), post(4, ""), author]
    sink: MemorySink[Encoded] = MemorySink()
    letters = MemoryDeadLetters()
    stop = Event()
    values = [encode(records[0]), encode(records[1]), b"{", *map(encode, records[2:])]
    source = MemorySource(values, stop, batch_records=3)
    worker.run(
        "classifier", source, read_collected, lambda items: classified(predictor, items),
        sink, letters, stop,
    )  # fmt: skip
    out = read(sink.items)
    assert [item.record.key for item in sink.items] == ["x:1", "x:2", "x:3", "x:4", "x:author:9"]
    assert [record.key for record in out] == ["x:1", "x:2", "x:3", "x:4", "x:author:9"]
    assert (out[1], out[4]) == (gone, author)
    assert [letter.stage for letter in letters.letters] == ["receiving"]
    for record, collected in zip(out, records, strict=True):
        if isinstance(record, ClassifiedPost):
            assert record.post == collected
            (alone,) = predictor.predict([record.post.text])
            told = record.classification.model_dump()
            assert told.pop("classified_at")
            assert told == alone.fields()
            assert record.classification.words == alone.words


def test_a_post_that_just_about_can_be_read_can_be_read_within_its_record(small_run: Path) -> None:
    deep = encode(post(1, "bus")).replace(
        b'"text":', b'"text":%b%b,"text":' % (b"[" * 199, b"]" * 199)
    )
    items = [Item(read_collected(deep), Received("memory", 0, 0, None, deep))]
    (record,) = read(classified(Predictor.load(small_run / "artifact"), items))
    assert isinstance(record, ClassifiedPost)
    assert record.post == post(1, "bus")


def test_what_the_platform_says_of_the_language_counts(small_run: Path) -> None:
    predictor = Predictor.load(small_run / "artifact")
    posts = [post(1, "bus"), post(1, "bus").model_copy(update={"language": "de"})]
    out = read(classified(predictor, arrived(*posts)))
    said = [one.classification for one in out if isinstance(one, ClassifiedPost)]
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
    out = read(classified(predictor, arrived(gone, *texts), recogniser))
    assert out[0] == gone
    named = [(one.entities, one.recogniser) for one in out if isinstance(one, ClassifiedPost)]
    both = (Entity(type="Person", text="Mira"), Entity(type="Organization", text="Veyra"))
    assert named == [(both, recogniser.name), ((), None), ((), recogniser.name)]


def test_the_audit_knows_both_stations_by_the_names_of_their_consumer_groups() -> None:
    assert list(STATIONS) == [STATION, indexer.STATION]


def test_the_warm_up_asks_the_identifier_of_languages() -> None:
    language._identifier.cache_clear()
    Predictor.load().label([WARM_UP], words=True)
    assert language._identifier.cache_info().currsize == 1
