"""Statuses and events of Mastodon become posts and deletions."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ingest import mastodon
from ingest.markup import Markup
from ingest.sightings import Refusal
from stream.posts import Author, Counts, Deletion, Origin, Post
from tests.ingest.doubles import NOW, SIGHTING, read_all

STATUS: dict[str, Any] = {
    "id": "113500000000000001",
    "created_at": "2026-11-20T11:59:57.250Z",
    "in_reply_to_id": None,
    "sensitive": False,
    "spoiler_text": "",
    "visibility": "public",
    "language": "en",
    "uri": "https://one.example/users/ada/statuses/113500000000000001",
    "url": "https://one.example/@ada/113500000000000001",
    "replies_count": 1,
    "reblogs_count": 2,
    "favourites_count": 3,
    "edited_at": None,
    "content": (
        '<p>soup &amp; <a href="https://one.example/tags/bread" class="mention hashtag" rel="tag">'
        "#<span>bread</span></a></p>"
    ),
    "reblog": None,
    "account": {
        "id": "7",
        "username": "ada",
        "acct": "ada",
        "display_name": "Ada Loaf",
        "url": "https://one.example/@ada",
        "uri": "https://one.example/users/ada",
        "followers_count": 120,
    },
    "mentions": [
        {"id": "8", "username": "bo", "acct": "bo@two.example"},
        {"id": "9", "username": "cy", "acct": "cy"},
    ],
    "tags": [{"name": "bread", "url": "https://one.example/tags/bread"}],
}


def event(name: str, payload: str, instance: str = "one.example") -> dict[str, Any]:
    made: dict[str, Any] = json.loads(mastodon.wrapped(instance, name, payload))
    return made


def outcomes(payload: dict[str, Any]) -> list[object]:
    assert mastodon.recognises(payload)
    return list(mastodon.outcomes(payload, SIGHTING))


def status(**fields: Any) -> Post:
    (made,) = outcomes(event("update", json.dumps({**STATUS, **fields})))
    assert isinstance(made, Post)
    return made


def test_a_status_is_read_field_by_field() -> None:
    expected = Post(
        platform="mastodon",
        native_id="one.example/113500000000000001",
        text="soup & #bread",
        created_at=datetime(2026, 11, 20, 11, 59, 57, 250_000, tzinfo=UTC),
        observed_at=NOW,
        url="https://one.example/@ada/113500000000000001",
        author=Author(
            id="https://one.example/users/ada",
            name="ada@one.example",
            display_name="Ada Loaf",
            followers=120,
        ),
        language="en",
        hashtags=("bread",),
        mentions=("bo@two.example", "cy@one.example"),
        conversation="one.example/113500000000000001",
        counts=Counts(likes=3, replies=1, reposts=2),
        origin=Origin(crawl="c1", stream="here"),
    )
    assert status() == expected
    assert outcomes(STATUS) == [expected]  # as in a saved timeline


def test_an_edit_is_the_same_post_again() -> None:
    edited = json.dumps({**STATUS, "content": "<p>stew</p>", "edited_at": "2026-11-20T12:00:00Z"})
    (made,) = outcomes(event("status.update", edited))
    assert isinstance(made, Post)
    assert (made.native_id, made.text) == ("one.example/113500000000000001", "stew")


def test_a_delete_has_the_key_of_the_post_it_deletes() -> None:
    (made,) = outcomes(event("delete", "113500000000000001"))
    assert isinstance(made, Deletion)
    assert made.key == status().key
    assert made.deleted_at == NOW


def test_a_status_of_another_instance_is_named_by_the_instance_that_told_it() -> None:
    remote = status(
        uri="https://two.example/users/bo/statuses/5", account={"acct": "bo@two.example"}
    )
    assert remote.native_id == "one.example/113500000000000001"
    assert remote.author.name == "bo@two.example"


def test_a_saved_status_of_another_instance_cannot_be_named() -> None:
    (refusal,) = outcomes({**STATUS, "account": {"acct": "bo@two.example"}})
    assert isinstance(refusal, Refusal)
    assert refusal.reason.startswith("instance: cannot be told")


def test_an_answer_names_what_it_answers_but_not_where_the_thread_began() -> None:
    answer = status(in_reply_to_id="113400000000000009")
    assert (answer.reply_to, answer.conversation) == ("one.example/113400000000000009", None)


def test_a_warning_stands_above_the_text() -> None:
    assert status(spoiler_text="Politics").text == "Politics\n\nsoup & #bread"


@pytest.mark.parametrize(
    "fields",
    [
        {"visibility": "unlisted"},
        {"visibility": "private"},
        {"visibility": "direct"},
        {"reblog": {"id": "1"}, "content": "<p>theirs</p>"},
        {"content": ""},
        {"account": {**STATUS["account"], "noindex": True}},
    ],
)
def test_what_is_not_for_us_is_no_post_and_no_dead_letter(fields: dict[str, Any]) -> None:
    assert outcomes(event("update", json.dumps({**STATUS, **fields}))) == []


@pytest.mark.parametrize("name", ["notification", "filters_changed", "announcement", "unheard.of"])
def test_other_events_say_nothing(name: str) -> None:
    assert outcomes(event(name, "undefined")) == []


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (event("update", "{"), "payload: not JSON"),
        (event("update", "[]"), "not a JSON object"),
        (event("delete", "<html>"), "id: String should match pattern"),
        (event("update", json.dumps({**STATUS, "content": 5})), "content: Input should be"),
        (event("update", json.dumps({**STATUS, "created_at": "soon"})), "created_at: is no ISO"),
        (event("delete", "1", instance="https://one.example/"), "instance: String should match"),
    ],
)
def test_an_event_that_cannot_be_used_is_refused_with_the_field(
    payload: dict[str, Any], reason: str
) -> None:
    (refusal,) = outcomes(payload)
    assert isinstance(refusal, Refusal)
    assert reason in refusal.reason


def test_a_replay_reads_archived_events_and_saved_timelines_back() -> None:
    lines = [
        mastodon.wrapped("one.example", "update", json.dumps({**STATUS, "content": "<p>😀</p>"})),
        mastodon.wrapped("one.example", "delete", STATUS["id"]),
        json.dumps([STATUS]).encode(),
    ]
    made = read_all(b"\n".join(lines))
    assert [type(one) for one in made] == [Post, Deletion, Post]
    assert {one.key for one in made if not isinstance(one, tuple)} == {
        "mastodon:one.example/113500000000000001"
    }


LINK = (
    '<a href="https://news.example/money/2019/dec" rel="nofollow noopener" target="_blank">'
    '<span class="invisible">https://</span><span class="ellipsis">news.example/money</span>'
    '<span class="invisible">/2019/dec</span></a>'
)


@pytest.mark.parametrize(
    ("html", "text", "links"),
    [
        ("<p>a<br>b<br />c</p><p>d</p>", "a\nb\nc\n\nd", ()),
        (
            f"<p>see {LINK}</p>",
            "see https://news.example/money/2019/dec",
            ("https://news.example/money/2019/dec",),
        ),
        (
            (
                '<span class="h-card"><a href="https://two.example/@bo" class="u-url mention">'
                "@<span>bo</span></a></span> hi"
            ),
            "@bo hi",
            (),
        ),
        ("<ul><li>one</li><li>two</li></ul>", "one\ntwo", ()),
        ("<blockquote><p>so</p></blockquote>I say", "so\n\nI say", ()),
        ("&quot;1 &lt; 2&quot; &#x1F600;", '"1 < 2" 😀', ()),
        (f'<p class="quote-inline">RE: {LINK}</p><p>this!</p>', "this!", ()),
        ("<p>a  <b>b</b>\u00a0 c", "a b c", ()),
        ("<script>x</script>1 < 2 </p></p> & so", "1 < 2\n\n& so", ()),
        ("", "", ()),
    ],
)
def test_html_becomes_the_text_a_reader_sees(html: str, text: str, links: tuple[str, ...]) -> None:
    assert Markup.read(html) == Markup(text, links)
