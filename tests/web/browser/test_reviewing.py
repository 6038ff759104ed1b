"""Posts are reviewed on a page by keys alone, and each answer is on the disk."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from classifier import own_texts
from classifier.artifact import SHIPPED
from indexer import documents
from stack import Stack
from stream.elastic import connect
from stream.errors import UserError
from stream.settings import Settings
from tests.classifier.lab.test_sources import NOON, classified, post
from tests.indexer.conftest import empty
from tests.web.browser.chromium import arguments, chromium
from tests.web.serving import Server, serving
from web import __main__ as command
from web import app, reviewing
from web.live.view import View
from web.models import Models

TEXTS = ("I <b>hate</b> & love this bakery, why do they close", "what a day it was, thanks I guess")


@pytest.fixture
def served(stack: Stack, tmp_path: Path) -> Iterator[Server]:
    settings = Settings(elasticsearch=stack.elasticsearch)
    models = Models([SHIPPED], 1, "balanced")
    predictor = models.predictors[models.first]
    with connect(settings) as client:
        empty(client)
        made = [documents.document(classified(post(n, text=text)), NOON)
                for n, text in enumerate(TEXTS)]  # fmt: skip
        for each in made:
            client.index(index=each.index, id=each.id, document=each.fields, refresh=True)
            client.indices.put_alias(index=each.index, name="emotions")
        more = reviewing.routes(tmp_path / "reviews", predictor, settings)
        try:
            with serving(app.make(models, View(settings, predictor), settings, more=more)) as one:
                yield one
        finally:
            empty(client)


@pytest.mark.stack
def test_a_person_labels_posts_of_the_index_by_keys(served: Server, tmp_path: Path) -> None:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=arguments())
        page = opened.new_page()
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda one: wrong.append(one.text) if one.type == "error" else None)
        page.goto(f"{served.url}/review")
        page.fill("#by", "ann")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_have_text("1 of 2")
        first = page.locator("#text").inner_text()
        assert first in TEXTS, "as it was written: no markup of a post is one here"
        label = page.get_by_role("button", name="pride")
        expect(label).to_have_attribute("aria-pressed", "false")
        page.keyboard.press("k")
        expect(label).to_have_attribute("aria-pressed", "true")
        page.screenshot(path=tmp_path / "review.png")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_have_text("2 of 2")
        page.keyboard.press(" ")
        expect(page.get_by_role("status")).to_contain_text("All answered")
        opened.close()
    assert not wrong
    rows = list(own_texts.rows(tmp_path / "reviews" / "ann.ndjson"))
    assert [row["text"] for row in rows] == [first, *(one for one in TEXTS if one != first)]
    assert "pride" in rows[0]["labels"]
    assert rows[1]["labels"] is None
    assert served.get("/v1/review?by=ann").json()["posts"] == []

    told = served.get("/v1/review?by=../ann")
    assert told.status == 422
    answer = {"by": "bob", "post": "neverasked", "labels": ["joy"]}
    assert served.ask("POST", "/v1/review", json=answer).status == 404
    form = {"Content-Type": "text/plain"}
    assert served.ask("POST", "/v1/review", body=b"{}", headers=form).status == 415


def test_reviews_are_not_open_to_a_network_without_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        words = ["web", "--host", "0.0.0.0", "--port", port, "--reviews", str(tmp_path)]
        monkeypatch.setattr("sys.argv", words)
        with pytest.raises(UserError, match="set EMOSTREAM_WEB_KEYS"):
            command.main()
