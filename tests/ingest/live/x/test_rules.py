"""The rules of the filtered stream."""

from pathlib import Path

import pytest

from ingest.context import Context
from ingest.live.x_rules import PRESETS, Rule, active, apply, declared, difference
from stream.errors import UserError
from tests.ingest.live.crawler import Crawler
from tests.ingest.live.fake_x import FakeX
from tests.ingest.live.x.reading import STREAM

pytestmark = pytest.mark.wire


def test_the_difference_is_applied_after_a_trial(fake: FakeX, context: Context) -> None:
    wanted = [Rule(tag="days", value="day lang:en"), Rule(tag="nights", value="night")]
    fake.rules.append({"id": "77", "value": "old"})
    fake.rules.append({"id": "78", "value": "night", "tag": "another tag"})
    api = fake.api(context)
    change = difference(wanted, active(api))
    assert list(change.lines()) == ["- (no tag): old", "- another tag: night", "+ nights: night"]
    apply(api, change)
    assert not difference(wanted, active(api))
    posts = [one for one in fake.requests if one.method == "POST"]
    assert [(one.query.get("dry_run"), list(one.body)) for one in posts] == [
        (None, ["delete"]),
        (None, ["add"]),
    ]


def test_rules_that_x_takes_not_are_a_line_each_and_change_nothing(
    fake: FakeX, context: Context
) -> None:
    before = list(fake.rules)
    fake.bad_rules = {"(": "missing ')' at character 2", "b:ad": "unknown operator b:"}
    wanted = [Rule(tag=f"r{n}", value=value) for n, value in enumerate(["fine", "(", "b:ad"])]
    api = fake.api(context)
    with pytest.raises(UserError) as refused:
        apply(api, difference(wanted, active(api)))
    assert str(refused.value).splitlines() == [
        "rule r1: Invalid Rule: missing ')' at character 2",
        "rule r2: Invalid Rule: unknown operator b:",
    ]
    assert fake.rules == before


def test_a_stream_with_other_rules_than_the_files_is_not_read(
    fake: FakeX, crawler: Crawler
) -> None:
    fake.rules = [{"id": "9", "value": "someone else's"}]
    with pytest.raises(UserError, match="1 to add, 1 to delete"):
        crawler.run()
    assert fake.asked(STREAM) == []


@pytest.mark.parametrize(
    "file", [*PRESETS.values(), PRESETS["random-english"].parent / "x_rules.toml"]
)
def test_the_rules_that_come_with_us_are_rules_that_fit_xs_limit(file: Path) -> None:
    for rule in declared(file):
        assert "lang:en" in rule.value
        assert len(rule.value) <= 1024


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("[[rule]]\ntag = 'a'", "rule.0.value: Field required"),
        ("[[rule]]\ntag = 'a'\nvalue = ' '", "rule.0.value: String should have at least 1"),
        ("[[rule]]\ntag='a'\nvalue='b'\nvalues='c'", "rule.0.values: Extra inputs"),
        ("rules = 1", "rule: Field required"),
        ("[[rule]]\ntag='a'\nvalue='b'\n" * 2, "rule.1: has the value of rule.0"),
        ("[[rule", "not TOML"),
    ],
)
def test_a_wrong_file_of_rules_says_where(tmp_path: Path, written: str, said: str) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(written)
    with pytest.raises(UserError) as wrong:
        declared(file)
    assert str(wrong.value).startswith(str(file))
    assert said in str(wrong.value)
