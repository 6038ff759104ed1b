"""A line that works raises no alarm; what is taken from it is named by the command."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from kafka import KafkaAdminClient

from stack import Stack, running
from stream.broker import connection
from stream.elastic import connect
from stream.index import DELETIONS
from stream.settings import Settings
from stream.topics import DEAD_LETTER
from tests.end_to_end.conftest import ROOT, Pipeline

pytestmark = pytest.mark.end_to_end


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Servers of its own: on those of all tests some faults are left on purpose."""
    with running(tmp_path_factory.mktemp("well") / "data") as own:
        yield own


def examined(pipeline: Pipeline) -> tuple[int, list[str]]:
    done = pipeline.run("stream", "doctor", "--json", "--watch", "1")
    assert done.stderr == ""
    found: list[dict[str, Any]] = json.loads(done.stdout)["findings"]
    return done.returncode, [one["code"] for one in found]


def test_a_line_that_works_raises_no_alarm_and_each_fault_of_it_is_named(
    pipeline: Pipeline,
) -> None:
    pipeline.settings |= {
        "EMOSTREAM_STATE_DIR": str(pipeline.folder / "state"),
        "EMOSTREAM_HEALTH_DIR": str(pipeline.folder / "health"),
    }
    pipeline.start("classifier")
    pipeline.start("indexer")
    report = pipeline.replay(ROOT / "ingest" / "samples")
    assert pipeline.summary(report).returncode == 0
    assert examined(pipeline) == (0, [])

    assert (pipeline.stop("classifier"), pipeline.stop("indexer")) == (0, 0)
    pipeline.run("ingest", "replay", "-", text="one more\n")
    admin = KafkaAdminClient(**connection(Settings(kafka=pipeline.stack.kafka)))
    admin.delete_topics([DEAD_LETTER.name])
    admin.close()
    with connect(Settings(elasticsearch=pipeline.stack.elasticsearch)) as client:
        client.indices.delete(index=DELETIONS)
    assert examined(pipeline) == (1, ["topic-missing", "group-without-member", "index-missing"])
