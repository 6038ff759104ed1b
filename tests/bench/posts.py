"""The posts of a bench: the samples, as many as are wanted, each copy under an id of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import count, islice
from typing import Any

from stream.records import Outgoing
from tests.bench.machine import ROOT

CRAWL = "bench"
SAMPLES = ("ingest/samples",)


@cache
def samples() -> list[dict[str, Any]]:
    """Gives the sample posts as `ingest` puts them on the topic."""
    asked = [sys.executable, "-m", "ingest", "replay", *SAMPLES, "--dry-run", "--crawl", CRAWL]
    said = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [post for post in map(json.loads, said.splitlines()) if post["kind"] == "post"]


def collected(number: int, run: str = "") -> Iterator[Outgoing]:
    """Gives so many records of `posts.collected`; `run` sets its ids apart from other runs'."""
    return islice(_copies(run), number)


def _copies(run: str) -> Iterator[Outgoing]:
    posts = [(one, json.dumps(one, separators=(",", ":")), one["native_id"]) for one in samples()]
    for copy in count():
        for post, value, native_id in posts:
            own = f"{native_id}~{run}{copy}"
            renamed = value.replace(f'"native_id":"{native_id}"', f'"native_id":"{own}"', 1)
            yield Outgoing(f"{post['platform']}:{own}", renamed.encode(), CRAWL)


def parts(records: Iterable[Outgoing], size: int) -> Iterator[list[Outgoing]]:
    """Cuts records into lists of one size."""
    left = iter(records)
    while part := list(islice(left, size)):
        yield part
