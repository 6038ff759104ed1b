"""Payloads of the X API v2 become posts, field by field."""

from datetime import UTC, datetime
from typing import Any

import pytest

from ingest import x
from ingest.sightings import Refusal
from stream.posts import Author, ContextAnnotation, Counts, Deletion, Entity, Origin, Post
from tests.ingest.doubles import NOW, SIGHTING

TWEET: dict[str, Any] = {
    "id": "2121800000000000001",
    "text": "@jo_bakes soup &amp; bread &lt;3 &amp;copy; #Lunch https://t.co/a1",
    "author_id": "70001",
    "created_at": "2026-11-14T12:30:00.250Z",
    "edit_history_tweet_ids": ["2121800000000000001"],
    "lang": "en",
    "conversation_id": "2121799000000000001",
    "in_reply_to_user_id": "70002",
    "referenced_tweets": [
        {"type": "quoted", "id": "2121700000000000009"},
        {"type": "replied_to", "id": "2121799500000000001"},
    ],
    "public_metrics": {
        "retweet_count": 1,
        "reply_count": 2,
        "like_count": 3,
        "quote_count": 4,
        "bookmark_count": 5,
        "impression_count": 600,
    },
    "entities": {
        "hashtags": [{"start": 36, "end": 42, "tag": "Lunch"}],
        "mentions": [{"start": 0, "end": 9, "username": "jo_bakes", "id": "70002"}],
        "urls": [
            {
                "start": 43,
                "end": 58,
                "url": "https://t.co/a1",
                "expanded_url": "https://soup.example/today",
                "display_url": "soup.example/today",
            }
        ],
        "annotations": [
            {
                "start": 10,
                "end": 13,
                "probability": 0.75,
                "type": "Product",
                "normalized_text": "soup",
            }
        ],
    },
    "context_annotations": [
        {
            "domain": {"id": "65", "name": "Interests", "description": "What people like"},
            "entity": {"id": "8001", "name": "Cooking"},
        }
    ],
}
ENVELOPE: dict[str, Any] = {
    "data": TWEET,
    "includes": {
        "users": [
            {"id": "70002", "name": "Jo", "username": "jo_bakes"},
            {
                "id": "70001",
                "name": "Ada Loaf",
                "username": "ada_loaf",
                "public_metrics": {"followers_count": 120, "tweet_count": 9},
            },
        ]
    },
    "matching_rules": [{"id": "1", "tag": "food"}, {"id": "2"}],
}


def outcomes(payload: dict[str, Any]) -> list[object]:
    assert x.recognises(payload)
    return list(x.outcomes(payload, SIGHTING))


def one_post(payload: dict[str, Any]) -> Post:
    (post,) = outcomes(payload)
    assert isinstance(post, Post), post
    return post


def test_every_field_of_a_stream_envelope_is_kept() -> None:
    assert one_post(ENVELOPE) == Post(
        platform="x",
        native_id="2121800000000000001",
        text="@jo_bakes soup & bread <3 &copy; #Lunch https://t.co/a1",
        created_at=datetime(2026, 11, 14, 12, 30, 0, 250_000, tzinfo=UTC),
        observed_at=NOW,
        url="https://x.com/ada_loaf/status/2121800000000000001",
        author=Author(id="70001", name="ada_loaf", display_name="Ada Loaf", followers=120),
        language="en",
        hashtags=("Lunch",),
        mentions=("jo_bakes",),
        links=("https://soup.example/today",),
        reply_to="2121799500000000001",
        conversation="2121799000000000001",
        counts=Counts(likes=3, replies=2, reposts=1, quotes=4, bookmarks=5, views=600),
        entities=(Entity(type="Product", text="soup", probability=0.75),),
        context=(
            ContextAnnotation(
                domain_id="65", domain="Interests", entity_id="8001", entity="Cooking"
            ),
        ),
        origin=Origin(crawl="c1", stream="here", rules=("food", "2")),
    )


def test_a_bare_tweet_keeps_what_it_has() -> None:
    post = one_post({"id": "5", "text": "hi", "created_at": "2026-11-14T12:30:00Z", "lang": None})
    assert (post.native_id, post.text, post.language) == ("5", "hi", None)
    assert post.url == "https://x.com/i/web/status/5"
    assert post.author == Author()
    assert post.origin == SIGHTING.origin


def test_an_author_who_is_not_included_keeps_the_id() -> None:
    assert one_post({"data": TWEET}).author == Author(id="70001")


def test_a_page_gives_its_good_posts_and_refuses_the_bad_one() -> None:
    bad = {**TWEET, "created_at": "2026-11-14T12:30:00"}
    page = {**ENVELOPE, "data": [TWEET, bad, {**TWEET, "id": "7"}], "meta": {"result_count": 3}}
    first, refused, last = outcomes(page)
    assert isinstance(first, Post)
    assert first.author.name == "ada_loaf"
    assert refused == Refusal("created_at: has no time zone", "/data/1", bad)
    assert isinstance(last, Post)
    assert last.native_id == "7"


def test_a_page_without_results_is_no_error() -> None:
    assert outcomes({"meta": {"result_count": 0}}) == []


def test_a_long_post_gives_its_whole_text_and_the_marks_in_it() -> None:
    note = {
        "text": "all of it &amp; more #Late",
        "entities": {"hashtags": [{"start": 17, "end": 22, "tag": "Late"}]},
    }
    post = one_post({"data": {**TWEET, "note_tweet": note}})
    assert post.text == "all of it & more #Late"
    assert post.hashtags == ("Lunch", "Late")
    assert [entity.text for entity in post.entities] == ["soup"]


def test_a_retweet_has_the_whole_text_of_the_original_and_its_own_id() -> None:
    retweet = {
        "id": "9",
        "text": "RT @ada_loaf: @jo_bakes soup &amp; br…",
        "created_at": "2026-11-15T00:00:00Z",
        "referenced_tweets": [{"type": "retweeted", "id": TWEET["id"]}],
        "entities": {"mentions": [{"start": 3, "end": 12, "username": "ada_loaf"}]},
    }
    post = one_post({"data": retweet, "includes": {"tweets": [TWEET]}})
    assert post.native_id == "9"
    assert post.text == ("RT @ada_loaf: @jo_bakes soup & bread <3 &copy; #Lunch https://t.co/a1")
    assert post.mentions == ("ada_loaf", "jo_bakes")
    assert post.hashtags == ("Lunch",)
    assert post.reply_to is None


def test_an_edit_replaces_the_post_that_was_first_written() -> None:
    first, edited = TWEET["id"], str(int(TWEET["id"]) + (9 << 22))
    post = one_post({"data": {**TWEET, "id": edited, "edit_history_tweet_ids": [first, edited]}})
    assert post.native_id == first
    assert post.url == f"https://x.com/i/web/status/{edited}"


def test_an_edit_after_midnight_stays_in_the_month_of_the_first_version() -> None:
    written = datetime(2026, 10, 31, 23, 59, 50, 123000, tzinfo=UTC)
    first, edited = x.id_at(written), x.id_at(written) + (60_000 << 22)
    history = {"edit_history_tweet_ids": [str(first), str(edited)], "id": str(edited)}
    post = one_post({"data": {**TWEET, **history, "created_at": "2026-11-01T00:00:50.000Z"}})
    assert post.created_at == datetime(2026, 10, 31, 23, 59, 50, tzinfo=UTC)


@pytest.mark.parametrize("history", [["12"], [], ["5", "7"]])
def test_a_history_that_says_nothing_credible_changes_nothing(history: list[str]) -> None:
    post = one_post({"data": {**TWEET, "id": "12", "edit_history_tweet_ids": history}})
    assert (post.native_id, post.created_at.isoformat()) == (
        "12",
        "2026-11-14T12:30:00.250000+00:00",
    )


def test_an_id_whose_time_lies_far_before_the_edit_is_not_believed() -> None:
    post = one_post({"data": {**TWEET, "id": "12", "edit_history_tweet_ids": ["7", "12"]}})
    assert (post.native_id, post.created_at.day) == ("7", 14)


@pytest.mark.parametrize("event", ["delete", "drop"])
def test_the_compliance_streams_word_that_a_post_is_gone_is_a_deletion(event: str) -> None:
    gone = {"event_at": "2026-11-19T08:00:00.000Z", "tweet": {"id": "12", "author_id": "7"}}
    (deletion,) = outcomes({"data": {event: gone}})
    assert isinstance(deletion, Deletion)
    assert deletion.key == "x:12"
    assert deletion.deleted_at == datetime(2026, 11, 19, 8, tzinfo=UTC)
    assert deletion.origin == SIGHTING.origin


def test_a_deletion_without_a_time_is_of_now_and_one_without_an_id_is_refused() -> None:
    (deletion,) = outcomes({"data": {"delete": {"tweet": {"id": "12"}}}})
    assert isinstance(deletion, Deletion)
    assert deletion.deleted_at == NOW
    assert outcomes({"data": {"delete": {"tweet": {}}}}) == [
        Refusal("delete: tweet.id: Field required")
    ]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id": 12}, "id: Input should be a valid string"),
        ({"id": "1\ufffd"}, "id: String should match pattern '^[0-9]{1,19}$'"),
        ({"text": None}, "text: Field required"),
        ({"text": " \n"}, "text: is empty"),
        ({"created_at": "soon"}, "created_at: is no ISO 8601 time"),
        ({"created_at": 1763000000}, "created_at: must be an ISO 8601 time in a string"),
        ({"created_at": "0001-01-01T00:00:00+14:00"}, "created_at: is out of range"),
        ({"lang": 5}, "lang: Input should be a valid string"),
        (
            {"public_metrics": {"like_count": -1}},
            "public_metrics.like_count: Input should be greater than or equal to 0",
        ),
        (
            {"entities": {"hashtags": [{"tag": "a"}, {"start": 1}]}},
            "entities.hashtags.1.tag: Field required",
        ),
    ],
)
def test_a_refusal_names_the_field(change: dict[str, Any], reason: str) -> None:
    (refused,) = outcomes({"data": {**TWEET, **change}})
    assert isinstance(refused, Refusal)
    assert refused.reason == reason


PROBLEM = "https://api.x.com/2/problems/operational-disconnect"


@pytest.mark.parametrize(
    "payload",
    [
        {"errors": [{"title": "Gone", "detail": "Come back later.", "type": PROBLEM}]},
        {"title": "Gone", "detail": "Later.", "type": PROBLEM.replace("api.x.", "api.twitter.")},
        {"errors": [{"message": "no type here"}], "title": "Gone", "type": PROBLEM},
        {"errors": [], "type": PROBLEM},
        {"errors": ["odd", {"type": 5}], "type": PROBLEM},
    ],
)
def test_an_error_of_the_api_is_refused_by_the_name_of_its_problem(payload: dict[str, Any]) -> None:
    assert outcomes(payload) == [Refusal("an error of the X API, no post: operational-disconnect")]


@pytest.mark.parametrize(
    "kind",
    [
        "about:blank",
        None,
        5,
        "https://my.example/2/problems/ann",
        f"{PROBLEM} of Ann",
        PROBLEM[:29],
    ],
)
def test_the_words_of_an_error_are_not_quoted_as_they_may_be_anyones(kind: Any) -> None:
    error = {"title": "dear diary", "detail": "private words", "type": kind}
    for payload in (error, {"errors": [error]}):
        assert outcomes(payload) == [Refusal("an error of the X API, no post")]


def test_data_that_is_no_object_is_refused() -> None:
    assert outcomes({"data": "no"}) == [Refusal("not a JSON object", "", "no")]
