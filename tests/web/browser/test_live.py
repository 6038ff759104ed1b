"""The view Live: what is in the index, and the line that fills it."""

import json
import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.web.browser.demo import Demo, Visit, served, visiting
from web import keys
from web.live.said import Overview, Pipeline, Posts

pytestmark = pytest.mark.end_to_end


def posts(page: Page) -> Locator:
    """How many posts fit."""
    return page.locator("#numbers li").first.locator("strong")


def bar(page: Page, panel: str, name: str) -> Locator:
    return page.locator(f"#{panel} .bar").filter(has=page.get_by_text(name, exact=True))


def test_a_page_opened_before_the_first_post_fills_by_itself(demo: Demo) -> None:
    assert "No post is here yet." in demo.seen_empty
    assert "make demo" in demo.seen_empty
    assert demo.seen_filled == "767"


def test_every_number_is_what_elasticsearch_counts(demo: Demo, visit: Visit) -> None:
    page = visit.open("#/live")
    expect(posts(page)).to_have_text(demo.posts)
    for panel, field in (
        ("live-emotions", "emostream.emotion.primary"),
        ("platforms", "event.provider"),
        ("polarities", "emostream.polarity.label"),
        ("tags", "tags"),
        ("videos", "emostream.origin.video"),
    ):
        row = page.locator(f"#{panel} > li").first
        key = row.get_attribute("data-key")
        shown = row.locator(".num").inner_text().split(" ")[0]
        assert int(shown) == demo.counted({"term": {field: key}}), panel
    strip = page.locator("#strip")
    expect(strip.get_by_text("19 dead letters")).to_be_visible()
    expect(strip.get_by_text("2 deletions")).to_be_visible()
    expect(strip.get_by_text("0 waiting for the indexer")).to_be_visible()
    expect(page.locator("#letters li").first).to_contain_text("ingest: no known shape")


def test_the_view_is_told_what_the_description_says(demo: Demo) -> None:
    for path, shape in (
        ("live", Overview),
        ("live/posts?size=100", Posts),
        ("live/pipeline", Pipeline),
    ):
        shape.model_validate(demo.api(path))


def test_the_charts_hold_every_post(demo: Demo, visit: Visit) -> None:
    page = visit.open("#/live")
    page.locator("#as-count").click()
    page.locator("#volume summary").click()
    rows = page.locator("#volume td").all_inner_texts()
    assert sum(int(row.split(" ")[0]) for row in rows) == int(demo.posts)
    page.locator("#neutral").check()
    page.locator("#timeline summary").click()
    told = " ".join(page.locator("#timeline td").all_inner_texts())
    assert "neutral" in told
    told_before = page.locator("#timeline .seg").count()
    page.locator("#neutral").uncheck()
    assert page.locator("#timeline .seg").count() < told_before


@pytest.mark.parametrize(
    ("control", "value", "field"),
    [
        ("platform", "youtube", "event.provider"),
        ("language", "es", "emostream.text_language"),
        ("emotion", "gratitude", "emostream.emotion.primary"),
    ],
)
def test_a_list_narrows_everything(
    demo: Demo, visit: Visit, control: str, value: str, field: str
) -> None:
    page = visit.open("#/live")
    expect(posts(page)).to_have_text(demo.posts)
    page.select_option(f"#filters [name={control}]", value)
    expect(posts(page)).to_have_text(str(demo.counted({"term": {field: value}})))
    assert f"{control}={value}" in page.url
    page.go_back()
    expect(posts(page)).to_have_text(demo.posts)
    expect(page.locator(f"#filters [name={control}]")).to_have_value("")


def test_a_search_finds_words_phrases_and_hashtags(demo: Demo, visit: Visit) -> None:
    page = visit.open("#/live")
    for text, search in (
        ("thank you", {"match": {"message": {"query": "thank you", "operator": "and"}}}),
        ('"thank you"', {"match_phrase": {"message": "thank you"}}),
        ("#harbourderby", {"term": {"tags": "harbourderby"}}),
    ):
        page.fill("#filters [name=q]", text)
        expect(posts(page)).to_have_text(str(demo.counted(search)))


def test_a_search_that_is_still_being_typed_is_left_as_it_is(visit: Visit) -> None:
    page = visit.open("#/live")
    field = page.locator("#filters [name=q]")
    field.press_sequentially("thank ")
    page.wait_for_url("**q=thank")
    field.press_sequentially("you")
    page.wait_for_url("**q=thank+you")
    expect(field).to_have_value("thank you")


def test_a_time_narrows_everything(demo: Demo, visit: Visit) -> None:
    page = visit.open("#/live")
    page.select_option("#filters [name=since]", "24h")
    expected = demo.counted({"range": {"@timestamp": {"gte": "now-24h"}}})
    assert 0 < expected < int(demo.posts)
    expect(posts(page)).to_have_text(str(expected))


def test_a_column_of_a_chart_opens_its_time_by_mouse_and_by_keyboard(
    demo: Demo, visit: Visit
) -> None:
    page = visit.open("#/live")
    expect(posts(page)).to_have_text(demo.posts)
    chart = page.locator("#volume .chart")
    chart.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    tip = page.locator("#volume .tip")
    expect(tip).to_contain_text("posts")
    shown = tip.inner_text().split("\n")[1].split(" ")[0]
    page.keyboard.press("Enter")
    expect(posts(page)).to_have_text(shown)
    expect(page.locator("#chosen .chip")).to_contain_text("UTC to")
    page.locator("#chosen .chip").click()
    expect(posts(page)).to_have_text(demo.posts)
    box = page.locator("#timeline .chart").bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] / 3, box["y"] + 40)
    expect(page.locator("#chosen .chip")).to_be_visible()


def test_a_click_drills_down_and_a_second_one_comes_back(demo: Demo, visit: Visit) -> None:
    page = visit.open("#/live")
    for panel, name, key, field in (
        ("topics", "sports", "sports", "emostream.topic.labels"),
        ("tags", "#harbourderby", "harbourderby", "tags"),
        ("names", "Mira Solenne", "Mira Solenne", None),
        ("live-classes", "sadness", "sadness", "emostream.comment_class"),
    ):
        row = page.locator(f"#{panel} > li[data-key='{key}'] .bar")
        expect(row).to_contain_text(name)
        count = row.locator(".num").inner_text().split(" ")[0]
        row.click()
        expect(posts(page)).to_have_text(count)
        if field:
            assert int(count) == demo.counted({"term": {field: key}})
        expect(row).to_have_attribute("aria-pressed", "true")
        row.click()
        expect(posts(page)).to_have_text(demo.posts)


def test_the_words_behind_an_emotion_follow_the_emotion(visit: Visit) -> None:
    page = visit.open("#/live?emotion=gratitude")
    expect(page.locator("#words-of")).to_contain_text("gratitude")
    word = page.locator("#words button", has_text="thanks").first
    expect(word).to_be_visible()
    word.click()
    expect(page.locator("#chosen .chip")).to_contain_text("word: thanks")
    expect(page.locator("#posts .post").first.locator(".shaded")).to_contain_text("hanks")


def test_new_posts_stream_in_shaded_and_inert(demo: Demo, visit: Visit) -> None:
    page = visit.open("#/live?platform=text")
    expect(page.locator("#nothing")).to_contain_text("No post fits.")
    evil = 'thank you <img src=x onerror="alert(1)"> \u202eevil'
    done = demo.pipeline.run("ingest", "replay", "-", text=evil + "\n")
    assert done.returncode == 0, done.stderr
    expect(page.locator("#posts .post .shaded")).to_have_text(evil)
    expect(page.locator("#posts .post .for").first).to_have_text("thank")
    expect(posts(page)).to_have_text("1")
    assert page.locator("#posts img").count() == 0
    page.locator("#pause").click()
    expect(page.locator("#pulse")).not_to_have_class("on")


def test_where_no_post_fits_the_way_back_is_one_click(demo: Demo, visit: Visit) -> None:
    page = visit.open("#/live?q=zzzznothing")
    expect(page.locator("#nothing")).to_contain_text("No post fits.")
    expect(page.locator("#board")).to_be_hidden()
    page.locator("#nothing button").click()
    expect(posts(page)).not_to_have_text("0")


@dataclass
class Locked:
    """A page that asks for a key, over an Elasticsearch that is not there."""

    address: str
    key: str


@pytest.fixture
def locked(demo: Demo, tmp_path: Path) -> Iterator[Locked]:
    key = keys.new(tmp_path / "keys", "reader")
    settings = {
        "EMOSTREAM_ELASTICSEARCH": "http://127.0.0.1:9",
        "EMOSTREAM_KAFKA": "127.0.0.1:9",
        "EMOSTREAM_WEB_KEYS": str(tmp_path / "keys"),
    }
    with served(demo.pipeline.environment | settings) as address:
        yield Locked(address, key)


def test_without_elasticsearch_the_page_says_so_and_try_still_works_behind_a_key(
    locked: Locked, browser: Browser
) -> None:
    context = browser.new_context(http_credentials={"username": "me", "password": locked.key})
    with visiting(context, locked.address) as visit:
        page = visit.open("#/live")
        expect(page.locator("#trouble")).to_contain_text("Elasticsearch does not answer")
        expect(page.locator("#trouble")).to_contain_text("make up")
        expect(page.locator("#board")).to_be_hidden()
        page.locator("nav a", has_text="Try").click()
        page.fill("#text", "thank you")
        expect(page.locator("#primary")).to_contain_text("gratitude")
        expect(page.locator("#trouble")).to_be_hidden()
    context.close()


def test_a_wrong_filter_is_named(demo: Demo, visit: Visit) -> None:
    for path, field in (
        ("live?zork=1", "zork"),
        ("live?since=1y", "since"),
        ("live/posts?size=0", "size"),
        ("live/posts?order=x", "order"),
    ):
        with pytest.raises(urllib.error.HTTPError) as refused:
            demo.api(path)
        problem: dict[str, Any] = json.load(refused.value)
        assert refused.value.code == 422
        assert [one["field"] for one in problem["errors"]] == [field]


def test_a_server_that_is_gone_when_the_view_is_opened_is_waited_for(visit: Visit) -> None:
    page = visit.open("#/try")
    page.context.set_offline(True)
    page.locator("nav a", has_text="Live").click()
    expect(page.locator("#trouble")).to_contain_text("The server does not answer")
    expect(page.locator("#board")).to_be_hidden()
    page.context.set_offline(False)
    expect(page.locator("#posts .post").first).to_be_visible()
    expect(page.locator("#trouble")).to_be_hidden()


def test_a_tab_that_nobody_sees_holds_no_stream(visit: Visit) -> None:
    page = visit.open("#/live")
    expect(page.locator("#pulse")).to_have_class("pulse on")
    page.evaluate(SEEN, True)
    expect(page.locator("#pulse")).to_have_class("pulse")
    page.evaluate(SEEN, False)
    expect(page.locator("#pulse")).to_have_class("pulse on")


def test_more_windows_than_a_browser_has_connections_all_show_the_latest_posts(
    demo: Demo, visit: Visit
) -> None:
    context = visit.page.context
    for page in [visit.page, *(context.new_page() for _ in range(6))]:
        page.goto(f"{demo.address}/#/live")
        expect(page.locator("#pulse")).to_have_class("pulse on")
        expect(posts(page)).to_have_text(demo.posts)


SEEN = """hidden => {
  Object.defineProperty(document, "hidden", { get: () => hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def test_a_chosen_word_stays_and_a_second_click_comes_back(demo: Demo, visit: Visit) -> None:
    page = visit.open("#/live?emotion=gratitude")
    word = page.locator("#words li[data-key=thanks] button")
    word.click()
    expect(word).to_have_attribute("aria-pressed", "true")
    expect(word).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#chosen .chip")).to_have_count(0)
    page.goto(f"{demo.address}/#/live?word=please")
    expect(page.locator("#words [aria-pressed=true]")).to_have_text("please")


def test_a_link_with_half_a_time_or_a_broken_one_can_be_mended(demo: Demo, visit: Visit) -> None:
    page = visit.open("#/live?start=abc")
    chip = page.locator("#chosen .chip")
    expect(chip).to_contain_text("from abc")
    expect(page.locator("#trouble")).to_contain_text("start")
    chip.click()
    expect(posts(page)).to_have_text(demo.posts)
    page.goto(f"{demo.address}/#/live?start=1000")
    expect(chip).to_contain_text("from Thu, 1 Jan 1970, 00:00 UTC")
    page.goto(f"{demo.address}/#/live?end=1000")
    expect(chip).to_contain_text("until Thu, 1 Jan 1970, 00:00 UTC")
