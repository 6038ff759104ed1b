"""Events of Jetstream become posts and deletions."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ingest import bluesky
from ingest.sightings import Refusal
from stream.posts import Author, AuthorDeletion, Deletion, Origin, Post
from tests.ingest.doubles import NOW, SIGHTING, posts_in, read_all

SEEN = datetime(2026, 11, 20, 11, 59, 58, 250_000, tzinfo=UTC)
TIME_US = 1_795_175_998_250_000
TEXT = "käse für @ada.example #Lunch soup.example/…"


def marked(kind: str, part: str, **fields: str) -> dict[str, Any]:
    start = len(TEXT[: TEXT.index(part)].encode())
    return {
        "index": {"byteStart": start, "byteEnd": start + len(part.encode())},
        "features": [{"$type": f"app.bsky.richtext.facet#{kind}", **fields}],
    }


RECORD: dict[str, Any] = {
    "$type": "app.bsky.feed.post",
    "createdAt": "2026-11-20T11:59:57.000Z",
    "langs": ["de", "en"],
    "text": TEXT,
    "tags": ["soup", "Lunch"],
    "facets": [
        marked("mention", "@ada.example", did="did:plc:ada"),
        marked("tag", "#Lunch", tag="Lunch"),
        marked("link", "soup.example/…", uri="https://soup.example/today"),
    ],
    "embed": {
        "$type": "app.bsky.embed.recordWithMedia",
        "media": {"$type": "app.bsky.embed.external", "external": {"uri": "https://pan.example"}},
    },
    "reply": {
        "root": {"cid": "b1", "uri": "at://did:plc:root/app.bsky.feed.post/3aaa"},
        "parent": {"cid": "b2", "uri": "at://did:plc:mid/app.bsky.feed.post/3bbb"},
    },
}


def event(operation: str = "create", record: Any = RECORD, **commit: Any) -> dict[str, Any]:
    return {
        "did": "did:plc:eve",
        "time_us": TIME_US,
        "kind": "commit",
        "commit": {
            "rev": "3r",
            "operation": operation,
            "collection": "app.bsky.feed.post",
            "rkey": "3ccc",
            **({} if operation == "delete" else {"record": record, "cid": "b3"}),
            **commit,
        },
    }


def outcomes(payload: dict[str, Any]) -> list[object]:
    assert bluesky.recognises(payload)
    return list(bluesky.outcomes(payload, SIGHTING))


def post(**fields: Any) -> Post:
    (made,) = outcomes(event(record={**RECORD, **fields}))
    assert isinstance(made, Post)
    return made


def test_a_post_is_read_field_by_field() -> None:
    assert outcomes(event()) == [
        Post(
            platform="bluesky",
            native_id="did:plc:eve/3ccc",
            text=TEXT,
            created_at=datetime(2026, 11, 20, 11, 59, 57, tzinfo=UTC),
            observed_at=NOW,
            url="https://bsky.app/profile/did:plc:eve/post/3ccc",
            author=Author(id="did:plc:eve"),
            language="de",
            hashtags=("Lunch", "soup"),
            mentions=("ada.example",),
            links=("https://soup.example/today", "https://pan.example"),
            reply_to="did:plc:mid/3bbb",
            conversation="did:plc:root/3aaa",
            origin=Origin(crawl="c1", stream="here"),
        )
    ]


def test_a_post_that_answers_none_begins_its_own_conversation() -> None:
    alone = post(reply=None)
    assert (alone.reply_to, alone.conversation) == (None, "did:plc:eve/3ccc")


def test_an_update_is_the_same_post_again() -> None:
    (updated,) = outcomes(event("update", {**RECORD, "text": "better"}))
    assert isinstance(updated, Post)
    assert (updated.native_id, updated.text) == ("did:plc:eve/3ccc", "better")


def test_a_deletion_is_told_by_its_id_and_when_it_was_seen() -> None:
    assert outcomes(event("delete")) == [
        Deletion(
            platform="bluesky",
            native_id="did:plc:eve/3ccc",
            deleted_at=SEEN,
            origin=Origin(crawl="c1", stream="here"),
        )
    ]


@pytest.mark.parametrize(
    "stated",
    [
        "2031-01-01T00:00:00Z",  # later than the server saw it
        "2026-11-20T12:00:00Z",
        "0001-01-01T00:00:00Z",
        "1899-12-31T23:59:59Z",
        "2026-11-20T11:00:00",  # no zone
        "yesterday",
        1_795_175_998,
        None,
    ],
)
def test_a_time_that_cannot_be_is_the_time_the_server_saw_it(stated: Any) -> None:
    assert post(createdAt=stated).created_at == SEEN


def test_a_post_moved_from_elsewhere_keeps_the_earlier_time_it_states() -> None:
    assert post(createdAt="2015-03-04T05:06:07Z").created_at.year == 2015


@pytest.mark.parametrize(
    "payload",
    [
        event(record={**RECORD, "text": " \n"}),
        event(collection="app.bsky.feed.like", record={"subject": {}}),
        {"did": "did:plc:eve", "time_us": TIME_US, "kind": "identity", "identity": {"seq": 1}},
        {"did": "did:plc:eve", "time_us": TIME_US, "kind": "account", "account": {"active": False}},
    ],
)
def test_what_says_nothing_is_no_post_and_no_dead_letter(payload: dict[str, Any]) -> None:
    assert outcomes(payload) == []


def account(**fields: Any) -> dict[str, Any]:
    return {"did": "did:plc:eve", "time_us": TIME_US, "kind": "account", "account": fields}


@pytest.mark.parametrize("status", ["deleted", "takendown", "suspended", "deactivated"])
def test_an_account_that_is_gone_is_the_deletion_of_an_author(status: str) -> None:
    (gone,) = outcomes(account(active=False, status=status))
    assert gone == AuthorDeletion(
        platform="bluesky", author_id="did:plc:eve", deleted_at=SEEN, origin=SIGHTING.origin
    )


@pytest.mark.parametrize(
    "payload",
    [account(active=True), account(active=False, status="throttled"), account(active=False)],
)
def test_an_account_that_is_back_or_slowed_down_is_none(payload: dict[str, Any]) -> None:
    assert outcomes(payload) == []


@pytest.mark.parametrize(
    "broken",
    [
        {"facets": "none"},
        {"facets": [7, {"features": 7}, {"features": [7, {"$type": 7}]}]},
        {"facets": [{"features": [{"$type": "app.bsky.richtext.facet#mention"}], "index": []}]},
        {
            "facets": [
                {
                    "features": [{"$type": "app.bsky.richtext.facet#mention"}],
                    "index": {"byteStart": 2, "byteEnd": 1},
                }
            ]
        },
        {"reply": {"root": {"uri": "at://did:plc:a/other/1"}, "parent": "x"}},
        {"embed": {"external": 5, "media": [1]}},
        {"langs": [1, "x" * 40]},
        {"tags": {"a": "b"}},
    ],
)
def test_what_a_careless_program_wrote_beside_the_text_does_not_cost_the_post(
    broken: dict[str, Any],
) -> None:
    assert post(**broken).text == TEXT


def test_a_mention_cut_inside_a_character_gives_what_is_whole() -> None:
    facet = {
        "index": {"byteStart": 0, "byteEnd": 2},
        "features": [{"$type": "app.bsky.richtext.facet#mention", "did": "did:plc:ada"}],
    }
    assert post(facets=[facet]).mentions == ("k",)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (event(record={"createdAt": "2026-11-20T11:59:57Z"}), "text: Field required"),
        (event(record={**RECORD, "text": 7}), "text: Input should be a valid string"),
        (event("replace"), "operation: Input should be 'create', 'update' or 'delete'"),
        ({**event(), "kind": "sync"}, "kind: Input should be 'commit', 'identity' or 'account'"),
        ({**event(), "commit": None}, "not a JSON object"),
        ({**event(), "did": "eve"}, "did: String should match pattern"),
        ({**event(), "time_us": -5}, "time_us: Input should be greater than 0"),
        ({**event(), "time_us": 10**18}, "time_us: Input should be less than"),
        (
            {**event(record={**RECORD, "createdAt": None}), "time_us": TIME_US * 2},
            "created_at: must lie between",
        ),
    ],
)
def test_an_event_that_cannot_be_used_is_refused_with_the_field(
    payload: dict[str, Any], reason: str
) -> None:
    (refusal,) = outcomes(payload)
    assert isinstance(refusal, Refusal)
    assert reason in refusal.reason


def test_a_replay_reads_archived_events_back() -> None:
    lines = [event(), event("delete"), account(active=False, status="deleted")]
    data = "\n".join(map(json.dumps, lines)).encode()
    made = read_all(data)
    assert [one if isinstance(one, tuple) else one.key for one in made] == [
        "bluesky:did:plc:eve/3ccc",
        "bluesky:did:plc:eve/3ccc",
        "bluesky:author:did:plc:eve",
    ]
    assert posts_in(json.dumps(event()).encode())[0].text == TEXT
