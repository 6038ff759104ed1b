"""An author who is gone: their posts go and stay away, whatever comes first and however often."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any
from uuid import uuid4

import pytest
from elasticsearch import Elasticsearch

from indexer import authors, deletions, purge, queries, templates
from indexer.sink import ElasticsearchSink
from stack import Stack
from stream import index
from stream.broker import read_to_end
from stream.codec import decode_collected
from stream.elastic import connect
from stream.errors import UserError
from stream.posts import Author, AuthorDeletion, ClassifiedPost
from stream.settings import Settings
from stream.topics import COLLECTED
from tests.indexer.conftest import empty
from tests.indexer.records import LIMITS, NOON, classified, deletion, items, origin

MILLISECOND = timedelta(milliseconds=1)


class Platform:
    """A platform of one test's own on a node that all of them share."""

    def __init__(self, node: Elasticsearch) -> None:
        self.node = node
        self.name = f"p{uuid4().hex[:12]}"
        self.sink = ElasticsearchSink(node, LIMITS, Event())

    def post(self, native_id: str, author: Author | None = None, **changes: Any) -> ClassifiedPost:
        """A post of bea's, unless somebody else's."""
        bea = Author(id="17", name="bea")
        return classified(native_id, platform=self.name, author=author or bea, **changes)

    def gone(self, author_id: str = "17", **changes: Any) -> AuthorDeletion:
        fields = {"platform": self.name, "author_id": author_id, "deleted_at": NOON}
        return AuthorDeletion(**{**fields, "origin": origin(), **changes})

    def write(self, *records: Any) -> None:
        assert not self.sink.write(items(*records))

    @property
    def ids(self) -> list[str]:
        """The native ids of what is in the index."""
        queries.refresh(self.node)
        of = {"term": {"event.provider": self.name}}
        found = queries.all_documents(self.node, of, source=False)
        return sorted(hit["_id"].partition(":")[2] for hit in found)

    def recorded(self, native_id: str) -> dict[str, Any]:
        """What is on record of a deletion."""
        kept = self.node.get(index=deletions.INDEX, id=f"{self.name}:{native_id}")
        source: dict[str, Any] = kept["_source"]
        return source


@pytest.fixture(scope="module")
def shared(stack: Stack) -> Iterator[Elasticsearch]:
    with connect(Settings(elasticsearch=stack.elasticsearch)) as client:
        empty(client)
        templates.set_up(client)
        yield client
        empty(client)


@pytest.fixture
def platform(shared: Elasticsearch) -> Platform:
    return Platform(shared)


@pytest.mark.stack
def test_the_first_deletion_of_all_finds_no_month(platform: Platform) -> None:
    platform.write(platform.gone())
    assert platform.ids == []


@pytest.mark.stack
def test_all_posts_of_an_author_go_and_only_theirs(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "PAGE", 2)
    monkeypatch.setattr(authors, "PAGE", 2)
    post, other = platform.post, Platform(platform.node)
    platform.write(
        *map(post, "123"),
        post("4", created_at=NOON - timedelta(days=40)),  # in another month
        post("5", Author(id="18", name="bea")),
        post("6", Author(name="17")),
        other.post("7"),
    )
    platform.write(platform.gone())  # at once: no search has seen the posts yet
    assert (platform.ids, other.ids) == (["5", "6"], ["7"])
    assert platform.sink.counters.deleted == 4
    assert platform.recorded("author:17") == {
        "platform": platform.name,
        "author_id": "17",
        "deleted_at": "2026-03-14T12:00:00.000Z",
        "for_good": False,
        "crawl": "crawl-1",
    }
    assert platform.recorded("4") == {
        "platform": platform.name,
        "native_id": "4",
        "deleted_at": "2026-03-14T12:00:00.000Z",
        "crawl": "crawl-1",
    }


@pytest.mark.stack
def test_a_batch_of_authors_who_left_asks_for_their_posts_in_one_search(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    months = [NOON - timedelta(days=31 * n) for n in range(4)]
    for who in ("17", "18", "19"):
        author = Author(id=who)
        named = [(f"{who}-{n}", month) for n, month in enumerate(months)]
        platform.write(*(platform.post(one, author, created_at=at) for one, at in named))
    # A post whose own time has changed is in two months.
    platform.write(platform.post("17-0", Author(id="17"), created_at=months[1]))
    asked: list[tuple[str, bytes]] = []
    transport = platform.node.transport
    perform = transport.perform_request

    def noting(method: str, target: str, **options: Any) -> Any:
        body = options.get("body")
        asked.append((target.partition("?")[0], body if isinstance(body, bytes) else b""))
        return perform(method, target, **options)

    monkeypatch.setattr(transport, "perform_request", noting)
    platform.write(platform.gone("17"), platform.gone("18"), *map(platform.gone, "1234"))
    assert [target for target, _body in asked].count("/_search") == 1
    erased = [body.count(b'"delete"') for target, body in asked if target == "/_bulk"]
    assert sum(erased) == 2 * len(months) + 1, "asked of months in which they have no post"
    assert platform.ids == [f"19-{n}" for n in range(len(months))]


@pytest.mark.stack
def test_posts_that_come_after_their_author_s_deletion_stay_out_if_they_are_older(
    platform: Platform,
) -> None:
    platform.write(platform.gone())
    for _ in range(2):
        platform.write(platform.post("1"), platform.post("2", created_at=NOON + MILLISECOND))
        assert platform.ids == ["2"]
    # On record by itself, it stays out whoever is said to have written it.
    platform.write(platform.post("1", Author(name="bea")))
    assert platform.ids == ["2"]
    assert platform.recorded("1")["deleted_at"] == "2026-03-14T12:00:00.000Z"


@pytest.mark.stack
def test_in_one_batch_the_author_s_deletion_wins_over_posts_before_and_behind(
    platform: Platform,
) -> None:
    older = platform.gone(deleted_at=NOON - timedelta(days=1))
    single = deletion("3", platform=platform.name)
    platform.write(platform.post("1"), platform.gone(), older, single, *map(platform.post, "23"))
    assert platform.ids == []
    assert platform.recorded("author:17")["deleted_at"] == "2026-03-14T12:00:00.000Z"


@pytest.mark.stack
def test_an_older_deletion_of_an_author_takes_nothing_back(platform: Platform) -> None:
    platform.write(platform.gone())
    platform.write(platform.gone(deleted_at=NOON - timedelta(days=1)))
    platform.write(platform.post("1"))
    assert platform.ids == []


@pytest.mark.stack
def test_an_author_purged_for_good_stays_out_whatever_comes(platform: Platform) -> None:
    after = NOON + timedelta(days=30)
    platform.write(platform.post("1", created_at=after))
    platform.write(platform.gone(for_good=True))
    platform.write(platform.gone(deleted_at=after))  # the account went, too, and came back
    platform.write(platform.post("2", created_at=after + timedelta(days=1)))
    assert platform.ids == []
    assert platform.recorded("author:17")["for_good"] is True


@pytest.mark.stack
def test_a_post_that_another_worker_is_just_writing_goes_too(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The author goes on record after this worker has asked, and before it writes."""
    bulk = platform.sink._bulk
    send = bulk.send

    def meanwhile(actions: Sequence[bytes]) -> Any:
        monkeypatch.setattr(bulk, "send", send)
        ElasticsearchSink(platform.node, LIMITS, Event()).write(items(platform.gone()))
        return send(actions)

    monkeypatch.setattr(bulk, "send", meanwhile)
    platform.write(platform.post("1"), platform.post("2", Author(id="18")))
    assert platform.ids == ["2"]
    assert (platform.sink.counters.indexed, platform.sink.counters.deleted) == (1, 1)
    assert platform.recorded("1")


@pytest.mark.stack
def test_a_worker_killed_once_the_author_is_on_record_erases_at_the_repeat(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.write(*map(platform.post, "12"))

    class Killed(BaseException):
        pass

    def killed(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(authors, "refresh", killed)
        with pytest.raises(Killed):
            platform.write(platform.gone())
    assert platform.ids == ["1", "2"]
    platform.write(platform.gone())
    assert platform.ids == []


@pytest.mark.stack
def test_an_author_s_id_that_is_too_long_for_the_index_is_a_dead_letter(
    platform: Platform,
) -> None:
    (rejected,) = platform.sink.write(items(platform.gone("ü" * 300)))
    assert "an _id takes at most" in rejected.reason
    platform.write(platform.post("1", Author(id="ü" * 300)))
    assert platform.ids == ["1"]


@pytest.mark.stack
def test_a_purge_counts_and_sends_one_record_that_erases_them(
    stack: Stack, platform: Platform
) -> None:
    settings = Settings(kafka=stack.kafka, elasticsearch=stack.elasticsearch)
    began, name = datetime.now(UTC), f"{platform.name}:17"
    platform.write(*map(platform.post, "123"))
    author = purge.author_of(name, datetime.now(UTC))

    def said(*, dry_run: bool) -> list[str]:
        queries.refresh(platform.node)
        return list(purge.purge(platform.node, settings, author, dry_run=dry_run))

    counted = f"{name}: 3 posts in the index"
    assert said(dry_run=True) == [counted, "nothing is sent (--dry-run)"]
    sentences = said(dry_run=False)
    assert (sentences[0], sentences[3]) == (counted, purge.UNREACHED)
    assert "later ones are indexed (--for-good" in sentences[2]
    records = read_to_end(settings, COLLECTED, began)
    sent = [decode_collected(one.value) for one in records if one.key == author.key.encode()]
    assert sent == [author]
    platform.write(*sent)
    assert platform.ids == []
    assert said(dry_run=True)[0] == f"{name}: 0 posts in the index"


@pytest.mark.stack
def test_a_purge_of_a_name_tells_the_id(stack: Stack, platform: Platform) -> None:
    platform.write(*map(platform.post, "12"))
    queries.refresh(platform.node)
    author = purge.author_of(f"{platform.name}:@bea", datetime.now(UTC))
    settings = Settings(kafka=stack.kafka, elasticsearch=stack.elasticsearch)
    said = list(purge.purge(platform.node, settings, author, dry_run=True))
    assert said[1] == f"@bea is the name of {platform.name}:17, with 2 posts: --author takes the id"


@pytest.mark.parametrize("given", ["17", "X:17", "x:", "x:" + "1" * 512])
def test_what_names_no_author_is_refused(given: str) -> None:
    with pytest.raises(UserError, match="--author"):
        purge.author_of(given, datetime.now(UTC))
