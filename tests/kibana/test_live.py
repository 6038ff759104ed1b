"""After the demo's posts have gone through the line, no panel of any dashboard is empty."""

import re
import time
from collections.abc import Iterator

import pytest

from kibana.asking import ask
from kibana.reading import read
from stack import Stack
from stream.elastic import connect
from stream.settings import Settings
from tests.end_to_end.conftest import DEADLINE_SECONDS, ROOT, Pipeline
from tests.kibana.edited import File


@pytest.fixture(scope="module")
def demo(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """The line, with the sample posts and the broken ones sent through it."""
    pipeline = Pipeline(stack, tmp_path_factory.mktemp("demo"))
    pipeline.start("classifier")
    pipeline.start("indexer")
    samples = ROOT / "ingest" / "samples"
    crawl = pipeline.replay(samples, "--shift-to-now")
    summary = pipeline.summary(crawl)
    assert summary.returncode == 0, summary.stdout + summary.stderr
    assert pipeline.replay(samples / "broken")["dead_letters"] > 0
    yield pipeline
    for process in pipeline.stations.values():
        process.kill()
        process.wait()


def checked(pipeline: Pipeline, *flags: str) -> tuple[int, str]:
    done = pipeline.run("kibana", "check", "--es", *flags)
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.mark.end_to_end
def test_after_the_demo_no_panel_is_empty(demo: Pipeline) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    rows: dict[str, int] = {}
    # The dead letters come by a way of their own.
    while rows.get("What could not be used, and why?", 0) < 10 and time.monotonic() < deadline:
        time.sleep(0.5)
        code, told = checked(demo)
        rows = {
            line[:50].strip(): int(line[50:].replace(",", ""))
            for line in told.splitlines()
            if re.match(r"  .*\d$", line)
        }
    assert code == 0, told
    assert told.endswith("panels, controls and tables: none is empty\n")
    assert rows["What do people feel?"] >= 20
    assert rows["Is it good or bad?"] == 3
    assert rows["What do all comments say together?"] == 5
    assert rows["What could not be used, and why?"] >= 10


@pytest.mark.end_to_end
def test_a_time_without_posts_leaves_every_panel_empty_but_says_so(demo: Pipeline) -> None:
    code, told = checked(demo, "--since", "now-0s")
    assert code == 1
    total = re.search(r"(\d+) panels, controls and tables: (\d+) empty\n$", told)
    assert total
    # The panel of the last 24 hours of its own is asked from the same time.
    assert total[1] == total[2]


@pytest.mark.stack
def test_a_node_without_anything_has_empty_panels_and_no_error(stack: Stack) -> None:
    file = File()
    file.view["attributes"]["title"] = "emotions-of-nobody"
    file.one("index-pattern", "emostream-dead-letters")["attributes"]["title"] = "nobody-*"
    with connect(Settings(elasticsearch=stack.elasticsearch)) as client:
        parts = ask(client, read(file.lines))
    assert len(parts) > 50
    assert all(part.rows == 0 for part in parts)
