"""How fast the page's views are over many posts: `python -m tests.web.bench.documents`.

A node of its own in a temporary folder is filled with posts, spread over a year, in raw bulk
requests; then every view is asked for twice, each time by a viewer who comes first. What
Elasticsearch keeps of months in which nothing changes makes the second one faster.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import urllib3
from elasticsearch import Elasticsearch

from classifier.predictor import Predictor
from indexer import templates
from indexer.documents import FAMILY, PREFIX
from stack import running
from stream.settings import Settings
from tests.web.texts import texts
from web.live.filters import Filters
from web.live.view import View

DAYS = 365
BULK = 4000
"""Documents of a request: about 2 MB."""
SENDERS = 2
LOADING = {"index.refresh_interval": "-1", "index.translog.durability": "async"}
VIEWS: Mapping[str, Mapping[str, str]] = {
    "everything": {},
    "the last week": {"since": "7d"},
    "one emotion": {"emotion": "gratitude"},
    "a word of the text": {"q": "thank"},
    "one video": {"video": "v7"},
    "a platform and a language": {"platform": "youtube", "language": "en"},
}


def kinds(predictor: Predictor) -> list[dict[str, Any]]:
    """One small document for each sample text: what the views read, less what tells it apart."""
    said = texts()
    return [
        {
            "message": text,
            "emostream": {
                "emotion": {
                    "labels": found.emotions, "primary": found.primary, "words": found.words,
                },
                "polarity": {"label": found.polarity.label, "score": found.polarity.score},
                "comment_class": found.comment_class,
                "suggestion": found.suggestion,
                "topic": {"labels": found.topics},
                "text_language": found.language,
            },
        }
        for text, found in zip(said, predictor.predict(said), strict=True)
    ]  # fmt: skip


def actions(documents: int, of: list[dict[str, Any]], now: datetime) -> Iterator[bytes]:
    """The bulk actions that index so many posts; the same for the same seed and moment."""
    chance = random.Random(7)
    for number in range(documents):
        kind = chance.choice(of)
        at = now - timedelta(days=DAYS * (1 - number / documents))
        stamp = f"{at:%Y-%m-%dT%H:%M:%S}.000Z"
        origin = {"video": f"v{int(chance.paretovariate(0.7)) % 500}"}
        document = {
            **kind,
            "@timestamp": stamp,
            "event": {"provider": chance.choice(("x", "youtube", "bluesky")), "ingested": stamp},
            "tags": [f"tag{int(chance.paretovariate(0.7)) % 300}"],
            "emostream": {**kind["emostream"], "origin": origin},
        }
        where = {"index": {"_index": f"{PREFIX}{at:%Y.%m}"}}
        yield orjson.dumps(where) + b"\n" + orjson.dumps(document) + b"\n"


def fill(address: str, bodies: Iterator[bytes]) -> None:
    """Sends bulk requests, some at once, until all are taken; tells how far it is."""
    pool = urllib3.PoolManager(maxsize=SENDERS, timeout=120)
    headers = {"Content-Type": "application/x-ndjson"}

    def send(body: bytes) -> None:
        url = f"{address}/_bulk?filter_path=errors,items.*.error"
        answer = pool.request("POST", url, body=body, headers=headers)
        if answer.status != 200 or answer.json()["errors"]:
            raise SystemExit(f"a bulk request failed: {answer.data[:500]!r}")

    sent, began = 0, time.perf_counter()
    with ThreadPoolExecutor(SENDERS) as senders:
        while some := list(islice(bodies, SENDERS)):
            list(senders.map(send, some))
            sent += len(some) * BULK
            seconds = time.perf_counter() - began
            sys.stderr.write(f"\r{sent:,} in {seconds:.0f} s, {sent / seconds:,.0f} a second ")
    sys.stderr.write("\n")


def timed(settings: Settings, predictor: Predictor, ask: Callable[[View], Awaitable[Any]]) -> float:
    """Milliseconds of one answer to a viewer whom nobody has preceded."""

    async def once() -> float:
        view = View(settings, predictor)
        began = time.perf_counter()
        await ask(view)
        taken = 1e3 * (time.perf_counter() - began)
        view.close()
        return taken

    return asyncio.run(once())


def asked() -> Iterator[tuple[str, Callable[[View], Awaitable[Any]]]]:
    """What each view asks for."""
    for name, given in VIEWS.items():
        filters = Filters.of(given)
        yield f"Live, {name}", partial(View.overview, filters=filters, emotion=None)
    yield "the latest posts", lambda view: view.posts(Filters(), "latest", 20)
    yield "suggestions of a video", lambda view: view.posts(Filters(video="v7"), "suggestion", 100)
    yield "the strip", lambda view: view.pipeline()


def main() -> None:
    """Fills, asks, prints a table."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.web.bench.documents", description=__doc__
    )
    parser.add_argument("--documents", type=int, default=1_000_000, help="default: %(default)s")
    options = parser.parse_args()
    predictor = Predictor.load()
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), java_options=()) as stack:
        settings = Settings(elasticsearch=stack.elasticsearch, kafka=stack.kafka)
        client = Elasticsearch(stack.elasticsearch, request_timeout=600)
        templates.set_up(client)
        client.cluster.put_component_template(
            name=f"{FAMILY}@custom", template={"settings": LOADING}
        )
        now, began = datetime.now(UTC), time.perf_counter()
        every = actions(options.documents, kinds(predictor), now)
        fill(stack.elasticsearch, iter(lambda: b"".join(islice(every, BULK)), b""))
        client.indices.refresh(index=f"{PREFIX}*")
        took = time.perf_counter() - began
        held = client.count(index=f"{PREFIX}*")["count"]
        size = client.indices.stats(index=f"{PREFIX}*")["_all"]["total"]["store"]["size_in_bytes"]
        sys.stdout.write(
            f"{held:,} posts in {took:.0f} s ({held / took:,.0f} a second), {size / 1e9:.2f} GB; "
            f"load average {os.getloadavg()[0]:.1f}\n\n| view | first | again |\n|---|---|---|\n"
        )
        for name, ask in asked():
            first, again = (timed(settings, predictor, ask) for _ in range(2))
            sys.stdout.write(f"| {name} | {first:,.0f} ms | {again:,.0f} ms |\n")


if __name__ == "__main__":
    main()
