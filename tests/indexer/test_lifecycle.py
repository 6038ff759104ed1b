"""Posts are kept for whole months by their own time, and nothing else is ever deleted."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest
from elasticsearch import Elasticsearch
from pydantic import SecretStr

from indexer import families, lifecycle, templates
from indexer.lifecycle import NAME, ORIGIN, POLICY, end_of, is_past
from indexer.sink import ElasticsearchSink
from stack import Stack
from stream.backoff import Backoff
from stream.elastic import connect
from stream.errors import UserError
from stream.settings import Settings
from tests.indexer.records import LIMITS, classified, found, items
from tests.indexer.secured_node import Key, SecuredNode, secured_node

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MARCH, APRIL = "emotions-v1-2026.03", "emotions-v1-2026.04"
END_OF_MARCH = "1775001600000"  # date -u -d 2026-04-01 +%s000
MINE = {"managed_by": "emostream"}


def milliseconds(year: int, month: int) -> int:
    return round(datetime(year, month, 1, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("index", "end"),
    [
        (MARCH, int(END_OF_MARCH)),
        ("emotions-v1-2025.12", milliseconds(2026, 1)),
        ("emotions-v2-2024.02", milliseconds(2024, 3)),
        ("emotions-v1-1969.12", 0),
        ("emotions-v1-0001.01", 0),
        ("emotions-v1-9999.12", 253402300800000),
    ],
)
def test_a_month_ends_where_the_next_begins(index: str, end: int) -> None:
    assert end_of(index) == end


@pytest.mark.parametrize(
    ("index", "months", "now", "past"),
    [
        ("emotions-v1-2026.10", 1, "2026-11-30T23:59:59+00:00", False),
        ("emotions-v1-2026.10", 1, "2026-12-01T00:00:00+00:00", True),
        ("emotions-v1-2026.10", 1, "2026-12-01T00:59:59+01:00", False),
        ("emotions-v1-2025.10", 12, "2026-10-31T23:59:59+00:00", False),
        ("emotions-v1-2025.10", 12, "2026-11-01T00:00:00+00:00", True),
        ("emotions-v12-2020.01", 12, "2026-11-01T00:00:00+00:00", True),
        ("emotions-v1-2030.01", 1, "2026-11-01T00:00:00+00:00", False),
        ("emotions-v1-9999.12", 1, "2026-11-01T00:00:00+00:00", False),
        ("emotions-v1-0001.01", 100, "2026-11-01T00:00:00+00:00", True),
        ("emotions-deletions-v1", 1, "2026-11-01T00:00:00+00:00", False),
        ("emotions-v1-2020.1", 1, "2026-11-01T00:00:00+00:00", False),
        ("emotions-v1-2020.13", 1, "2026-11-01T00:00:00+00:00", False),
        ("emotions-v1-2020.01-copy", 1, "2026-11-01T00:00:00+00:00", False),
        ("my-emotions-v1-2020.01", 1, "2026-11-01T00:00:00+00:00", False),
        ("emotions-v1-0000.01", 1, "2026-11-01T00:00:00+00:00", False),
    ],
)
def test_only_a_month_of_ours_is_past_and_not_a_moment_too_early(
    index: str, months: int, now: str, past: bool
) -> None:
    assert is_past(index, months, datetime.fromisoformat(now)) is past


def test_what_is_no_month_of_ours_cannot_be_deleted() -> None:
    with connect(Settings(elasticsearch="http://127.0.0.1:1")) as client:
        for index in ("emotions-deletions-v1", "emotions", "emotions-v1-*", "*", "other"):
            with pytest.raises(ValueError, match="no month of ours"):
                lifecycle.delete(client, index)


@pytest.fixture
def cluster() -> Iterator[SecuredNode]:
    """A cluster with lifecycles, two months of ours, and an index that is not ours."""
    with secured_node() as node:
        node.indices = {MARCH: {}, APRIL: {}, "emotions-verdict": {}}
        yield node


@pytest.fixture
def client(cluster: SecuredNode) -> Iterator[Elasticsearch]:
    with connect(administrator(cluster)) as client:
        yield client


def administrator(cluster: SecuredNode) -> Settings:
    return Settings(
        elasticsearch=cluster.address,
        elasticsearch_username="elastic",
        elasticsearch_password=SecretStr("top"),
    )


@pytest.mark.wire
def test_each_month_gets_the_policy_and_its_own_end(
    cluster: SecuredNode, client: Elasticsearch
) -> None:
    (sentence,) = lifecycle.set_up(client, 12)
    assert sentence == (
        "lifecycle policy emotions: a month's posts are deleted 12 months after its end; "
        "2 indices have it"
    )
    assert cluster.policies[POLICY]["phases"] == {
        "delete": {"min_age": "372d", "actions": {"delete": {}}}
    }
    assert cluster.indices == {
        MARCH: {NAME: POLICY, ORIGIN: END_OF_MARCH},
        APRIL: {NAME: POLICY, ORIGIN: str(milliseconds(2026, 5))},
        "emotions-verdict": {},
    }


@pytest.mark.wire
def test_a_second_setup_changes_nothing_and_another_retention_only_the_policy(
    cluster: SecuredNode, client: Elasticsearch
) -> None:
    lifecycle.set_up(client, 12)
    cluster.changes()
    lifecycle.set_up(client, 12)
    assert cluster.changes() == []
    lifecycle.set_up(client, 1)
    assert cluster.changes() == ["PUT /_ilm/policy/emotions"]
    assert cluster.policies[POLICY]["phases"]["delete"]["min_age"] == "31d"


@pytest.mark.wire
def test_months_that_a_migration_filled_get_the_policy_that_is_there_and_none_is_made(
    cluster: SecuredNode, client: Elasticsearch
) -> None:
    assert lifecycle.extend(client) == []
    assert cluster.changes() == []
    lifecycle.set_up(client, 12)
    cluster.indices["emotions-v2-2026.03"] = {}
    assert lifecycle.extend(client) == ["lifecycle policy emotions: 3 indices have it"]
    assert cluster.indices["emotions-v2-2026.03"] == {NAME: POLICY, ORIGIN: END_OF_MARCH}


@pytest.mark.wire
def test_a_cluster_whose_lifecycles_are_stopped_says_so(
    cluster: SecuredNode, client: Elasticsearch
) -> None:
    cluster.faults["GET /_ilm/status"] = (200, {"operation_mode": "STOPPED"})
    (sentence,) = lifecycle.set_up(client, 12)
    assert sentence.endswith("; ILM is STOPPED: nothing is deleted until it is started")


@pytest.mark.wire
def test_a_policy_that_somebody_changed_is_put_again(
    cluster: SecuredNode, client: Elasticsearch
) -> None:
    lifecycle.set_up(client, 12)
    cluster.policies[POLICY]["phases"]["delete"]["min_age"] = "1d"
    lifecycle.set_up(client, 12)
    assert cluster.policies[POLICY]["phases"]["delete"]["min_age"] == "372d"


@pytest.mark.wire
def test_without_a_retention_the_policy_is_taken_away_again(
    cluster: SecuredNode, client: Elasticsearch
) -> None:
    lifecycle.set_up(client, 12)
    assert lifecycle.set_up(client, None) == ["lifecycle: posts are kept for ever"]
    assert (cluster.policies, cluster.components) == ({}, {})
    assert not any(NAME in settings for settings in cluster.indices.values())
    cluster.changes()
    assert lifecycle.set_up(client, None) == ["lifecycle: posts are kept for ever"]
    assert cluster.changes() == []


@pytest.mark.wire
def test_a_month_that_gets_the_policy_while_it_is_taken_away_loses_it_too(
    cluster: SecuredNode, client: Elasticsearch
) -> None:
    lifecycle.set_up(client, 12)
    in_use = {"error": {"type": "illegal_argument_exception", "reason": "in use"}, "status": 400}
    cluster.faults["DELETE /_ilm/policy/emotions"] = (400, in_use)
    lifecycle.set_up(client, None)
    assert cluster.policies == {}


@pytest.mark.wire
def test_a_policy_and_a_lifecycle_that_are_not_ours_are_left_alone(
    cluster: SecuredNode, client: Elasticsearch
) -> None:
    theirs = {"phases": {"delete": {"min_age": "1d", "actions": {"delete": {}}}}}
    cluster.policies[POLICY] = theirs
    with pytest.raises(UserError, match="lifecycle policy emotions is there that is not ours"):
        lifecycle.set_up(client, 12)
    lifecycle.set_up(client, None)
    assert cluster.policies[POLICY] is theirs
    del cluster.policies[POLICY]
    cluster.indices[MARCH] = {NAME: "theirs"}
    (sentence,) = lifecycle.set_up(client, 12)
    assert sentence.endswith("1 indices have it, 1 have another one")
    assert cluster.indices[MARCH] == {NAME: "theirs"}


@pytest.mark.wire
def test_a_new_month_is_made_with_its_end_before_the_first_post(
    cluster: SecuredNode, client: Elasticsearch
) -> None:
    lifecycle.set_up(client, 12)
    may = "emotions-v1-2026.05"
    until = lifecycle.prepare(client, Backoff(0.01), {MARCH, may}, NOW)
    assert cluster.indices[may] == {NAME: POLICY, ORIGIN: str(milliseconds(2026, 6))}
    assert until == dict.fromkeys((MARCH, may), NOW + timedelta(hours=1))


@pytest.mark.wire
def test_readiness_ends_with_the_month_when_others_become_past(
    cluster: SecuredNode, client: Elasticsearch
) -> None:
    lifecycle.set_up(client, 12)
    late = datetime(2026, 12, 31, 23, 59, tzinfo=UTC)
    assert lifecycle.prepare(client, Backoff(0.01), {MARCH}, late) == {
        MARCH: datetime(2027, 1, 1, tzinfo=UTC)
    }


@pytest.mark.wire
def test_a_month_that_is_past_comes_back_for_a_late_post_and_ends_again(
    cluster: SecuredNode, client: Elasticsearch
) -> None:
    lifecycle.set_up(client, 1)
    for _batch in range(2):
        cluster.indices.pop(MARCH)  # the policy has deleted it
        soon = NOW + timedelta(minutes=1)
        assert lifecycle.prepare(client, Backoff(0.01), {MARCH}, NOW) == {MARCH: soon}
        assert cluster.indices[MARCH] == {NAME: POLICY, ORIGIN: END_OF_MARCH}


@pytest.mark.wire
def test_without_a_policy_the_station_makes_no_month(
    cluster: SecuredNode, client: Elasticsearch
) -> None:
    until = lifecycle.prepare(client, Backoff(0.01), {"emotions-v1-2026.05"}, NOW)
    assert until == {"emotions-v1-2026.05": NOW + timedelta(hours=1)}
    assert cluster.changes() == []


@pytest.mark.wire
def test_a_station_that_may_not_see_the_policy_says_so_and_goes_on(
    cluster: SecuredNode, client: Elasticsearch, caplog: pytest.LogCaptureFixture
) -> None:
    lifecycle.set_up(client, 1)
    little = {"emostream-indexer": {"cluster": ["monitor"], "indices": []}}
    cluster.keys.append(Key("1", "own", "x", little, {}, "elastic"))
    own = client.options(api_key=cluster.keys[0].encoded)
    with caplog.at_level(logging.WARNING):
        assert lifecycle.prepare(own, Backoff(0.01), {MARCH}, NOW)[MARCH] > NOW
    assert "privilege read_ilm" in caplog.text


@pytest.fixture
def guarded(stack: Stack, bare: Elasticsearch) -> Iterator[SecuredNode]:
    """The stack's node, with lifecycles; posts are kept for one month."""
    with secured_node(stack.elasticsearch) as cluster:
        with connect(administrator(cluster)) as client:
            templates.set_up(client)
            lifecycle.set_up(client, 1)
        yield cluster


@pytest.mark.stack
def test_a_past_month_deleted_just_before_the_bulk_request_comes_back_with_the_policy(
    guarded: SecuredNode, bare: Elasticsearch
) -> None:
    def delete() -> None:
        bare.indices.delete(index=MARCH)
        del guarded.indices[MARCH]

    guarded.before["POST /_bulk"] = delete
    with connect(administrator(guarded)) as client:
        sink = ElasticsearchSink(client, LIMITS, Event(), now=lambda: NOW)
        assert not sink.write(items(classified("1")))
        assert list(found(bare, ["1"])) == ["x:1"]
        assert guarded.indices == {MARCH: {NAME: POLICY}}
        lifecycle.set_up(client, 1)
        assert guarded.indices == {MARCH: {NAME: POLICY, ORIGIN: END_OF_MARCH}}


@pytest.mark.stack
def test_posts_of_a_past_month_ask_for_its_lifecycle_and_mapping_once_a_minute(
    guarded: SecuredNode,
) -> None:
    now = NOW
    with connect(administrator(guarded)) as client:
        sink = ElasticsearchSink(client, LIMITS, Event(), now=lambda: now)
        asked = []
        for seconds in (0, 30, 61):
            now = NOW + timedelta(seconds=seconds)
            guarded.requests.clear()
            assert not sink.write(items(classified(str(seconds))))
            asked.append([line for _who, line in guarded.requests])
    assert asked[1] == ["POST /emotions-deletions-v1/_mget", "POST /_bulk"]
    assert f"PUT /{MARCH}" in asked[0]
    assert asked[2] == asked[0]


FILLED = (
    "emotions-v1-2025.08",
    "emotions-v1-2025.09",
    "emotions-v1-2025.10",
    "emotions-v1-2026.11",
    "emotions-v1-2027.01",
)
OTHERS = (
    "emotions-v1-2020.1",
    "emotions-v1-2020.13",
    "emotions-v1-2020.01-copy",
    "emotions-v1-notes",
    "emotions-vx-2020.01",
    "emotions-2020.01",
)


@pytest.mark.stack
def test_exactly_the_months_that_are_past_are_deleted(
    node: Elasticsearch, sink: ElasticsearchSink
) -> None:
    for index in FILLED:
        year, month = index[-7:].split(".")
        sink.write(
            items(classified(index, created_at=datetime(int(year), int(month), 9, tzinfo=UTC)))
        )
    for index in OTHERS:
        node.indices.create(index=index)
    node.indices.close(index=FILLED[0])
    before = everything(node)
    assert families.months(node, families.EVERY, closed=True) == list(FILLED)
    past = lifecycle.past(node, 13, NOW)
    assert past == ["emotions-v1-2025.08", "emotions-v1-2025.09"]
    for index in [*past, past[0]]:  # twice: another one may have been quicker
        lifecycle.delete(node, index)
    assert everything(node) == before - set(past)


def everything(node: Elasticsearch) -> set[str]:
    return set(node.indices.get(index="*", expand_wildcards=["all"]).body)


@pytest.mark.stack
def test_the_command_names_what_it_would_delete_and_then_deletes_it(
    stack: Stack, node: Elasticsearch, sink: ElasticsearchSink
) -> None:
    old = "emotions-v1-2019.12"
    sink.write(items(classified("1", created_at=datetime(2019, 12, 31, 23, 59, tzinfo=UTC))))
    assert expire(stack).startswith("EMOSTREAM_RETENTION_MONTHS is not set")
    assert expire(stack, "--months", "12", "--dry-run") == f"{old} would be deleted\n"
    assert node.indices.exists(index=old)
    assert expire(stack, retention="12") == f"{old} is deleted\n"
    assert not node.indices.exists(index=old)
    assert expire(stack, "--months", "12") == "nothing is past 12 months\n"


def expire(stack: Stack, *arguments: str, retention: str = "") -> str:
    environment = {
        "EMOSTREAM_ELASTICSEARCH": stack.elasticsearch,
        "EMOSTREAM_RETENTION_MONTHS": retention,
    }
    command = [sys.executable, "-m", "indexer", "expire", *arguments]
    done = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.stack
def test_an_index_behind_an_alias_named_like_a_month_is_not_deleted(node: Elasticsearch) -> None:
    node.indices.create(index="emotions-other", aliases={"emotions-v1-2020.01": {}})
    assert lifecycle.past(node, 1, NOW) == []


@pytest.mark.stack
def test_a_late_post_brings_its_month_back_until_the_next_expiry(
    node: Elasticsearch, sink: ElasticsearchSink
) -> None:
    for native_id in ("1", "2"):
        assert not sink.write(items(classified(native_id)))
        assert lifecycle.past(node, 1, NOW) == [MARCH]
        lifecycle.delete(node, MARCH)
        assert lifecycle.past(node, 1, NOW) == []


@pytest.mark.stack
def test_a_node_without_lifecycles_says_what_deletes_instead(node: Elasticsearch) -> None:
    assert lifecycle.set_up(node, None) == ["lifecycle: this node has none"]
    assert lifecycle.set_up(node, 3) == [
        "lifecycle: this node has none: let `python -m indexer expire` run once a day"
    ]
    assert lifecycle.prepare(node, Backoff(0.01), {MARCH}, NOW)[MARCH] > NOW
    assert not node.indices.exists(index=MARCH)
