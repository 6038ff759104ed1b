"""A guard against a slow change on a record's way, that asks no clock how fast the machine is.

What decoding and writing a record cost is compared with what `orjson.loads` needs for the same
bytes, in the same process and in turns; the cheapest turn of each counts, so that work beside it
makes no difference. MEASURED was; MARGIN times as much passes.
"""

import gc
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import orjson
import pytest

from indexer.documents import document
from stream.codec import decode_collected, encode, read_classified, read_collected
from stream.posts import Post
from stream.structs import ClassifiedPost
from tests.bench import posts
from tests.indexer.records import classified

TURNS = 30
MEASURED = {"decode collected": 1.2, "decode classified": 1.25, "document": 1.8}
MARGIN = 1.7


def cheapest(ways: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Gives the least processor seconds of each way, all of them in turns."""
    least = dict.fromkeys(ways, float("inf"))
    gc.disable()
    try:
        for _turn in range(TURNS):
            for name, way in ways.items():
                began = time.process_time_ns()
                way()
                least[name] = min(least[name], time.process_time_ns() - began)
    finally:
        gc.enable()
    return least


@pytest.fixture(scope="module")
def costs() -> dict[str, float]:
    """How many times as much as `orjson.loads` of the same bytes each step costs."""
    now = datetime.now(UTC)
    came = [one.value or b"" for one in posts.collected(200)]
    labelled = []
    for value in came:
        post = decode_collected(value)
        assert isinstance(post, Post)
        labelled.append(encode(classified(post.native_id).model_copy(update={"post": post})))
    records = [one for one in map(read_classified, labelled) if isinstance(one, ClassifiedPost)]
    assert len(records) == len(came)
    least = cheapest(
        {
            "loads collected": lambda: [orjson.loads(one) for one in came],
            "decode collected": lambda: [read_collected(one) for one in came],
            "loads classified": lambda: [orjson.loads(one) for one in labelled],
            "decode classified": lambda: [read_classified(one) for one in labelled],
            "document": lambda: [document(one, now).bulk_action() for one in records],
        }
    )
    return {
        "decode collected": least["decode collected"] / least["loads collected"],
        "decode classified": least["decode classified"] / least["loads classified"],
        "document": least["document"] / least["loads classified"],
    }


@pytest.mark.parametrize("step", MEASURED)
def test_a_step_costs_little_more_than_when_it_was_measured(
    step: str, costs: dict[str, float]
) -> None:
    assert costs[step] < MARGIN * MEASURED[step]
