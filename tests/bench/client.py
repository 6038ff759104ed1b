"""What a document costs the client's processor, whatever the node: a stub takes every request."""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from threading import Event
from typing import cast

from elasticsearch import Elasticsearch, helpers

from indexer.documents import AnyClassified, Document, document
from indexer.sink import ElasticsearchSink, Indexed, limits
from stream.codec import read_classified
from stream.elastic import connect
from stream.records import Item, Received, decoded
from stream.settings import Settings
from tests.bench import documents
from tests.bench.documents import BATCH
from tests.bench.machine import ROOT
from tests.bench.trials import Bench, Limit, Run, Side

DOCUMENTS = 20_000
DECODED, RECEIVED = "1 kB, from decoded records", "1 kB, from received bytes"


def sink(client: Elasticsearch, settings: Settings) -> ElasticsearchSink:
    """Makes the sink as the station does."""
    return ElasticsearchSink(client, limits(settings), Event())


def from_decoded(client: Elasticsearch, records: Sequence[Received]) -> Run:
    """Writes records that are decoded: documents, both questions of each batch, outcomes."""
    accepted, _rejected = decoded(records, read_classified)
    parts = [accepted[start : start + BATCH] for start in range(0, len(accepted), BATCH)]
    to = sink(client, Settings())
    return timed(len(accepted), lambda: [to.write(part) for part in parts], to)


def from_received(client: Elasticsearch, records: Sequence[Received]) -> Run:
    """Decodes as well, batch by batch, as the station does."""
    to, parts = sink(client, Settings()), list(documents.batches(list(records)))

    def write() -> None:
        for part in parts:
            accepted, _rejected = decoded(part, read_classified)
            to.write(accepted)

    return timed(len(records), write, to)


def from_dictionaries(client: Elasticsearch, made: Sequence[Document]) -> Run:
    """Gives ready dictionaries to elasticsearch-py's helper."""
    actions = [action(one) for one in made]
    return timed(
        len(actions), lambda: helpers.bulk(client, actions, chunk_size=BATCH, stats_only=True)
    )


def action(one: Document) -> dict[str, object]:
    """Gives a document as elasticsearch-py's helpers take one."""
    return {
        "_op_type": "index",
        "_index": one.index,
        "_id": one.id,
        "version": one.version,
        "version_type": "external_gte",
        "_source": one.fields,
    }


def posts_of(items: Sequence[Item[Indexed]]) -> list[AnyClassified]:
    """Gives the records, all of which are posts."""
    return [cast("AnyClassified", item.record) for item in items]


def timed(number: int, work: Callable[[], object], to: ElasticsearchSink | None = None) -> Run:
    """Runs the work with no garbage of the setup's in the way, and checks what the sink says."""
    gc.collect()
    gc.freeze()
    began, cpu = time.perf_counter(), time.process_time()
    work()
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    gc.unfreeze()
    if to is not None:
        assert to.counters.indexed == number, to.counters
    return Run(number, seconds, cpu)


@contextmanager
def stub() -> Iterator[str]:
    """Runs the stub; gives its address."""
    command = [sys.executable, "-m", "tests.bench.stub"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()


@contextmanager
def sides() -> Iterator[Mapping[str, Side]]:
    """Two sizes of documents, from two points of a record's way."""
    whole = documents.received(DOCUMENTS)
    short = [documents.shortened(one) for one in whole]
    accepted, _rejected = decoded(short, read_classified)
    made = [document(one, datetime.now(UTC)) for one in posts_of(accepted)]
    with stub() as address, connect(Settings(elasticsearch=address)) as client:
        yield {
            DECODED: partial(from_decoded, client, short),
            RECEIVED: partial(from_received, client, short),
            "2.4 kB, from decoded records": partial(from_decoded, client, whole),
            "2.4 kB, from received bytes": partial(from_received, client, whole),
            "1 kB, helpers.bulk with orjson": partial(from_dictionaries, client, made),
        }


BENCH = Bench(
    name="client",
    title="What a document costs the client",
    about=f"""\
{DOCUMENTS:,} documents written to a node that takes every request at once, in a process of its own;
counted is the processor time of the writing process. Of ours that is everything between the record
and its outcome: the checks of its id, the document as JSON, the questions for deleted posts and
authors before and after, the requests, one outcome for each action, the counters. From received
bytes, decoding and checking the record as well. 1 kB: only the labels that were given have their
probability; 2.4 kB: all 50 have, as the classifier writes them.""",
    sides=sides,
    limits=(Limit(DECODED, "cpu", 8),),
)
