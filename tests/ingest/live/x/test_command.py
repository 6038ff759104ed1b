"""What is said before X is read, and the command line."""

import argparse
from pathlib import Path

import pytest
from pydantic import SecretStr

from ingest.budget import Limits
from ingest.context import Context
from ingest.live import x as x_live
from ingest.x import id_at, id_time
from stream.errors import UserError
from stream.settings import Settings
from tests.ingest.doubles import NOW
from tests.ingest.live.fake_x import TOKEN, FakeX

pytestmark = pytest.mark.wire


USED = (
    "its project has read 43,435 posts of 2,000,000 that X allows in a month, "
    "counted anew on day 10"
)


def test_check_says_what_the_token_allows_and_what_is_used(fake: FakeX, context: Context) -> None:
    assert fake.source(context).check().sentences[:3] == [
        "X accepts the token",
        USED,
        "the filtered stream is open to it and has 1 rule",
    ]
    assert {one.path for one in fake.requests} == {
        "/2/usage/tweets",
        "/2/tweets/search/stream/rules",
    }


def test_check_says_what_is_not_open_to_the_token(fake: FakeX, context: Context) -> None:
    fake.answer_next(200, body=b'{"data": {}}')
    fake.answer_next(403, problem="client-forbidden")
    assert (
        "not open to it (HTTP 403, client-forbidden)" in fake.source(context).check().sentences[2]
    )


@pytest.mark.parametrize("answered", [0, 1])
def test_check_fails_where_the_token_is_refused(
    fake: FakeX, context: Context, answered: int
) -> None:
    for _ in range(answered):
        fake.answer_next(200, body=b'{"data": {}}')
    fake.answer_next(401)
    with pytest.raises(UserError, match=r"X refuses the token \(HTTP 401\)"):
        fake.source(context).check()


def test_the_cost_is_said_before_anything_is_asked(fake: FakeX, context: Context) -> None:
    fake.limits = Limits(0.005, dollars_per_day=5)
    billed, today, month = fake.source(context).plan()
    assert "$0.005" in billed
    assert today.startswith("today: at most 1,000 posts ($5.00)")
    assert month.startswith("this month: no limit")
    assert fake.requests == []


def test_an_id_and_its_time() -> None:
    assert id_time(id_at(NOW)) == NOW


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    x_live.add_options(parser)
    return parser.parse_args(words)


def settings(fake: FakeX, **more: object) -> Settings:
    return Settings(x_api=fake.address, x_bearer_token=SecretStr(TOKEN), **more)  # type: ignore[arg-type]


def test_without_a_limit_there_is_one(fake: FakeX, context: Context) -> None:
    told = x_live.make(parsed(), settings(fake, x_dollars_per_post=0.01), context).plan()
    assert "$0.01 " in told[0]
    assert told[1].startswith("today: at most 500 posts ($5.00)")
    assert told[2].startswith("this month: at most 5,000 posts ($50.00)")


def test_a_limit_given_replaces_those(fake: FakeX, context: Context) -> None:
    words = ("sample", "--max-posts-per-month", "100000")
    told = x_live.make(parsed(*words), settings(fake), context).plan()
    assert told[1].startswith("today: no limit")
    assert told[2].startswith("this month: at most 100,000 posts ($500.00)")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("stream", "wants --rules FILE or --preset$"),
        ("stream --rules a --preset random-english", "wants --rules FILE or --preset, not both"),
        ("stream --rules nowhere.toml", "nowhere.toml: cannot be read"),
        ("search", "wants a query"),
        ("recheck", "wants --ids FILE"),
    ],
)
def test_what_is_missing_is_said(fake: FakeX, context: Context, words: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        x_live.make(parsed(*words.split()), settings(fake), context)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("sample --rules nofile", "x sample: --rules is for `x stream` or `x rules`"),
        ("sample --since 2026-11-20T00:00:00Z", "x sample: --since is for `x search`"),
        ("sample --apply", "x sample: --apply is for `x rules`"),
        ("sample --ids nofile", "x sample: --ids is for `x recheck`"),
        ("sample --no-fill", "x sample: --no-fill is for `x stream`"),
        ("stream day --preset random-english", "x stream: a query is for `x search`"),
        ("recheck --ids nofile --backfill-minutes 1", "--backfill-minutes is for `x stream` or"),
        (
            "search day --since 2026-11-20T00:00:00Z --until 2026-11-19T00:00:00Z",
            "--until must be later than --since",
        ),
    ],
)
def test_an_option_of_another_mode_is_refused_before_anything_is_asked(
    fake: FakeX, context: Context, words: str, said: str
) -> None:
    with pytest.raises(UserError, match=said):
        x_live.make(parsed(*words.split()), settings(fake), context)
    assert fake.requests == []


def test_a_query_is_no_option_of_the_rules(fake: FakeX, context: Context) -> None:
    with pytest.raises(UserError, match="x rules: a query is for `x search`"):
        x_live.act(parsed("rules", "day", "--rules", "a"), settings(fake), context)


def test_a_token_that_is_not_set_is_named(context: Context) -> None:
    with pytest.raises(UserError, match="EMOSTREAM_X_BEARER_TOKEN: is not set"):
        x_live.make(parsed("search", "day"), Settings(), context)


def test_what_to_read_must_be_said_but_not_to_check(fake: FakeX, context: Context) -> None:
    source = x_live.make(parsed(), settings(fake), context)
    assert source.check().sentences
    with pytest.raises(UserError, match="stream, sample, search or recheck"):
        next(iter(source.read(None)))


def test_rules_are_shown_then_applied_then_the_same(
    fake: FakeX, context: Context, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rules.toml"
    file.write_text('[[rule]]\ntag = "new"\nvalue = "a new rule"\n')
    shown = []
    for words in ([], ["--apply"], []):
        arguments = parsed("rules", "--rules", str(file), *words)
        assert x_live.act(arguments, settings(fake), context) == 0
        shown.append(capsys.readouterr().out.splitlines())
    difference = ["- days: day lang:en", "+ new: a new rule"]
    assert shown == [
        [*difference, "nothing was changed: --apply does it"],
        [*difference, "1 added, 1 deleted"],
        ["the stream has these 1 rules"],
    ]


def test_what_is_no_rules_command_is_left_to_the_crawl(fake: FakeX, context: Context) -> None:
    assert x_live.act(parsed("sample"), settings(fake), context) is None
    assert fake.requests == []
