"""What the tests of the page share: the demo's line with the page over it, and a reader."""

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from classifier.artifact import SHIPPED, write_manifest
from tests.end_to_end.conftest import Pipeline

ROOT = Path(__file__).parents[3]
SAMPLES = [str(ROOT / "ingest" / "samples"), str(ROOT / "ingest" / "samples" / "broken")]
PATIENCE = 30.0
WIDE = {"width": 1400, "height": 1000}

expect.set_options(timeout=15_000)


@dataclass
class Demo:
    """The demo's line, with the page over it."""

    pipeline: Pipeline
    address: str
    seen_empty: str = ""
    """What the live view said before the first post."""
    seen_filled: str = ""
    """How many posts it showed, with nobody's help, when they were there."""

    def api(self, path: str) -> Any:
        """What the page is told."""
        with urllib.request.urlopen(f"{self.address}/v1/{path}", timeout=10) as answer:
            return json.load(answer)

    @property
    def posts(self) -> str:
        """How many there are now, as the page writes it."""
        return str(self.counted({"match_all": {}}))

    def counted(self, search: dict[str, Any]) -> int:
        """What Elasticsearch says of the same posts, asked past the page."""
        request = urllib.request.Request(
            f"{self.pipeline.stack.elasticsearch}/emotions/_count",
            json.dumps({"query": search}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(json.load(answer)["count"])


def shown(demo: Demo, browser: Browser) -> Demo:
    """Watches the live view from the empty index to the demo's posts."""
    page = browser.new_page()
    page.goto(f"{demo.address}/#/live")
    expect(page.locator("#nothing")).to_be_visible()
    demo.seen_empty = page.locator("#nothing").inner_text()
    done = demo.pipeline.run("ingest", "replay", *SAMPLES, "--shift-to-now")
    assert done.returncode == 0, done.stderr
    posts = page.locator("#numbers li").first.locator("strong")
    expect(posts).to_have_text("767", timeout=90_000)
    demo.seen_filled = posts.inner_text()
    page.close()
    return demo


def twin(folder: Path) -> Path:
    """The shipped model under another name."""
    shutil.copytree(SHIPPED, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"name": "twin"}))
    write_manifest(folder)
    return folder


@contextmanager
def served(environment: dict[str, str], *flags: str) -> Iterator[str]:
    """Runs `python -m web` for as long as the block lasts, and gives its address."""
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "web", "--port", str(port), *flags], cwd=ROOT, env=environment
    )
    address = f"http://127.0.0.1:{port}"
    try:
        until(lambda: answers(address, process), "the page's server answers")
        yield address
        process.terminate()
        assert process.wait(timeout=15) == 0, "the server stops when asked to, streams open or not"
    finally:
        process.kill()
        process.wait()


def answers(address: str, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "the page's server ended"
    try:
        with urllib.request.urlopen(f"{address}/healthz", timeout=5):
            return True
    except OSError:
        return False


def until(done: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < deadline, f"not so in time: {what}"
        time.sleep(0.05)


@dataclass
class Visit:
    """One reader's page; at the end nothing may have gone wrong on it that nobody expected."""

    page: Page
    address: str
    wrong: list[str] = field(default_factory=list)

    def open(self, place: str) -> Page:
        """Opens a view, and waits until it answers to its reader."""
        self.page.goto(f"{self.address}/{place}")
        expect(self.page.locator("html[data-view]")).to_be_attached()
        if place.endswith("mode=many"):
            expect(self.page.locator("#many")).to_be_visible()
        return self.page

    def said(self, text: str) -> Any:
        """What the API says of a text."""
        asked = urllib.request.Request(
            f"{self.address}/v1/classify",
            json.dumps({"text": text, "explain": True}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return json.load(answer)

    def check_rules(self) -> None:
        """Runs the accessibility rules over what is shown now."""
        results = Axe().run(self.page)
        assert results.violations_count == 0, results.generate_report()


@contextmanager
def visiting(context: BrowserContext, address: str) -> Iterator[Visit]:
    page = context.new_page()
    one = Visit(page, address)
    page.on("pageerror", lambda error: one.wrong.append(f"error: {error}"))
    page.on("dialog", lambda dialog: one.wrong.append(f"dialog: {dialog.message}"))
    page.on("console", lambda said: _note(one, said.type, said.text))
    page.on("request", lambda asked: _stays(one, asked.url))
    yield one
    assert one.wrong == []


def _note(one: Visit, kind: str, text: str) -> None:
    """A refused request is for the test to expect; everything else is our fault."""
    if kind == "error" and not text.startswith("Failed to load resource"):
        one.wrong.append(text)


def _stays(one: Visit, url: str) -> None:
    if not url.startswith((one.address, "blob:", "data:")):
        one.wrong.append(f"asked elsewhere: {url}")
