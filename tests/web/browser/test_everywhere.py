"""What holds of every view: rules of accessibility, every width, and what it looks like."""

import os
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from tests.web.browser.demo import WIDE, Visit

pytestmark = pytest.mark.end_to_end

TEXT = "I love this song so much, but I'm scared the band will split up 😢"
PHONE = {"width": 360, "height": 740}

Scheme = Literal["light", "dark"]


def settled(page: Page, view: str) -> Page:
    """Waits until a view shows what it is about."""
    if view == "try":
        page.fill("#text", TEXT)
        expect(page.locator("#primary")).to_contain_text("fear")
    elif view == "many":
        page.fill("#lines", "thank you\nI am scared\nPlease add subtitles")
        page.locator("#classify").click()
        expect(page.locator("#rows tr")).to_have_count(3)
    elif view == "live":
        expect(page.locator("#posts .post").first).to_be_visible()
        expect(page.locator("#timeline .seg").first).to_be_visible()
    else:
        expect(page.locator("#compared .duel").first).to_be_visible()
        expect(page.locator("#feedback .post").first).to_be_visible()
    return page


def opened(visit: Visit, view: str) -> Page:
    return settled(visit.open(f"#/{'try?mode=many' if view == 'many' else view}"), view)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", ["try", "many", "live", "compare"])
def test_the_rules_of_accessibility_hold(visit: Visit, view: str, scheme: Scheme) -> None:
    visit.page.emulate_media(color_scheme=scheme)
    opened(visit, view)
    visit.check_rules()


@pytest.mark.parametrize("view", ["try", "many", "live", "compare"])
def test_nothing_is_wider_than_a_phone(visit: Visit, view: str) -> None:
    visit.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page = opened(visit, view)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_the_header_is_no_wider_than_the_content(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 2560, "height": 1000})
    page = visit.open("#/try")
    brand, title = (page.locator(one).bounding_box() for one in (".brand", "#try-title"))
    assert brand and title and brand["x"] == title["x"]


def test_what_is_typed_into_is_ringed_around_its_card(visit: Visit) -> None:
    page = visit.open("#/try")
    page.locator("#text").click()
    ring = "getComputedStyle(document.querySelector('{}')).outlineStyle"
    assert page.evaluate(ring.format("#text")) == "none"
    assert page.evaluate(ring.format(".paper")) == "solid"


def test_the_keyboard_reaches_the_content_and_the_views(visit: Visit) -> None:
    page = visit.open("#/try")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    for _ in range(3):
        page.keyboard.press("Tab")
    expect(page.locator("nav a[data-view=live]")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#live-title")).to_be_visible()
    expect(page.locator("nav a[data-view=live]")).to_have_attribute("aria-current", "page")


def test_the_colours_can_be_chosen_and_are_remembered(visit: Visit) -> None:
    page = visit.open("#/try")
    paper = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(paper)
    page.select_option("#theme", "dark")
    dark = page.evaluate(paper)
    assert dark != before
    page.reload()
    assert page.evaluate(paper) == dark


@pytest.mark.parametrize(
    ("view", "scheme"),
    [("try", "light"), ("live", "light"), ("live", "dark"), ("compare", "light")],
)
def test_what_it_looks_like(visit: Visit, tmp_path: Path, view: str, scheme: Scheme) -> None:
    """`SCREENSHOTS=docs/screenshots pytest -k looks_like tests/web/browser` makes the README's."""
    visit.page.set_viewport_size(WIDE)  # type: ignore[arg-type]
    visit.page.emulate_media(color_scheme=scheme)
    page = opened(visit, view)
    page.evaluate("document.activeElement.blur()")
    folder = Path(os.environ.get("SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{view}-{scheme}.png"
    page.screenshot(path=file)
    assert file.stat().st_size > 20_000
