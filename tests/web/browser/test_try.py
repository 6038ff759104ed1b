"""The view Try: one text, and many."""

import csv
import io
import json
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, Route, expect

from tests.web.browser.demo import Visit

pytestmark = pytest.mark.end_to_end

THANKS = "Thank you so much, this made my day!"
HOSTILE = (
    '<img src=x onerror="alert(1)"><script>alert(2)</script>'
    '<a href="javascript:alert(3)">thank you</a> \u202egnp.exe\u2066 & &lt;b&gt;'
)


def given(page: Page) -> list[str]:
    """The emotions that are given now."""
    return page.locator("#emotions .bar.given .name").all_inner_texts()


def test_emotions_appear_as_one_types(visit: Visit) -> None:
    page = visit.open("#/try")
    expect(page.locator("#primary")).to_have_text("Nothing typed yet")
    page.locator("#text").press_sequentially(THANKS)
    expect(page.locator("#primary")).to_contain_text("gratitude")
    expect(page.locator("#face")).to_contain_text("🙏")
    assert "Polarity: positive" in (page.locator("#gauge svg").get_attribute("aria-label") or "")
    expect(page.locator("#classes [aria-current]")).to_contain_text("positive")
    assert given(page)[0] == "gratitude"


def test_every_word_is_shaded_by_what_it_adds_to_the_chosen_emotion(visit: Visit) -> None:
    page = visit.open("#/try")
    page.fill("#text", "Thank you, but the queue was terrible.")
    expect(page.locator("#shaded .for").first).to_have_text("Thank")
    page.locator("#all-emotions").click()
    page.locator("#emotions .bar", has_text="fear").click()
    expect(page.locator("#why")).to_contain_text("fear")
    expect(page.locator("#shaded .for", has_text="terrible")).to_be_visible()
    assert page.locator("#shaded").inner_text() == "Thank you, but the queue was terrible."
    assert "terrible" in page.locator("#weighty").inner_text()


def test_an_answer_about_an_older_text_is_dropped(visit: Visit) -> None:
    page = visit.open("#/try")
    held: list[Route] = []

    def hold(route: Route) -> None:
        if "angry" in (route.request.post_data or ""):
            held.append(route)
        else:
            route.continue_()

    page.route("**/v1/classify", hold)
    with page.expect_request(lambda asked: "angry" in (asked.post_data or "")):
        page.fill("#text", "I am so angry")
    page.fill("#text", THANKS)
    expect(page.locator("#primary")).to_contain_text("gratitude")
    for route in held:
        route.fulfill(json=visit.said("I am so angry"))
    expect(page.locator("#primary")).to_contain_text("gratitude")
    assert held


def test_the_threshold_for_all_gives_more_labels_or_none(visit: Visit) -> None:
    page = visit.open("#/try")
    page.fill("#text", THANKS)
    expect(page.locator("#primary")).to_contain_text("gratitude")
    page.locator("#all-emotions").click()
    page.locator("#threshold").fill("0.01")
    expect(page.locator("#also")).to_contain_text("joy")
    few = len(given(page))
    assert few > 2
    page.locator("#threshold").fill("0.99")
    expect(page.locator("#primary")).to_have_text("No emotion is sure enough")
    assert given(page) == []
    page.locator("#threshold-reset").click()
    expect(page.locator("#primary")).to_contain_text("gratitude")
    assert given(page) == ["gratitude"]


def test_a_threshold_of_one_emotion_leaves_the_others(visit: Visit) -> None:
    page = visit.open("#/try")
    page.fill("#text", THANKS)
    expect(page.locator("#primary")).to_contain_text("gratitude")
    page.locator("#own summary").click()
    page.locator("#own-joy").fill("0.01")
    expect(page.locator("#also")).to_contain_text("joy")
    assert set(given(page)) == {"gratitude", "joy"}


def test_a_link_shows_the_same_again(visit: Visit) -> None:
    page = visit.open("#/try")
    page.fill("#text", "Thank you & goodbye #50%")
    expect(page.locator("#primary")).to_contain_text("gratitude")
    page.locator("#threshold").fill("0.02")
    page.locator("#own summary").click()
    page.locator("#own-love").fill("0.9")
    page.locator("#emotions .bar", has_text="admiration").click()
    expect(page.locator("#why")).to_contain_text("admiration")
    page.locator("#copy-link").click()
    expect(page.locator("#copy-link")).not_to_have_text("Copy link")
    before = page.locator("#also").inner_text()
    place = page.url
    page.goto("about:blank")
    page.goto(place)
    expect(page.locator("#text")).to_have_value("Thank you & goodbye #50%")
    expect(page.locator("#why")).to_contain_text("admiration")
    expect(page.locator("#also")).to_have_text(before)
    assert page.locator("#own-love").input_value() == "0.9"


def test_another_model_can_be_chosen(visit: Visit) -> None:
    page = visit.open("#/try")
    page.fill("#text", THANKS)
    expect(page.locator("#model-name")).to_contain_text("emotion-cbow")
    name = page.locator("#model option").nth(1).get_attribute("value") or ""
    assert name.startswith("twin@")
    page.select_option("#model", name)
    expect(page.locator("#model-name")).to_have_text(name)


def test_a_model_with_attention_says_where_it_looked_and_not_what_a_word_adds(visit: Visit) -> None:
    page = visit.open("#/try")
    page.fill("#text", "the happy bus we saw from the news")
    expect(page.locator("#weighty")).to_contain_text("weighs most: happy +")
    page.select_option("#model", index=2)
    expect(page.locator("#weighty")).to_contain_text("looked at most, whatever the emotion: ")
    expect(page.locator("#weighty")).to_contain_text("%")
    titles = [each.get_attribute("title") for each in page.locator("#shaded span.for").all()]
    assert titles
    assert all(title and title.endswith("of the model's attention") for title in titles)
    assert page.locator("#shaded span.against").count() == 0


def test_hostile_texts_are_only_texts(visit: Visit) -> None:
    page = visit.open("#/try")
    page.fill("#text", HOSTILE)
    expect(page.locator("#shaded")).to_contain_text("<script>")
    assert page.locator("#shaded").text_content() == HOSTILE
    assert page.locator("main img, main script, #shaded a").count() == 0
    page.fill("#text", f"{HOSTILE} thank you " * 700)
    expect(page.locator("#shaded")).to_contain_text("more characters")
    page.locator("#many-texts").click()
    page.fill("#lines", HOSTILE)
    page.locator("#classify").click()
    expect(page.locator("#rows td").first).to_have_text(HOSTILE)
    assert page.locator("#rows img, #rows script, #rows a").count() == 0


def test_a_text_that_is_too_long_is_refused_with_the_reason(visit: Visit) -> None:
    page = visit.open("#/try")
    page.evaluate("document.getElementById('text').value = 'x '.repeat(110000)")
    page.locator("#text").press("End")
    page.locator("#text").press("!")
    expect(page.locator("#trouble")).to_contain_text("text")
    page.fill("#text", THANKS)
    expect(page.locator("#trouble")).to_be_hidden()


def test_a_server_that_is_gone_is_said_and_missed_no_longer_than_it_is(visit: Visit) -> None:
    page = visit.open("#/try")
    page.fill("#text", "hello")
    expect(page.locator("#verdict")).not_to_have_class("idle")
    page.context.set_offline(True)
    page.fill("#text", THANKS)
    expect(page.locator("#trouble")).to_contain_text("does not answer")
    page.context.set_offline(False)
    page.locator("#text").press("End")
    page.locator("#text").press("!")
    expect(page.locator("#trouble")).to_be_hidden()
    expect(page.locator("#primary")).to_contain_text("gratitude")


def test_when_the_server_says_not_now_it_is_asked_again(visit: Visit) -> None:
    page = visit.open("#/try")
    refused: list[str] = []

    def once(route: Route) -> None:
        if refused:
            route.continue_()
            return
        refused.append(route.request.url)
        route.fulfill(status=429, headers={"Retry-After": "1"}, json={"detail": "too many"})

    page.route("**/v1/classify", once)
    page.fill("#text", THANKS)
    expect(page.locator("#trouble")).to_contain_text("too many")
    expect(page.locator("#primary")).to_contain_text("gratitude")
    expect(page.locator("#trouble")).to_be_hidden()


def test_many_lines_give_a_distribution_and_a_download(visit: Visit, tmp_path: Path) -> None:
    page = visit.open("#/try?mode=many")
    page.fill("#lines", "thank you!\n\nI hate this\n=1+1 is what I love\n")
    page.locator("#classify").click()
    expect(page.locator("#progress")).to_contain_text("3 texts in")
    expect(page.locator("#batch-emotions .bar", has_text="gratitude")).to_contain_text("1 · 33%")
    with page.expect_download() as csv_file:
        page.locator("#save-csv").click()
    csv_file.value.save_as(tmp_path / "out.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text(), newline="")))
    assert [row["text"] for row in rows] == ["thank you!", "I hate this", "'=1+1 is what I love"]
    assert rows[0]["primary"] == "gratitude"
    with page.expect_download() as lines_file:
        page.locator("#save-ndjson").click()
    lines_file.value.save_as(tmp_path / "out.ndjson")
    told = [json.loads(line) for line in (tmp_path / "out.ndjson").read_text().splitlines()]
    assert told[2]["text"] == "=1+1 is what I love"
    assert len(told[0]["probabilities"]) == 28


def test_a_csv_with_quotes_line_breaks_and_several_columns_is_read(
    visit: Visit, tmp_path: Path
) -> None:
    page = visit.open("#/try?mode=many")
    table = tmp_path / "comments.csv"
    table.write_text('id,comment\r\n1,"thank you,\r\n""friend"""\r\n2,I am scared\r\n')
    page.set_input_files("#file", table)
    expect(page.locator("#progress")).to_have_text("2 texts")
    expect(page.locator("#column option:checked")).to_have_text("comment")
    page.locator("#classify").click()
    expect(page.locator("#rows tr")).to_have_count(2)
    assert page.locator("#rows td").first.text_content() == 'thank you,\r\n"friend"'
    expect(page.locator("#batch-emotions")).to_contain_text("fear")


def test_the_samples_of_a_platform_are_read_as_they_are(visit: Visit) -> None:
    page = visit.open("#/try?mode=many")
    samples = Path(__file__).parents[3] / "ingest" / "samples" / "youtube_comments.ndjson"
    page.set_input_files("#file", samples)
    page.locator("#classify").click()
    expect(page.locator("#progress")).to_contain_text("texts in")
    expect(page.locator("#rows tr").first).to_be_visible()


def test_a_file_that_is_no_table_is_said(visit: Visit, tmp_path: Path) -> None:
    page = visit.open("#/try?mode=many")
    broken = tmp_path / "posts.ndjson"
    broken.write_text('{"text": "hello"}\n{"text": \n')
    page.set_input_files("#file", broken)
    expect(page.locator("#progress")).to_have_text("Line 2 is not JSON.")


LEFT = """wanted => {
  const walk = document.createTreeWalker(document.getElementById("shaded"), NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const at = walk.currentNode.data.indexOf(wanted);
    if (at < 0) continue;
    const range = document.createRange();
    range.setStart(walk.currentNode, at);
    range.setEnd(walk.currentNode, at + wanted.length);
    return range.getBoundingClientRect().left;
  }
}"""
"""Where a word begins on the screen."""


@pytest.mark.parametrize("turn", ["\u202e", "\u2069\u202e", "\u2067"])
def test_a_word_that_turns_the_direction_turns_only_itself(visit: Visit, turn: str) -> None:
    page = visit.open("#/try")
    text = f"I love the {turn}red table here"
    page.fill("#text", text)
    expect(page.locator("#shaded")).to_contain_text("table")
    places = [page.evaluate(LEFT, word) for word in ("love", "red", "table", "here")]
    assert places == sorted(places)
    assert page.locator("#shaded").text_content() == text


def test_a_link_to_another_model_shows_its_thresholds(visit: Visit) -> None:
    page = visit.open("#/try")
    name = page.locator("#model option").nth(1).get_attribute("value") or ""

    def strict(route: Route) -> None:
        said = route.fetch().json()
        route.fulfill(
            json=said | {"emotions": [one | {"threshold": 0.97} for one in said["emotions"]]}
        )

    page.route("**/v1/labels?model=*", strict)
    page.goto("about:blank")
    page.goto(f"{visit.address}/#/try?text=thank+you&model={quote(name)}")
    expect(page.locator("#model-name")).to_have_text(name)
    expect(page.locator("#model")).to_have_value(name)
    page.locator("#own summary").click()
    expect(page.locator("#sliders output").first).to_have_text("97%")


def test_the_mode_is_in_the_address_and_has_thresholds_and_models_too(visit: Visit) -> None:
    page = visit.open("#/try")
    page.locator("#many-texts").click()
    page.wait_for_url("**mode=many")
    page.locator("#threshold").fill("0.99")
    expect(page.locator("#model")).to_be_visible()
    page.fill("#lines", THANKS)
    page.locator("#classify").click()
    expect(page.locator("#rows td").nth(1)).to_have_text("no emotion reaches its threshold")
    page.locator("#threshold-reset").click()
    expect(page.locator("#progress")).to_contain_text("classify again")
    page.locator("#classify").click()
    expect(page.locator("#rows td").nth(1)).to_contain_text("gratitude")
    page.go_back()
    expect(page.locator("#text")).to_be_visible()
    expect(page.locator("#threshold")).to_be_visible()


def test_a_table_comes_back_whole_with_the_reason_where_there_is_no_answer(
    visit: Visit, tmp_path: Path
) -> None:
    page = visit.open("#/try?mode=many")
    table = tmp_path / "comments.csv"
    long = "x " * 100_001
    table.write_text(f"Größe,Kommentar,language\n-5,thank you,a\n2,,b\n\n3,{long},c\n4,hi,d\n")
    page.set_input_files("#file", table)
    expect(page.locator("#column option:checked")).to_have_text("Kommentar")
    page.locator("#classify").click()
    expect(page.locator("#progress")).to_contain_text("2 texts in")
    expect(page.locator("#progress")).to_contain_text("3 without an answer")
    with page.expect_download() as saved:
        page.locator("#save-csv").click()
    saved.value.save_as(tmp_path / "out.csv")
    before = csv.field_size_limit(1_000_000)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text(), newline="")))
    csv.field_size_limit(before)  # it is the whole process's
    assert [row["Größe"] for row in rows] == ["-5", "2", "", "3", "4"]
    assert [row["language"] for row in rows] == ["a", "b", "", "c", "d"]
    assert rows[0]["primary"] == "gratitude"
    assert rows[0]["emostream_language"] == "en"
    assert [row["abstained"] for row in rows[1:3]] == ["no text", "no text"]
    assert rows[3]["abstained"] == "longer than 200,000 characters"


def test_a_column_alone_has_a_heading_and_a_broken_file_takes_the_results_away(
    visit: Visit, tmp_path: Path
) -> None:
    page = visit.open("#/try?mode=many")
    column, broken = tmp_path / "one.csv", tmp_path / "posts.ndjson"
    column.write_text("Kommentar\nthank you\nI am scared\n")
    broken.write_text("{")
    page.set_input_files("#file", column)
    expect(page.locator("#progress")).to_have_text("2 texts")
    page.locator("#classify").click()
    expect(page.locator("#rows tr")).to_have_count(2)
    page.set_input_files("#file", broken)
    expect(page.locator("#progress")).to_have_text("Line 1 is not JSON.")
    expect(page.locator("#table")).to_be_hidden()
    expect(page.locator("#lines")).to_have_value("")
