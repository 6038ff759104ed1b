"""Payloads of the YouTube Data API v3 become posts, field by field."""

from datetime import UTC, datetime
from typing import Any

import pytest

from ingest import youtube
from ingest.sightings import Refusal
from stream.posts import Author, ContextAnnotation, Counts, Origin, Post
from tests.ingest.doubles import NOW, SIGHTING


def comment(native_id: str = "UgzTop0000000000000", **snippet: Any) -> dict[str, Any]:
    return {
        "kind": "youtube#comment",
        "etag": "e1",
        "id": native_id,
        "snippet": {
            "authorDisplayName": "@mossy-lane",
            "authorProfileImageUrl": "https://pictures.example/m.jpg",
            "authorChannelUrl": "http://www.youtube.com/@mossy-lane",
            "authorChannelId": {"value": "UCmossy"},
            "textDisplay": "Fish &amp; chips<br>tonight",
            "textOriginal": "Fish & chips\ntonight",
            "canRate": True,
            "viewerRating": "none",
            "likeCount": 7,
            "publishedAt": "2026-11-14T18:00:00Z",
            "updatedAt": "2026-11-14T18:05:00Z",
            **snippet,
        },
    }


def thread(*replies: dict[str, Any], top: Any = None) -> dict[str, Any]:
    return {
        "kind": "youtube#commentThread",
        "id": "UgzTop0000000000000",
        "snippet": {
            "channelId": "UCkitchen",
            "videoId": "vid_42-abc",
            "topLevelComment": top or comment(videoId="vid_42-abc"),
            "canReply": True,
            "totalReplyCount": 2,
            "isPublic": True,
        },
        **({"replies": {"comments": list(replies)}} if replies else {}),
    }


def outcomes(payload: dict[str, Any]) -> list[object]:
    assert youtube.recognises(payload)
    return list(youtube.outcomes(payload, SIGHTING))


def one_post(payload: dict[str, Any]) -> Post:
    (post,) = outcomes(payload)
    assert isinstance(post, Post), post
    return post


def test_every_field_of_a_thread_is_kept() -> None:
    assert one_post(thread()) == Post(
        platform="youtube",
        native_id="UgzTop0000000000000",
        text="Fish & chips\ntonight",
        created_at=datetime(2026, 11, 14, 18, tzinfo=UTC),
        observed_at=NOW,
        url="https://www.youtube.com/watch?v=vid_42-abc&lc=UgzTop0000000000000",
        author=Author(id="UCmossy", name="mossy-lane", display_name="@mossy-lane"),
        conversation="UgzTop0000000000000",
        counts=Counts(likes=7, replies=2),
        origin=Origin(crawl="c1", stream="here", video="vid_42-abc", channel="UCkitchen"),
    )


def test_a_reply_in_a_thread_knows_its_parent_and_its_video() -> None:
    reply = comment("UgzTop0000000000000.9x", parentId="UgzTop0000000000000")
    _, post = outcomes(thread(reply))
    assert isinstance(post, Post)
    assert post.reply_to == "UgzTop0000000000000"
    assert post.conversation == "UgzTop0000000000000"
    assert post.url == "https://www.youtube.com/watch?v=vid_42-abc&lc=UgzTop0000000000000.9x"
    assert post.origin.video == "vid_42-abc"
    assert post.counts == Counts(likes=7)


def test_a_lone_reply_finds_its_parent_in_its_id() -> None:
    post = one_post(comment("UgzTop0000000000000.9x"))
    assert post.reply_to == "UgzTop0000000000000"
    assert post.url is None


def test_what_the_crawl_knows_of_the_video_goes_along() -> None:
    about = youtube.Video(
        id="vid_42-abc",
        title="Soup, part 1",
        channel="UCkitchen",
        channel_title="The Kitchen",
        topics=("Food", "Lifestyle (sociology)"),
    )
    reply = comment("UgzTop0000000000000.9x")
    posts = [*youtube.outcomes(thread(reply), SIGHTING, about)]
    posts += youtube.outcomes(reply, SIGHTING, about)
    assert len(posts) == 3
    for post in posts:
        assert isinstance(post, Post)
        assert post.url == f"https://www.youtube.com/watch?v=vid_42-abc&lc={post.native_id}"
        assert post.origin == Origin(
            crawl="c1", stream="here", video="vid_42-abc", channel="UCkitchen"
        )
        assert post.context == (
            ContextAnnotation(domain="Video", entity_id="vid_42-abc", entity="Soup, part 1"),
            ContextAnnotation(domain="Channel", entity_id="UCkitchen", entity="The Kitchen"),
            ContextAnnotation(domain="Topic", entity="Food"),
            ContextAnnotation(domain="Topic", entity="Lifestyle (sociology)"),
        )


def test_a_bad_reply_does_not_cost_the_thread() -> None:
    bad = comment("UgzTop0000000000000.9x", publishedAt="yesterday")
    good = comment("UgzTop0000000000000.9y")
    top, refused, post = outcomes(thread(bad, good))
    assert isinstance(top, Post)
    assert isinstance(post, Post)
    assert refused == Refusal(
        "snippet.publishedAt: is no ISO 8601 time", "/replies/comments/0", bad
    )


def test_a_bad_top_comment_does_not_cost_its_replies() -> None:
    refused, post = outcomes(thread(comment("Ugz.9x"), top={"id": "Ugz"}))
    assert refused == Refusal("snippet: Field required", "/snippet/topLevelComment", {"id": "Ugz"})
    assert isinstance(post, Post)


@pytest.mark.parametrize(
    "kind", ["youtube#commentThreadListResponse", "youtube#commentListResponse"]
)
def test_a_list_gives_all_its_items(kind: str) -> None:
    items = [comment("UgA"), thread(comment("UgB.1")), {"id": "UgC"}]
    found = outcomes({"kind": kind, "pageInfo": {}, "items": items})
    ids = [post.native_id for post in found if isinstance(post, Post)]
    assert ids == ["UgA", "UgzTop0000000000000", "UgB.1"]
    (refused,) = [one for one in found if isinstance(one, Refusal)]
    assert refused.pointer == "/items/2"
    assert refused.reason.startswith("snippet: Field required")


def test_text_is_taken_from_the_display_where_there_is_no_original() -> None:
    display = (
        'Look <b>there</b> &lt;3<br />at <a href="https://www.youtube.com/watch?v=vid_42-abc'
        '&amp;t=83">1:23</a> and <a href="https://cook.example/?a=1&amp;b=2">cook.example/?a…</a> '
        '<a href="http://www.youtube.com/results?search_query=%23Yum">#Yum</a>'
    )
    post = one_post(comment(textOriginal=None, textDisplay=display, videoId="vid_42-abc"))
    assert post.text == "Look there <3\nat 1:23 and cook.example/?a… #Yum"
    assert post.links == ("https://cook.example/?a=1&b=2",)
    assert post.hashtags == ("Yum",)


def test_hashtags_mentions_and_links_are_found_in_the_text() -> None:
    text = "@@chef-ana @bo_ yes! #Soup2 #1 see https://a.example/x. mail me@b.example #soupe_été"
    post = one_post(comment(textOriginal=text, textDisplay=text))
    assert post.mentions == ("chef-ana", "bo_")
    assert post.hashtags == ("Soup2", "soupe_été")
    assert post.links == ("https://a.example/x",)


def test_a_name_that_is_no_handle_is_a_display_name_only() -> None:
    author = one_post(comment(authorDisplayName="Mossy Lane", authorChannelId=None)).author
    assert author == Author(display_name="Mossy Lane")


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (
            {"error": {"code": 403, "message": "Spent.", "errors": [{"reason": "quotaExceeded"}]}},
            "an error of the YouTube API, no post: 403 quotaExceeded",
        ),
        ({"error": {"reason": "quotaExceeded"}}, "an error of the YouTube API, no post: quotaExc"),
        ({"kind": "youtube#video", "id": "v"}, "kind: no YouTube resource with comments"),
        ({"kind": "youtube#commentListResponse", "items": 3}, "items: must be a list"),
        (comment(textOriginal="", textDisplay=" "), "text: is empty"),
        (comment("no good id"), "id: String should match pattern '^[A-Za-z0-9_.\\-]{1,256}$'"),
        (comment(likeCount="many"), "snippet.likeCount: Input should be a valid integer"),
    ],
)
def test_a_refusal_says_why(payload: dict[str, Any], reason: str) -> None:
    (refused,) = outcomes(payload)
    assert isinstance(refused, Refusal)
    assert refused.reason.startswith(reason)


@pytest.mark.parametrize(
    "error",
    [
        {"message": "private words"},
        {"code": "private words", "reason": "x" * 65, "message": "private words"},
        {"code": True, "errors": [{"reason": ["private"]}]},
        {"errors": "private"},
    ],
)
def test_the_words_of_an_error_are_not_quoted_as_they_may_be_anyones(error: dict[str, Any]) -> None:
    assert outcomes({"error": error}) == [Refusal("an error of the YouTube API, no post")]
