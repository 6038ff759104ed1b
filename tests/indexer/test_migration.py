"""Posts move to a mapping that could not be reached in place, and no reader notices."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from indexer import copying, deletions, families, migration, templates
from indexer.bulk import Bulk
from indexer.documents import document
from indexer.sink import ElasticsearchSink
from stack import Stack
from stream.elastic import connect
from stream.errors import UserError
from stream.settings import Settings
from tests.indexer import conftest, next_version
from tests.indexer.records import LIMITS, NOON, classification, classified, deletion, items

pytestmark = pytest.mark.stack

ROOT = Path(__file__).parents[2]
MONTHS = [NOON + timedelta(days=31 * n) for n in range(3)]
LABELLED = classification("joy", suggestion=0.75)
OLD, NEW = "emotions-v1", "emotions-v2"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The templates of the next version."""
    folder = tmp_path_factory.mktemp("templates")
    next_version.write_templates(folder)
    return folder


class Next:
    """The next version of the indexer, in processes of its own."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.environment = os.environ | {"EMOSTREAM_ELASTICSEARCH": stack.elasticsearch}
        self.command = [sys.executable, "-m", "tests.indexer.next_version", str(folder)]

    def start(self, *command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self.command, *command],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *command: str, code: int = 0) -> str:
        process = self.start(*command)
        out, err = process.communicate(timeout=60)
        assert process.returncode == code, out + err
        return out + err


@pytest.fixture
def coming(stack: Stack, folder: Path) -> Next:
    return Next(stack, folder)


def posts(numbers: Sequence[int], **changes: Any) -> list[Any]:
    """Posts over three months; a post's number decides its month."""
    return items(
        *(
            classified(str(n), labels=LABELLED, **{"created_at": MONTHS[n % 3]} | changes)
            for n in numbers
        )
    )


def seen(client: Elasticsearch) -> int:
    return int(client.count(index="emotions")["count"])


def everything(client: Elasticsearch, family: str) -> dict[str, dict[str, Any]]:
    client.indices.refresh(index=f"{family}-*")
    return {
        hit["_id"]: {"version": hit["_version"], "index": hit["_index"], **hit["_source"]}
        for index in families.months(client, family)
        for page in copying.pages(client, index)
        for hit in page
    }


class World:
    """What the index must hold, written by today's indexer while readers count."""

    def __init__(self, client: Elasticsearch) -> None:
        self.client = client
        self.sink = ElasticsearchSink(client, LIMITS, Event())
        self.likes: dict[str, int] = {}
        self.lock, self.counts = Lock(), 0

    def write(self, numbers: Sequence[int], likes: int = 0) -> None:
        """Posts, or newer observations of them, with so many likes."""
        moment = NOON + timedelta(days=100, seconds=likes)
        with self.lock:
            written = self.sink.write(posts(numbers, observed_at=moment, counts={"likes": likes}))
            assert not written
            self.client.indices.refresh(index="emotions")
            self.likes |= {f"x:{n}": likes for n in numbers}

    def delete(self, number: int) -> None:
        with self.lock:
            assert not self.sink.write(items(deletion(str(number))))
            self.client.indices.refresh(index="emotions")
            self.likes.pop(f"x:{number}", None)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """A reader who counts all the while, and must see every post once."""
        stop, wrong = Event(), []

        def count() -> None:
            while not stop.is_set():
                with self.lock:
                    found, expected = seen(self.client), len(self.likes)
                    self.counts += 1
                if found != expected:
                    wrong.append((found, expected))
                stop.wait(0.01)

        reader = Thread(target=count)
        reader.start()
        try:
            yield
        finally:
            stop.set()
            reader.join()
        assert not wrong, f"{len(wrong)} of {self.counts} counts: {wrong[:5]}"
        assert self.counts > 20


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def copied(client: Elasticsearch) -> int:
    client.indices.refresh(index=f"{NEW}-*")
    new_month = client.options(ignore_status=503)  # it cannot be searched for a moment
    return int(new_month.count(index=f"{NEW}-*").body.get("count", 0))


def test_posts_move_while_writers_write_and_readers_read_and_a_killed_migration_goes_on(
    node: Elasticsearch, coming: Next
) -> None:
    world = World(node)
    world.write(range(2000))
    with world.watched():
        killed = coming.start("slowly", "migrate")
        until(lambda: copied(node) > 300)
        killed.kill()
        killed.communicate()
        assert 300 < copied(node) < 1900

        going_on = coming.start("slowly", "migrate")
        for n in range(0, 300, 25):
            world.write([n, 2000 + n], likes=n)  # an edit of an old post, and a new one
            world.delete(n + 5)
        out, err = going_on.communicate(timeout=60)
        assert going_on.returncode == 0, err
        assert "readers still read emotions-v1-*" in out

        finishing = coming.start("slowly", "migrate", "--finish")
        refused, number = "", 3000
        while not refused:
            try:
                world.write([number])
                world.write([7], likes=number)
            except UserError as error:
                refused = str(error)
            number += 1
        out, err = finishing.communicate(timeout=60)
        assert finishing.returncode == 0, err
        assert "readers read emotions-v2-* now" in out
    assert "If the posts have moved" in refused
    found = everything(node, NEW)
    assert {one: fields["emostream"]["counts"]["likes"] for one, fields in found.items()} == (
        world.likes
    )
    old = everything(node, OLD)
    for one, fields in found.items():
        assert fields["emostream"]["suggestion"] == {"probability": 0.75, "given": True}
        assert fields["version"] == old[one]["version"]
        assert fields["index"].removeprefix(NEW) == old[one]["index"].removeprefix(OLD)

    coming.run("post", "9000")
    node.indices.refresh(index="emotions")
    assert seen(node) == len(world.likes) + 1
    assert "index emotions-v1-2026.03 is deleted" in coming.run("migrate", "--drop-old")
    assert families.present(node) == [NEW]
    assert seen(node) == len(world.likes) + 1

    moved(node)  # today's program goes back, from nothing
    assert families.read(node) == OLD
    assert seen(node) == len(world.likes) + 1


def test_a_migration_can_be_gone_back_on_with_the_posts_written_since(
    node: Elasticsearch, coming: Next
) -> None:
    ElasticsearchSink(node, LIMITS, Event()).write(posts(range(6)))
    coming.run("migrate", "--finish")
    coming.run("post", "100", "101")
    with pytest.raises(UserError, match=r"are in the indices emotions-v2-\*.*update emostream"):
        templates.ensure(node)
    moved(node)
    assert set(everything(node, OLD)) == {f"x:{n}" for n in [*range(6), 100, 101]}
    assert families.read(node) == OLD
    assert everything(node, OLD)["x:1"]["emostream"]["suggestion"] == 0.75
    templates.ensure(node)
    assert not ElasticsearchSink(node, LIMITS, Event()).write(posts([7, 8]))
    out = coming.run("run", code=2)
    assert out.startswith("error: the posts are in the indices emotions-v1-*, this program writes ")
    assert out.count("\n") == 1


@pytest.mark.parametrize("command", ["setup", "run"])
def test_a_program_of_another_version_says_in_one_line_that_the_posts_must_move_first(
    node: Elasticsearch, coming: Next, command: str
) -> None:
    ElasticsearchSink(node, LIMITS, Event()).write(posts([1]))
    out = coming.run(command, code=2)
    assert "run `python -m indexer migrate`" in out
    assert out.count("\n") == 1
    assert families.present(node) == [OLD]


# What follows moves posts into today's months, from a family that never was.

PAST = "emotions-v0"


def past(client: Elasticsearch, *records: Any) -> None:
    """Posts in the months of the family before ours, read by everybody."""
    sent = [document(record, NOON) for record in records]
    for index in sorted({of_past(one.index) for one in sent} - set(families.months(client, PAST))):
        client.indices.create(index=index, mappings=templates.mapping(), aliases={"emotions": {}})
    actions = [replace(one, index=of_past(one.index)).bulk_action() for one in sent]
    assert not any(outcome.fault for outcome in Bulk(client, LIMITS, Event()).send(actions))
    client.indices.refresh(index=f"{PAST}-*")


def of_past(index: str) -> str:
    return PAST + index.removeprefix(OLD)


def moved(client: Elasticsearch, *, finish: bool = True) -> list[str]:
    """Migrates and gives what it says."""
    said: list[str] = []
    migration.migrate(client, Bulk(client, LIMITS, Event()), finish=finish, say=said.append)
    return said


def seen_ids(client: Elasticsearch) -> list[str]:
    client.indices.refresh(index="emotions")
    return sorted(hit["_id"] for hit in client.search(index="emotions")["hits"]["hits"])


class CutOff(BaseException):
    """The migration dies here."""


def cut_off(stack: Stack, after: int) -> int:
    """Migrates until so many requests are answered; returns how many were."""
    answered = 0
    with connect(Settings(elasticsearch=stack.elasticsearch)) as client:
        send = client.transport.perform_request

        def perform_request(method: str, path: str, **options: Any) -> Any:
            nonlocal answered
            if answered >= after and (method, path) != ("DELETE", "/_pit"):
                raise CutOff
            answered += 1
            return send(method, path, **options)

        transport: Any = client.transport
        transport.perform_request = perform_request
        with suppress(CutOff):
            moved(client)
    return answered


def test_a_migration_cut_off_at_a_dozen_random_requests_is_finished_by_the_next(
    node: Elasticsearch, stack: Stack
) -> None:
    three = [classified("1"), classified("2"), classified("3", created_at=MONTHS[1])]
    past(node, *three)
    requests = cut_off(stack, after=1000)
    assert 20 < requests < 1000
    for after in random.Random(7).sample(range(requests), 12):
        conftest.empty(node)
        templates.set_up(node)
        past(node, *three)
        cut_off(stack, after)
        assert seen_ids(node) == ["x:1", "x:2", "x:3"], after
        moved(node)
        assert seen_ids(node) == ["x:1", "x:2", "x:3"], after
        assert families.read(node) == OLD, after
        templates.ensure(node)
        assert not ElasticsearchSink(node, LIMITS, Event()).write(posts([4])), after


def test_migrating_again_changes_nothing(node: Elasticsearch) -> None:
    past(node, classified("1"))
    assert "pass 1: 1 posts of emotions-v0-* copied or removed" in moved(node)
    assert moved(node) == ["nothing to migrate: every post is in the indices of this version"]


def test_nothing_to_migrate_is_said_on_an_empty_node(node: Elasticsearch) -> None:
    assert moved(node) == ["nothing to migrate: every post is in the indices of this version"]


def test_a_second_copy_takes_only_what_has_changed(node: Elasticsearch) -> None:
    past(node, *(classified(str(n)) for n in range(30)))
    assert moved(node, finish=False)[0].startswith("pass 1: 30 posts")
    later = NOON + timedelta(hours=1)
    past(node, classified("7", observed_at=later), classified("99"))
    assert moved(node, finish=False)[0].startswith("pass 1: 2 posts")


def test_new_labels_of_the_same_observation_are_copied_too(node: Elasticsearch) -> None:
    past(node, classified("1", primary="joy"))
    moved(node, finish=False)
    ingested = NOON + timedelta(seconds=9)
    relabelled = document(classified("1", primary="anger"), ingested)
    Bulk(node, LIMITS, Event()).send(
        [replace(relabelled, index=of_past(relabelled.index)).bulk_action()]
    )
    moved(node)
    assert everything(node, OLD)["x:1"]["emostream"]["emotion"]["primary"] == "anger"


def test_a_deletion_on_record_is_not_undone_though_its_post_was_not_erased_yet(
    node: Elasticsearch,
) -> None:
    """As an indexer leaves it that is killed between the two; and the copy was there already."""
    past(node, classified("1"), classified("2"))
    moved(node, finish=False)
    deletions.remember(Bulk(node, LIMITS, Event()), [deletion("1")])
    moved(node)
    assert seen_ids(node) == ["x:2"]


def test_a_post_that_is_erased_during_the_copy_is_erased_in_the_new_months(
    node: Elasticsearch,
) -> None:
    past(node, classified("1"), classified("2"))
    moved(node, finish=False)
    node.delete(index="emotions-v0-2026.03", id="x:1")
    moved(node)
    assert seen_ids(node) == ["x:2"]


def test_a_month_that_is_dropped_during_the_copy_does_not_come_back(node: Elasticsearch) -> None:
    past(node, classified("1"), classified("2", created_at=MONTHS[1]))
    moved(node, finish=False)
    node.indices.delete(index="emotions-v0-2026.03")
    moved(node)
    assert seen_ids(node) == ["x:2"]
    assert families.months(node, OLD) == ["emotions-v1-2026.04"]


def test_while_posts_are_copied_readers_see_the_old_months_alone(node: Elasticsearch) -> None:
    past(node, classified("1"))
    moved(node, finish=False)
    assert families.months(node, OLD) == ["emotions-v1-2026.03"]
    assert families.months_read(node) == ["emotions-v0-2026.03"]


def test_a_copy_that_was_never_finished_is_no_set_up(
    node: Elasticsearch, sink: ElasticsearchSink
) -> None:
    past(node, classified("1"))
    moved(node, finish=False)
    node.indices.delete(index=f"{PAST}-2026.03")
    templates.ensure(node)
    assert not sink.write(items(classified("2", created_at=MONTHS[1])))
    assert seen_ids(node) == ["x:1", "x:2"]


def test_what_a_transform_makes_is_written(
    node: Elasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shout(fields: dict[str, Any]) -> dict[str, Any]:
        return fields | {"message": fields["message"].upper()}

    monkeypatch.setitem(migration.TRANSFORMS, (PAST, OLD), shout)
    past(node, classified("1"))
    moved(node)
    assert everything(node, OLD)["x:1"]["message"] == "SUCH JOY TODAY"


@pytest.mark.parametrize("posts_", [1, 150])
def test_a_document_that_the_new_mapping_refuses_stops_it_before_anything_has_moved(
    node: Elasticsearch, monkeypatch: pytest.MonkeyPatch, posts_: int
) -> None:
    monkeypatch.setitem(
        migration.TRANSFORMS, (PAST, OLD), lambda fields: fields | {"nobody_knows": 1}
    )
    past(node, *(classified(str(n)) for n in range(posts_)))
    with pytest.raises(UserError, match=r"\[nobody_knows\].*nothing has moved; mend the transform"):
        moved(node)
    assert families.read(node) == PAST
    past(node, classified("late"))  # its indexer still writes


def test_a_transform_that_changes_the_time_is_our_own_fault(
    node: Elasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(migration.TRANSFORMS, (PAST, OLD), lambda fields: fields | {"event": {}})
    past(node, classified("1"))
    with pytest.raises(ValueError, match="must leave @timestamp and event"):
        moved(node)


def test_months_that_differ_in_number_are_not_read(
    node: Elasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    past(node, classified("1"), classified("2"))
    monkeypatch.setattr(copying.Copier, "_copy", lambda *_: 0)
    with pytest.raises(UserError, match=r"2026.03 has 0 posts, emotions-v0-2026.03 2: nothing has"):
        moved(node)
    assert families.read(node) == PAST


def test_a_closed_family_takes_no_post_in_any_month_and_stops_its_programs(
    node: Elasticsearch, sink: ElasticsearchSink
) -> None:
    assert not sink.write(items(classified("1")))
    families.close(node, OLD, moved_to=NEW)
    with pytest.raises(UserError, match="If the posts have moved to a newer version"):
        sink.write(items(classified("2")))
    with pytest.raises(UserError, match=r"have moved to the indices emotions-v2-\*"):
        sink.write(items(classified("3", created_at=MONTHS[1])))
    with pytest.raises(UserError, match=r"have moved to the indices emotions-v2-\*"):
        templates.ensure(node)
    raced = document(classified("4", created_at=MONTHS[2]), NOON).bulk_action()
    with pytest.raises(UserError, match="blocked"):  # had asked for the template just before
        Bulk(node, LIMITS, Event()).send([raced])
    assert set(everything(node, OLD)) == {"x:1"}


def test_a_migration_given_up_after_the_old_family_was_closed_is_undone_by_the_old_program(
    node: Elasticsearch, sink: ElasticsearchSink
) -> None:
    sink.write(items(classified("1")))
    families.close(node, OLD, moved_to=NEW)
    raced = document(classified("3", created_at=MONTHS[1]), NOON).bulk_action()
    with pytest.raises(UserError, match="blocked"):  # had asked for the template just before
        Bulk(node, LIMITS, Event()).send([raced])
    assert families.months(node, OLD) == ["emotions-v1-2026.03", "emotions-v1-2026.04"]
    assert moved(node) == [
        "readers read emotions-v1-*, which is open again: start the indexers of this version"
    ]
    templates.ensure(node)
    late = [classified("2"), classified("3", created_at=MONTHS[1])]
    assert not ElasticsearchSink(node, LIMITS, Event()).write(items(*late))
    assert seen_ids(node) == ["x:1", "x:2", "x:3"]


def test_old_months_are_kept_while_a_post_of_theirs_is_in_no_other(node: Elasticsearch) -> None:
    past(node, classified("1"), classified("2"), classified("3"))
    bulk, said = Bulk(node, LIMITS, Event()), list[str]()
    with pytest.raises(UserError, match="migrate --finish` comes first"):
        migration.drop_old(node, bulk, said.append)
    moved(node)
    node.delete(index="emotions-v1-2026.03", id="x:2")
    deletions.remember(bulk, [deletion("3")])
    deletions.erase(node, bulk, [deletion("3")])
    with pytest.raises(UserError, match=r"1 posts of emotions-v0-2026.03 are neither.*x:2"):
        migration.drop_old(node, bulk, said.append)
    assert families.present(node) == [PAST, OLD]
    seen_again = classified("2", observed_at=NOON + timedelta(hours=1))
    ElasticsearchSink(node, LIMITS, Event()).write(items(seen_again))
    migration.drop_old(node, bulk, said.append)
    assert said == ["index emotions-v0-2026.03 is deleted"]
    assert seen_ids(node) == ["x:1", "x:2"]


def test_the_clusters_own_settings_come_along(node: Elasticsearch) -> None:
    custom = {"settings": {"index": {"refresh_interval": "9s"}}}
    node.cluster.put_component_template(name=f"{PAST}@custom", template=custom)
    past(node, classified("1"))
    moved(node)
    made = node.indices.get_settings(index="emotions-v1-2026.03", flat_settings=True)
    assert made["emotions-v1-2026.03"]["settings"]["index.refresh_interval"] == "9s"


def test_a_month_that_somebody_closed_is_named_and_nothing_has_moved(node: Elasticsearch) -> None:
    past(node, classified("1"), classified("2", created_at=MONTHS[1]))
    node.indices.close(index="emotions-v0-2026.03")
    bulk = Bulk(node, LIMITS, Event())
    closed = r"emotions-v0-2026.03 is closed.*open it \(`POST /emotions-v0-2026.03/_open`\)"
    for finish in (False, True):
        with pytest.raises(UserError, match=closed):
            moved(node, finish=finish)
    assert families.read(node) == PAST
    node.indices.open(index="emotions-v0-2026.03")
    moved(node)
    assert seen_ids(node) == ["x:1", "x:2"]
    node.indices.close(index="emotions-v0-2026.03")
    with pytest.raises(UserError, match=closed):
        migration.drop_old(node, bulk, list[str]().append)


def test_posts_that_are_all_in_closed_months_are_not_taken_for_none(node: Elasticsearch) -> None:
    past(node, classified("1"))
    node.indices.close(index="emotions-v0-2026.03")
    with pytest.raises(UserError, match="is closed"):
        moved(node)


def test_a_copy_is_not_removed_while_the_old_month_cannot_be_read(node: Elasticsearch) -> None:
    past(node, classified("1"))
    node.indices.close(index="emotions-v0-2026.03")
    with pytest.raises(UserError, match=r"emotions-v0-2026.03 cannot be read now \(index_closed"):
        copying.present(node, "emotions-v0-2026.03", ["x:1"])


def test_an_alias_over_two_families_is_named_and_nothing_is_copied(
    node: Elasticsearch, sink: ElasticsearchSink
) -> None:
    past(node, classified("1"))
    sink.write(items(classified("2")))
    with pytest.raises(UserError, match="is on the indices of emotions-v0 and emotions-v1"):
        moved(node)
