"""What is built: the same bytes every time, and dashboards as their readers were promised them."""

import json
from itertools import pairwise

import pytest

from kibana import building, dashboards, fields
from kibana.objects import Json, SavedObject
from kibana.reading import controls, panels, title_of
from stream.faces import COLOURS, FACES

PAGES = [one for one in dashboards.everything() if one.type == "dashboard"]
NAMES = [str(one.attributes["title"]) for one in PAGES]

each_page = pytest.mark.parametrize("page", PAGES, ids=NAMES)


def as_json(one: SavedObject) -> Json:
    value: Json = json.loads(one.line())
    return value


def test_the_committed_file_is_what_the_code_builds() -> None:
    assert building.FILE.read_text(encoding="utf-8") == building.built()


def test_every_object_comes_after_what_it_needs() -> None:
    seen: set[tuple[str, str]] = set()
    for line in building.built().splitlines()[:-1]:
        one = json.loads(line)
        assert {(need["type"], need["id"]) for need in one["references"]} <= seen
        seen.add((one["type"], one["id"]))


def test_keys_are_sorted_at_every_depth() -> None:
    def check(value: object) -> None:
        if isinstance(value, dict):
            assert all(one < other for one, other in pairwise(value))
            for inner in value.values():
                check(inner)
        elif isinstance(value, list):
            for inner in value:
                check(inner)
        elif isinstance(value, str) and value[:2] in ('{"', "[{"):
            check(json.loads(value))

    for line in building.built().splitlines():
        check(json.loads(line))


def test_there_are_the_five_dashboards() -> None:
    assert sorted(NAMES) == [
        "Compare",
        "Emotions now",
        "Emotions over time",
        "Feedback for creators",
        "Pipeline",
    ]


@each_page
def test_each_has_the_controls(page: SavedObject) -> None:
    titles = {one["explicitInput"]["title"] for one in controls(as_json(page)).values()}
    assert titles >= {"Platform", "Language", "Emotion", "Topic", "Author", "Model"}


@each_page
def test_each_begins_with_help_and_links_and_ends_with_the_posts(page: SavedObject) -> None:
    placed = sorted(panels(as_json(page)), key=lambda one: one["gridData"]["y"])
    words = placed[0]["embeddableConfig"]["savedVis"]["params"]["markdown"]
    assert page.attributes["description"] in words
    for other in PAGES:
        assert (f"(#/view/{other.id})" in words) == (other is not page)
        assert str(other.attributes["title"]) in words
    assert placed[-1]["type"] == "search"


@each_page
def test_each_panel_s_title_is_a_question_and_of_one_panel(page: SavedObject) -> None:
    titles = [title_of(one) for one in panels(as_json(page)) if one["panelIndex"] != "help"]
    assert all("?" in title for title in titles)
    assert len(set(titles)) == len(titles)


@each_page
def test_each_row_fills_the_width(page: SavedObject) -> None:
    widths: dict[int, int] = {}
    for panel in panels(as_json(page)):
        grid = panel["gridData"]
        widths[grid["y"]] = widths.get(grid["y"], 0) + grid["w"]
    assert set(widths.values()) == {48}


@each_page
def test_each_opens_with_its_own_time_and_refresh(page: SavedObject) -> None:
    assert page.attributes["timeRestore"] is True
    assert page.attributes["timeFrom"] in ("now-24h", "now-48h")
    assert page.attributes["refreshInterval"]["pause"] is False


def test_every_chart_of_emotions_has_the_colour_of_each() -> None:
    found = 0
    for page in PAGES:
        for panel in panels(as_json(page)):
            for mapping in _colour_mappings(panel):
                given = {
                    one["rule"]["values"][0]: one["color"]["colorCode"]
                    for one in mapping["assignments"]
                }
                if "joy" in given:
                    assert given == COLOURS
                    found += 1
    assert found >= 9


def test_every_emotion_is_shown_with_its_face_and_asked_for_by_its_name() -> None:
    for field in (fields.EMOTION, fields.EMOTIONS, fields.EKMAN):
        entries = fields.formats()[field]["params"]["lookupEntries"]
        assert {one["key"]: one["value"] for one in entries} == {
            label: f"{face} {label}" for label, face in FACES.items()
        }


def test_a_value_without_a_colour_of_its_own_takes_no_emotion_s() -> None:
    mappings = [one for page in PAGES for p in panels(as_json(page)) for one in _colour_mappings(p)]
    for mapping in mappings:
        (others,) = mapping["specialAssignments"]
        assert mapping["assignments"], "Kibana takes no heed of the others' colour without one"
        assert others["color"]["colorCode"] not in COLOURS.values()


def test_weekdays_are_sorted_by_their_number_and_shown_by_their_name() -> None:
    entries = fields.formats()[fields.WEEKDAY]["params"]["lookupEntries"]
    shown = {one["key"]: one["value"] for one in sorted(entries, key=lambda one: one["key"])}
    assert list(shown.values())[::6] == ["Monday", "Sunday"]
    assert shown["3 Wednesday"] == "Wednesday"
    drawings = [drawing for page in PAGES for drawing in _drawings(page)]
    grids = [one["gridConfig"] for one in drawings if "gridConfig" in one]
    assert len(grids) == 3
    assert all(one["xSortPredicate"] == one["ySortPredicate"] == "asc" for one in grids)


def test_the_text_of_a_post_has_the_width_that_is_left() -> None:
    searches = [one for one in dashboards.everything() if one.type == "search"]
    for one in searches:
        given = one.attributes["grid"]["columns"]
        assert [name for name in one.attributes["columns"] if name not in given] == [fields.TEXT]


def test_ids_do_not_change_with_titles() -> None:
    assert [one.id for one in PAGES] == [
        "emostream-now",
        "emostream-over-time",
        "emostream-compare",
        "emostream-feedback",
        "emostream-pipeline",
    ]


def _colour_mappings(panel: Json) -> list[Json]:
    if panel["type"] != "lens":
        return []
    drawing = panel["embeddableConfig"]["attributes"]["state"]["visualization"]
    parts = [drawing, *drawing.get("layers", [])]
    return [part["colorMapping"] for part in parts if "colorMapping" in part]


def _drawings(page: SavedObject) -> list[Json]:
    charts = [panel for panel in panels(as_json(page)) if panel["type"] == "lens"]
    return [one["embeddableConfig"]["attributes"]["state"]["visualization"] for one in charts]
