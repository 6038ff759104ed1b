"""The view Compare: two selections side by side, and feedback for creators."""

import pytest
from playwright.sync_api import expect

from tests.web.browser.demo import Demo, Visit

pytestmark = pytest.mark.end_to_end


def test_two_platforms_stand_side_by_side_before_anybody_chooses(demo: Demo, visit: Visit) -> None:
    page = visit.open("#/compare")
    heads = page.locator(".duel-head p")
    for place, name in enumerate(("x", "youtube")):
        posts = demo.counted({"term": {"event.provider": name}})
        expect(heads.nth(place)).to_contain_text(f"{name} {posts} posts")


def test_hashtags_videos_and_words_can_be_compared(demo: Demo, visit: Visit) -> None:
    page = visit.open("#/compare")
    expect(page.locator(".duel-head")).to_be_visible()
    page.select_option("#kind-a", "tag")
    page.fill("#value-a", "#harbourderby")
    tagged = demo.counted({"term": {"tags": "harbourderby"}})
    heads = page.locator(".duel-head p")
    expect(heads.first).to_contain_text(f"#harbourderby {tagged} posts")
    page.select_option("#kind-b", "q")
    page.fill("#value-b", "nobody ever wrote this")
    expect(heads.last).to_contain_text("0 posts")
    place = page.url
    page.goto("about:blank")
    page.goto(place)
    expect(heads.first).to_contain_text(f"#harbourderby {tagged} posts")


def test_a_creator_sees_the_five_classes_and_what_viewers_propose(demo: Demo, visit: Visit) -> None:
    page = visit.open("#/compare")
    expect(page.locator("#feedback .bars").first.locator("li")).to_have_count(5)
    video = page.locator("#video option").nth(1).get_attribute("value") or ""
    page.select_option("#video", video)
    of_video = {"term": {"emostream.origin.video": video}}
    comments = demo.counted(of_video)
    expect(page.locator("#feedback h2", has_text=f"{comments} comments")).to_be_visible()
    feedback = {"term": {"emostream.comment_class": "constructive_feedback"}}
    proposed = demo.counted({"bool": {"filter": [of_video, feedback]}})
    assert page.locator("#feedback .posts").first.locator(".post").count() == proposed


def test_a_server_that_comes_back_is_asked_again(visit: Visit) -> None:
    page = visit.open("#/try")
    page.context.set_offline(True)
    page.locator("nav a", has_text="Compare").click()
    expect(page.locator("#trouble")).to_contain_text("does not answer")
    page.context.set_offline(False)
    expect(page.locator("#compared .duel").first).to_be_visible()
    expect(page.locator("#trouble")).to_be_hidden()
