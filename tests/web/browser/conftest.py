"""The page in a real browser, over a line of its own: the demo's posts through every station."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

from classifier.artifact import SHIPPED
from stack import running
from tests.classifier.tiny_family import tiny
from tests.end_to_end.conftest import Pipeline
from tests.web.browser.chromium import arguments, chromium
from tests.web.browser.demo import WIDE, Demo, Visit, served, shown, twin, visiting


@contextmanager
def launched() -> Iterator[Browser]:
    """Runs a browser. While it runs no test may run an event loop of its own."""
    path = chromium()
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=arguments())
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def browser(demo: Demo) -> Iterator[Browser]:
    with launched() as opened:
        yield opened


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Opens the page over an empty index, then lets the demo's posts come."""
    folder = tmp_path_factory.mktemp("page")
    with running(folder / "data") as stack:
        pipeline = Pipeline(stack, folder)
        for station in ("classifier", "indexer"):
            pipeline.start(station)
        try:
            models = (SHIPPED, twin(folder / "twin"), tiny(folder / "tiny", epochs=30))
            flags = [part for model in models for part in ("--model", str(model))]
            with served(pipeline.environment, *flags) as address:
                with launched() as opened:
                    line = shown(Demo(pipeline, address), opened)
                yield line
        finally:
            for process in pipeline.stations.values():
                process.kill()
                process.wait()


@pytest.fixture
def visit(demo: Demo, browser: Browser) -> Iterator[Visit]:
    context = browser.new_context(viewport=WIDE, accept_downloads=True, reduced_motion="reduce")  # type: ignore[arg-type]
    with visiting(context, demo.address) as one:
        yield one
    context.close()
