"""A station killed at any of its crash points is started again, and the law holds."""

from itertools import zip_longest

import pytest

from stream.crash import POINTS
from tests.chaos import inputs
from tests.chaos.line import Line
from tests.chaos.plan import points_of

pytestmark = pytest.mark.end_to_end


def of(*prefixes: str) -> list[str]:
    return [point for point in POINTS if point.partition(".")[0] in prefixes]


# Each point once; a classifier, an indexer and an ingest can die in one and the same run.
CLASSIFIER, INGEST = of(*points_of("classifier")), of("ingest")
INDEXER = [point for point in POINTS if point not in CLASSIFIER + INGEST]
RUNS = list(zip_longest(INDEXER, CLASSIFIER, INGEST))


@pytest.mark.parametrize(
    ("indexer", "classifier", "ingest"), RUNS, ids=[" ".join(filter(None, run)) for run in RUNS]
)
@pytest.mark.case(22)
def test_who_dies_at_a_crash_point_and_is_started_again_loses_and_doubles_nothing(
    under_test: Line, indexer: str | None, classifier: str | None, ingest: str | None
) -> None:
    line, armed = under_test, {"classifier-1": classifier, "indexer-1": indexer}
    points = [point for point in (indexer, classifier, ingest) if point]
    given = inputs.make(f"point-{RUNS.index((indexer, classifier, ingest))}", 60)
    line.deaths.clear()
    line.stop(*list(line.workers))
    for name, point in armed.items():
        line.start(name, name.partition("-")[0], "run", crash_at=point)
    line.ingest(given, 0, live=True, crash_at=ingest)
    line.intrude(given)
    line.wait(lambda: line.ended("ingest"), "ingest has not ended")
    line.wait(lambda: all(line.deaths[f"at {one}"] for one in points), "not all have died")
    line.settle()
    assert line.violations(given) == []
    assert dict(line.deaths) == {f"at {point}": 1 for point in points}
