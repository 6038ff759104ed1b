"""What each step of the indexer costs the processor: `python -m tests.bench.steps`.

The node is the stub, so that nothing is measured but the client. Best of five over all batches.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import chain
from threading import Event

from indexer import authors, deletions
from indexer.bulk import Bulk
from indexer.documents import document
from indexer.sink import _newest, limits
from stream.backoff import Backoff
from stream.codec import decode_classified, read_classified
from stream.elastic import connect
from stream.records import decoded
from stream.settings import Settings
from tests.bench import documents
from tests.bench.client import posts_of, stub

RECORDS, TIMES = 10_000, 5


def steps(address: str) -> Iterator[tuple[str, Callable[[], object]]]:
    """Gives the steps of all batches by name, in their order; pydantic's decoding beside ours."""
    batches = list(documents.batches(documents.received(RECORDS)))
    items = [decoded(batch, read_classified)[0] for batch in batches]
    posts = [posts_of(batch) for batch in items]
    keys = [[one.key for one in batch] for batch in posts]
    of_authors = [authors.keys(one.post for one in batch) for batch in posts]
    now, wait = datetime.now(UTC), Backoff(1.0)
    actions = [[document(one, now).bulk_action() for one in batch] for batch in posts]
    yield (
        "decode, with pydantic alone",
        lambda: [decoded(one, decode_classified) for one in batches],
    )
    yield "decode", lambda: [decoded(one, read_classified) for one in batches]
    yield "newest of each post", lambda: [_newest(one) for one in items]  # type: ignore[arg-type]
    yield "authors' keys", lambda: [authors.keys(o.post for o in one) for one in posts]
    with connect(Settings(elasticsearch=address)) as client:
        yield (
            "ask for deletions, twice",
            lambda: [
                (
                    deletions.versions(client, wait, [*of_posts, *others]),
                    deletions.versions(client, wait, others),
                )
                for of_posts, others in zip(keys, of_authors, strict=True)
            ],
        )
        yield (
            "documents, as bytes",
            lambda: [document(one, now).bulk_action() for one in chain.from_iterable(posts)],
        )
        bulk = Bulk(client, limits(Settings()), Event())
        yield "send, and read the outcomes", lambda: [bulk.send(one) for one in actions]


def best(work: Callable[[], object]) -> float:
    """Gives the microseconds of processor a record."""
    took = []
    for _time in range(TIMES):
        gc.collect()
        began = time.process_time()
        work()
        took.append(time.process_time() - began)
    return min(took) / RECORDS * 1e6


def main() -> None:
    """Prints a table."""
    print("| step | µs a record |\n|---|---|")
    with stub() as address:
        for name, work in steps(address):
            print(f"| {name} | {best(work):.1f} |", flush=True)


if __name__ == "__main__":
    main()
