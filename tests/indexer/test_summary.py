"""The summary tells what is in the index, and its queries work as they are printed."""

import json
import os
import re
import shlex
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from elasticsearch import Elasticsearch
from pydantic import SecretStr

from indexer import queries, summary
from indexer.documents import FAMILY
from indexer.queries import Overview
from indexer.sink import ElasticsearchSink
from indexer.templates import mapping
from stack import Stack
from stream.broker import KafkaWriter, create_topics
from stream.codec import encode
from stream.index import ALIAS, version_of
from stream.records import Outgoing
from stream.settings import Settings
from stream.topics import CLASSIFIED, COLLECTED
from tests import forks
from tests.indexer.records import NOON, classification, classified, deletion, items, origin

OVERVIEW = Overview(
    crawl="c",
    posts=8,
    emotions={"neutral": 4, "joy": 2, "anger": 1},
    polarities={"positive": 6, "negative": 2},
    platforms={"x": 5, "youtube": 3},
    languages={"en": 7, "fr": 1},
    comment_classes={"positive": 5, "constructive_feedback": 2, "sadness": 1},
    topics={"gaming": 3, "news_&_social_concern": 1},
    abstained=1,
    mean_polarity=0.25,
    busiest_hour=datetime(2026, 3, 14, 12, tzinfo=UTC),
    busiest_posts=5,
    seconds=2.0,
)


def render(**changes: Any) -> str:
    facts: dict[str, Any] = {
        "found": OVERVIEW,
        "words": {"joy": ["party", "sun"], "anger": ["queue"]},
        "deletions": 2,
        "dead_letters": {"ingest: not JSON": 3, "indexer: N bytes": 1},
        "foreign": 0,
        "colour": False,
    }
    return summary.render(**(facts | changes))


def test_the_summary_shows_every_number_once() -> None:
    assert render() == "\n".join(
        [
            "8 posts of crawl c",
            "",
            "  😐 neutral        ████████████████████████████████       4  50.0%",
            "  😄 joy            ████████████████                       2  25.0%",
            "  😡 anger          ████████                               1  12.5%",
            "",
            "  polarity              negative 25% · neutral 0% · positive 75%   mean +0.25",
            "",
            "  platforms             x 5 · youtube 3",
            "  languages             en 7 · fr 1",
            "  comment classes       positive 5 · constructive_feedback 2 · sadness 1",
            "  topics                gaming 3 · news_&_social_concern 1",
            "  busiest hour          2026-03-14 12:00 UTC, 5 posts",
            "  words behind          joy            party · sun",
            "                        anger          queue",
            "  speed                 4 posts a second from classifier to index",
            "  no label given        1 posts",
            "  deletions             2 on record",
            "  dead letters          4",
            "        3  ingest: not JSON",
            "        1  indexer: N bytes",
        ]
    )


def test_records_that_are_no_dead_letters_are_counted_apart() -> None:
    assert "no dead letters" not in render()
    assert render(foreign=3).splitlines()[-1] == (
        "  on posts.dead-letter  3 records are no dead letters"
    )


def test_colour_is_only_for_a_terminal() -> None:
    assert "\x1b" not in render()
    assert "\x1b" in render(colour=True)


def test_what_no_model_has_said_is_not_shown() -> None:
    said = render(found=replace(OVERVIEW, comment_classes={}, topics={}))
    assert "comment classes" not in said
    assert "topics" not in said


def test_no_words_and_no_posts_are_said_plainly() -> None:
    assert "words behind          joy            none given" in render(words={"joy": []})
    empty = Overview("c", 0, {}, {}, {}, {}, {}, {}, 0, None, None, 0, 0.0)
    said = render(found=empty, words={}, dead_letters={})
    assert "no post has an emotion yet" in said
    assert "platforms             none" in said
    assert "busiest hour          none" in said
    assert "words behind" not in said


def test_neutral_is_not_among_the_top_emotions() -> None:
    assert OVERVIEW.top_emotions == ["joy", "anger"]


def test_a_secret_stays_out_of_the_printed_queries() -> None:
    with_key = Settings(elasticsearch_api_key=SecretStr("hidden"), elasticsearch="https://e:9200")
    printed = summary.ready_queries(with_key, "joy")
    assert "hidden" not in printed
    assert '-H "Authorization: ApiKey $EMOSTREAM_ELASTICSEARCH_API_KEY"' in printed
    with_user = Settings(elasticsearch_username="ann", elasticsearch_password=SecretStr("hidden"))
    printed = summary.ready_queries(with_user, "joy")
    assert "hidden" not in printed
    assert '-u ann:"$EMOSTREAM_ELASTICSEARCH_PASSWORD"' in printed


def test_a_secret_in_a_file_is_read_by_the_shell(tmp_path: Path) -> None:
    file = tmp_path / "a reader's key"
    file.write_text("hidden\n")
    file.chmod(0o600)
    printed = summary.ready_queries(Settings(elasticsearch_api_key_file=file), "joy")
    assert "hidden" not in printed
    told = 'curl() { printf "%s\\n" "$@"; }\n' + printed
    said = subprocess.run(["bash", "-c", told], capture_output=True, text=True, check=True)
    assert said.stdout.splitlines().count("Authorization: ApiKey hidden") == 3
    with_user = Settings(elasticsearch_username="ann", elasticsearch_password_file=file)
    assert "$EMOSTREAM_ELASTICSEARCH_PASSWORD" not in summary.ready_queries(with_user, "joy")


def test_a_password_in_the_address_stays_out_of_the_printed_queries() -> None:
    address = "http://ann:hidden@127.0.0.1:9200"
    settings = Settings.model_construct(**(Settings().model_dump() | {"elasticsearch": address}))
    printed = summary.ready_queries(settings, "joy")
    assert "hidden" not in printed
    assert "http://127.0.0.1:9200/emotions/_search" in printed


def asked(line: str) -> Any:
    """Sends what a printed curl command sends."""
    words = shlex.split(line)
    assert words[:2] == ["curl", "-s"]
    options = dict(zip(words[3::2], words[4::2], strict=True))
    name, _, value = options["-H"].partition(": ")
    request = urllib.request.Request(words[2], options["-d"].encode(), {name: value})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def post(n: int, primary: str, platform: str = "x", hours: int = 0, **changes: Any) -> Any:
    joyful = primary == "joy"
    labels = classification(
        primary,
        probabilities={"joy": n / 100, "anger": 0.1},
        classified_at=NOON,
        words=("balloons", f"word {n}") if joyful else ("traffic",),
        comment_class="positive" if joyful else "negative",
        topics=("family", "gaming") if joyful else (),
    )
    return classified(
        str(n),
        platform=platform,
        created_at=NOON + timedelta(hours=hours),
        labels=labels,
        **changes,
    )


@pytest.fixture
def sample(node: Elasticsearch, sink: ElasticsearchSink) -> Elasticsearch:
    joyful = [post(n, "joy", text=f"balloons everywhere {n}", language="en") for n in range(10)]
    angry = [post(n, "anger", "youtube", hours=3, text=f"traffic again {n}") for n in range(10, 18)]
    other = [post(20, "anger", text="one more", origin=origin("another"))]
    assert not sink.write(items(*joyful, *angry, *other))
    return node


@pytest.mark.stack
def test_the_overview_counts_what_is_in_the_index(sample: Elasticsearch) -> None:
    found = queries.overview(sample, "crawl-1")
    assert found.posts == 18
    assert found.emotions == {"joy": 10, "anger": 8}
    assert found.polarities == {"positive": 18}
    assert found.platforms == {"x": 10, "youtube": 8}
    assert found.languages == {"en": 10}
    assert found.comment_classes == {"positive": 10, "negative": 8}
    assert found.topics == {"family": 10, "gaming": 10}
    assert (found.busiest_hour, found.busiest_posts) == (NOON, 10)
    assert found.mean_polarity == pytest.approx(0.5)
    assert found.abstained == 0
    assert found.seconds > 0
    assert queries.overview(sample).posts == 19


@pytest.mark.stack
def test_the_words_behind_an_emotion_are_the_most_telling_first(sample: Elasticsearch) -> None:
    queries.refresh(sample)
    assert queries.words(sample, "joy")[0] == "balloons"
    assert len(queries.words(sample, "joy")) == queries.WORDS
    assert queries.words(sample, "grief") == []


@pytest.mark.stack
def test_a_word_behind_every_emotion_tells_of_none(
    node: Elasticsearch, sink: ElasticsearchSink
) -> None:
    posts = [explained(n, "joy", "i", "party") for n in range(4)]
    posts += [explained(n, "anger", "i", "queue") for n in range(4, 10)]
    others = [explained(n, "joy", "queue", crawl="another") for n in range(10, 40)]
    assert not sink.write(items(*posts, *others))
    queries.refresh(node)
    assert queries.words(node, "joy", "crawl-1") == ["party"]
    assert queries.words(node, "anger", "crawl-1") == ["queue"]
    assert queries.words(node, "anger") == ["i"]


@pytest.mark.stack
def test_where_all_posts_share_one_emotion_its_commonest_words_are_told(
    node: Elasticsearch, sink: ElasticsearchSink
) -> None:
    assert not sink.write(
        items(explained(1, "fear", "dark", "night"), explained(2, "fear", "night"))
    )
    queries.refresh(node)
    assert queries.words(node, "fear") == ["night", "dark"]


def explained(n: int, primary: str, *words: str, crawl: str = "crawl-1") -> Any:
    return classified(str(n), labels=classification(primary, words=words), origin=origin(crawl))


@pytest.mark.stack
def test_the_printed_queries_work_as_printed(sample: Elasticsearch, stack: Stack) -> None:
    queries.refresh(sample)
    printed = summary.ready_queries(Settings(elasticsearch=stack.elasticsearch), "joy")
    top, hours, platforms = [asked(line) for line in printed.splitlines() if line[:4] == "curl"]
    assert [hit["_id"] for hit in top["hits"]["hits"]][:2] == ["x:20", "youtube:17"]
    buckets = hours["aggregations"]["hours"]["buckets"]
    assert [
        {one["key"]: one["doc_count"] for one in hour["emotions"]["buckets"]} for hour in buckets
    ] == [{"joy": 10, "anger": 1}, {"anger": 8}]
    means = {
        one["key"]: one["joy"]["value"] for one in platforms["aggregations"]["platforms"]["buckets"]
    }
    assert means == pytest.approx({"x": (sum(range(10)) + 20) / 1100, "youtube": 0.135})


@pytest.mark.stack
def test_all_documents_are_given_once_over_several_pages_and_months(
    node: Elasticsearch, sink: ElasticsearchSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "PAGE", 3)
    records = [classified(str(n), created_at=NOON + timedelta(days=9 * n)) for n in range(10)]
    sink.write(items(*records))
    queries.refresh(node)
    hits = list(queries.all_documents(node))
    assert sorted(hit["_id"] for hit in hits) == sorted(f"x:{n}" for n in range(10))
    assert len({hit["_index"] for hit in hits}) > 1
    present = queries.present(node, [f"x:{n}" for n in range(5, 15)])
    assert set(present) == {f"x:{n}" for n in range(5, 10)}
    assert present["x:5"] == version_of(records[5].post.observed_at)


@pytest.mark.stack
def test_reading_before_the_first_post_finds_nothing(node: Elasticsearch) -> None:
    assert list(queries.all_documents(node)) == []
    assert queries.overview(node).posts == 0
    assert queries.words(node, "joy") == []
    assert not node.indices.exists(index=ALIAS)


def command(stack: Stack, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs `python -m indexer` against the stack."""
    return forks.told(
        "indexer", *words,
        EMOSTREAM_KAFKA=stack.kafka, EMOSTREAM_ELASTICSEARCH=stack.elasticsearch,
    )  # fmt: skip


def send(stack: Stack, topic: Any, crawl: str, records: Sequence[Any]) -> None:
    settings = Settings(kafka=stack.kafka)
    create_topics(settings)
    with KafkaWriter(settings) as writer:
        writer.write(topic, [Outgoing(one.key, encode(one), crawl) for one in records])


@pytest.mark.stack
def test_the_station_indexes_what_is_on_the_topic_and_the_summary_accounts_for_it(
    bare: Elasticsearch, stack: Stack, tmp_path: Path
) -> None:
    crawl = f"crawl-{uuid4().hex}"
    posts = [classified(f"{crawl}-{n}", origin=origin(crawl)) for n in range(50)]
    gone = deletion(f"{crawl}-3", origin=origin(crawl))
    send(stack, COLLECTED, crawl, [*(one.post for one in posts), gone])
    send(stack, CLASSIFIED, crawl, [*posts, gone])
    report = tmp_path / "report.json"
    counts = {"deletions": 1, "dead_letters": 0, "unique_ids": 50}
    report.write_text(json.dumps({"crawl": crawl, **counts}))

    # Before the station has run nothing is indexed, and the summary says so.
    early = command(stack, "summary", "--report", str(report))
    assert early.returncode == 1, early.stderr
    assert "50 of 50 posts are neither indexed nor deleted nor dead letters" in early.stdout

    station = subprocess.Popen(
        [sys.executable, "-m", "indexer", "run"],
        cwd=Path(__file__).parents[2],
        env=os.environ
        | {"EMOSTREAM_KAFKA": stack.kafka, "EMOSTREAM_ELASTICSEARCH": stack.elasticsearch},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        told = command(stack, "summary", "--report", str(report), "--wait", "60")
        assert told.returncode == 0, told.stdout + told.stderr
        assert "every one of 50 posts accounted for: 49 indexed + 1 deleted + 0 dead" in told.stdout
        assert f"49 posts of crawl {crawl}" in told.stdout
    finally:
        station.terminate()
        _out, log = station.communicate(timeout=60)
    assert station.returncode == 0, log
    # Whatever other tests left on the topics, the station's last line counts these with it.
    said = re.search(r"(\d+) received, .*; (\d+) indexed, .* (\d+) deleted", log)
    assert said, log
    received, indexed, deleted = map(int, said.groups())
    assert received >= 51 and indexed >= 49 and deleted >= 1, log


@pytest.mark.stack
def test_setup_says_what_there_is_and_repeats_itself(bare: Elasticsearch, stack: Stack) -> None:
    first, second = command(stack, "setup"), command(stack, "setup")
    assert first.returncode == 0, first.stderr
    assert f"index template {FAMILY}, version {mapping()['_meta']['version']}" in first.stdout
    assert first.stdout == second.stdout


@pytest.mark.parametrize("words", [["setup"], ["run"], ["summary"]])
def test_a_command_without_a_node_ends_with_one_line(words: list[str]) -> None:
    done = forks.told("indexer", *words, EMOSTREAM_ELASTICSEARCH="http://127.0.0.1:1")
    assert done.returncode == 2
    assert done.stderr.startswith("error: no Elasticsearch answers at http://127.0.0.1:1")
    assert done.stderr.count("\n") == 1


def test_waiting_for_nothing_known_is_a_usage_error() -> None:
    done = forks.told("indexer", "summary", "--wait", "5")
    assert done.returncode == 2
    assert "--wait needs --report" in done.stderr
