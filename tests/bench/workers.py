"""One classifier worker and two, on a topic of several partitions: what a record costs each."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial

from stream.topics import CLASSIFIED
from tests.bench.stations import Rig, rig, wait_until
from tests.bench.trials import Bench, Goal, Run, Side

POSTS = 40_000
ONE, TWO = "one worker", "two workers"


def turn(servers: Rig, workers: int) -> Run:
    """Classifies the whole topic with so many workers, which begin together."""
    servers.rewind()
    with servers.workers("classifier", workers) as running:
        wait_until(lambda: servers.on(CLASSIFIED) >= POSTS, running)
        seconds = time.perf_counter() - running[0].ready_at
        used = [one.cpu() for one in running]
    return Run(POSTS, seconds, sum(used), {"least_share": min(used) / sum(used)})


@contextmanager
def sides() -> Iterator[Mapping[str, Side]]:
    """Fills the topic once."""
    with rig() as servers:
        servers.fill(POSTS)
        turn(servers, 1)
        yield {TWO: partial(turn, servers, 2), ONE: partial(turn, servers, 1)}


BENCH = Bench(
    name="workers",
    title="One worker and two",
    about=f"""\
{POSTS:,} posts on the six partitions of `posts.collected`, classified into `posts.classified` by
one process or by two that share the partitions. Only their processor time is compared: two of them,
the broker and this bench have two cores, so that the wall says little. The least share is that of
the worker that did less.""",
    sides=sides,
    goals=(Goal(TWO, ONE, 1.05, by="cpu", at_least=False),),
)
