"""The posts of the demo are what their README says they are."""

import html
import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from classifier.labels import EMOTIONS
from stream.codec import decode_collected
from stream.posts import Collected, Deletion, Post

SAMPLES = Path(__file__).parents[2] / "ingest" / "samples"
INTENT = Path(__file__).parent / "data" / "sample_intent.tsv"

X_EPOCH_MS = 1288834974657
BEGIN = datetime(2026, 11, 14, 6, tzinfo=UTC)
END = BEGIN + timedelta(hours=48)

Payload = dict[str, Any]


def lines(name: str) -> list[bytes]:
    return (SAMPLES / name).read_bytes().splitlines()


def payloads(name: str) -> list[Payload]:
    return [json.loads(line) for line in lines(name)]


def x_posts() -> list[Payload]:
    return [line.get("data", line) for line in payloads("x_posts.ndjson")]


def comments() -> list[Payload]:
    """Every YouTube comment: top-level, nested in a thread, or alone."""
    found: list[Payload] = []
    for line in payloads("youtube_comments.ndjson"):
        if line["kind"] == "youtube#comment":
            found.append(line)
        else:
            found.append(line["snippet"]["topLevelComment"])
            found += line.get("replies", {}).get("comments", [])
    return found


def own_records() -> list[Collected]:
    return [decode_collected(line) for line in lines("posts.ndjson")]


def own_posts() -> list[Post]:
    return [record for record in own_records() if isinstance(record, Post)]


def ids() -> list[str]:
    x_and_youtube = [post["id"] for post in x_posts() + comments()]
    return x_and_youtube + [post.native_id for post in own_posts()]


def texts() -> list[str]:
    x_and_youtube = [post["text"] for post in x_posts()]
    x_and_youtube += [comment["snippet"]["textOriginal"] for comment in comments()]
    return x_and_youtube + [post.text for post in own_posts()]


def times() -> list[datetime]:
    written = [post["created_at"] for post in x_posts()]
    written += [comment["snippet"]["publishedAt"] for comment in comments()]
    return [datetime.fromisoformat(time) for time in written] + [
        post.created_at for post in own_posts()
    ]


def intents() -> list[tuple[str, str]]:
    rows = INTENT.read_text(encoding="utf-8").splitlines()
    return [(native_id, emotion) for native_id, emotion in (row.split("\t") for row in rows)]


def spans(post: Payload, kind: str) -> list[tuple[str, Payload]]:
    """Each entity of a kind with the piece of text between its offsets."""
    # Annotations count their last character, the other kinds the one after it.
    last = 1 if kind == "annotations" else 0
    entities = post.get("entities", {}).get(kind, [])
    return [(post["text"][entity["start"] : entity["end"] + last], entity) for entity in entities]


def test_there_are_at_least_six_hundred_posts() -> None:
    assert len(lines("x_posts.ndjson")) >= 360
    assert len(lines("youtube_comments.ndjson")) >= 260
    assert len(texts()) >= 600


def test_no_post_has_the_id_or_the_text_of_another() -> None:
    assert [key for key, count in Counter(ids()).items() if count > 1] == []
    words = [re.sub(r"\s+", " ", text).strip().casefold() for text in texts()]
    assert [text for text, count in Counter(words).items() if count > 1] == []


def test_an_x_id_carries_the_time_of_its_post() -> None:
    for post in x_posts():
        id_ms = (int(post["id"]) >> 22) + X_EPOCH_MS
        created = datetime.fromisoformat(post["created_at"])
        assert created == datetime.fromtimestamp(id_ms // 1000, UTC) + timedelta(
            milliseconds=id_ms % 1000
        )
        assert len(post["id"]) == 19
        assert post["edit_history_tweet_ids"][-1] == post["id"]


def test_entity_offsets_point_at_what_they_name() -> None:
    seen: Counter[str] = Counter()
    for post in x_posts():
        for piece, entity in spans(post, "hashtags"):
            assert piece == "#" + entity["tag"]
        for piece, entity in spans(post, "mentions"):
            assert piece == "@" + entity["username"]
        for piece, entity in spans(post, "urls"):
            assert piece == entity["url"]
        for piece, entity in spans(post, "annotations"):
            assert html.unescape(piece) == entity["normalized_text"]
        seen.update({kind: len(found) for kind, found in post.get("entities", {}).items()})
    assert min(seen[kind] for kind in ("hashtags", "mentions", "urls", "annotations")) >= 15


def test_every_hashtag_mention_and_link_of_a_text_is_an_entity() -> None:
    for post in x_posts():
        written = re.findall(r"(?<![\w&])#\w+|(?<!\w)@\w+|https://t\.co/\w+", post["text"])
        kinds = ("hashtags", "mentions", "urls")
        assert sorted(written) == sorted(piece for kind in kinds for piece, _ in spans(post, kind))


def test_an_envelope_includes_the_users_and_posts_it_refers_to() -> None:
    envelopes = [line for line in payloads("x_posts.ndjson") if "data" in line]
    assert 0 < len(envelopes) < len(x_posts())
    for line in envelopes:
        post, users = line["data"], {user["id"] for user in line["includes"]["users"]}
        assert post["author_id"] in users
        assert {mention["id"] for _, mention in spans(post, "mentions")} <= users
        referenced = [reference["id"] for reference in post.get("referenced_tweets", [])]
        assert [tweet["id"] for tweet in line["includes"].get("tweets", [])] == referenced


def test_x_replies_and_quotes_refer_to_earlier_sample_posts() -> None:
    by_id = {post["id"]: post for post in x_posts()}
    kinds: Counter[str] = Counter()
    for post in by_id.values():
        for reference in post.get("referenced_tweets", []):
            earlier = by_id[reference["id"]]
            assert int(earlier["id"]) < int(post["id"])
            kinds[reference["type"]] += 1
            if reference["type"] == "replied_to":
                assert post["in_reply_to_user_id"] == earlier["author_id"]
                assert post["conversation_id"] == earlier["conversation_id"]
    assert min(kinds["replied_to"], kinds["quoted"]) >= 10


def test_a_youtube_comment_displays_its_own_text() -> None:
    for comment in comments():
        snippet = comment["snippet"]
        shown = re.sub(r"<[^>]+>", "", snippet["textDisplay"].replace("<br>", "\n"))
        assert html.unescape(shown) == snippet["textOriginal"]


def test_youtube_replies_belong_to_a_thread_and_come_after_it() -> None:
    threads = [
        line
        for line in payloads("youtube_comments.ndjson")
        if line["kind"] == "youtube#commentThread"
    ]
    begun = {
        thread["id"]: thread["snippet"]["topLevelComment"]["snippet"]["publishedAt"]
        for thread in threads
    }
    answered: Counter[str] = Counter()
    for comment in comments():
        snippet = comment["snippet"]
        if "parentId" in snippet:
            assert comment["id"].startswith(snippet["parentId"] + ".")
            assert snippet["publishedAt"] > begun[snippet["parentId"]]
            answered[snippet["parentId"]] += 1
    assert {thread["id"]: thread["snippet"]["totalReplyCount"] for thread in threads} == {
        thread["id"]: answered[thread["id"]] for thread in threads
    }
    assert any("replies" in thread for thread in threads)


def test_the_posts_span_two_days_and_are_most_in_the_evening() -> None:
    moments = times()
    assert min(moments) >= BEGIN
    assert max(moments) < END
    assert max(moments) - min(moments) > timedelta(hours=47)
    hours = Counter(moment.hour for moment in moments)
    night = [hours[hour] for hour in (0, 1, 2, 3, 4)]
    evening = [hours[hour] for hour in (19, 20, 21, 22)]
    assert min(evening) > 3 * max(night)
    assert max(hours, key=lambda hour: hours[hour]) == 20


def test_the_posts_are_in_several_languages() -> None:
    languages = Counter(post["lang"] for post in x_posts())
    others = {"es", "de", "fr", "pt", "ja", "ar", "hi"}
    assert others <= languages.keys()
    assert sum(languages[language] for language in others) >= 25


def test_every_emotion_is_meant_at_least_twelve_times() -> None:
    meant = intents()
    assert sorted(native_id for native_id, _ in meant) == sorted(ids())
    counts = Counter(emotion for _, emotion in meant)
    assert set(counts) == set(EMOTIONS)
    assert min(counts.values()) >= 12


def test_each_deletion_is_of_a_sample_post_and_later_than_it() -> None:
    deletions = [record for record in own_records() if isinstance(record, Deletion)]
    assert sorted(deletion.platform for deletion in deletions) == ["x", "youtube"]
    created = dict(zip(ids(), times(), strict=True))
    for deletion in deletions:
        assert deletion.created_at == created[deletion.native_id]
        assert deletion.deleted_at > created[deletion.native_id]


def test_the_readme_counts_the_lines_and_names_the_videos() -> None:
    readme = (SAMPLES / "README.md").read_text(encoding="utf-8")
    for name in ("x_posts.ndjson", "youtube_comments.ndjson", "posts.ndjson"):
        assert f"| `{name}` | {len(lines(name))} |" in readme
    assert f"{len(texts())} different texts" in readme
    commented = {line["snippet"].get("videoId") for line in payloads("youtube_comments.ndjson")}
    assert commented - {None} == set(re.findall(r"^\| `([\w-]{11})` \|", readme, re.MULTILINE))


def test_each_broken_line_is_explained() -> None:
    explained = (SAMPLES / "broken" / "README.md").read_text(encoding="utf-8")
    numbers = [int(number) for number in re.findall(r"^\| (\d+) \|", explained, re.MULTILINE)]
    assert numbers == list(range(1, len(lines("broken/broken.ndjson")) + 1))
