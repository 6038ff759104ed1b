"""`python -m tests.peers`: the same faults against emostream and its peers."""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from elasticsearch import Elasticsearch

from stack import Stack, jars, running
from stack.state import DataDirectory
from tests.faults.conftest import LIMITS
from tests.faults.proxy import proxy
from tests.faults.test_node import MONTHS
from tests.peers import results
from tests.peers.faults import FAULTS, Fault, item_refused
from tests.peers.trial import HELPERS, OURS, Peer, Trial, Wrong, quix

ASK = "from importlib.metadata import version as v; print(v('quixstreams'), v('elasticsearch'))"


def main() -> int:
    """Runs what has no result yet."""
    parser = argparse.ArgumentParser(prog="python -m tests.peers", description=__doc__)
    add = parser.add_argument
    add("faults", nargs="*", metavar="FAULT", help="which (all)")
    add("--peer", metavar="NAME", default="", help="only those whose name has this in it")
    add("--quix", metavar="PYTHON", help="the Python of an environment with "
        "quixstreams[elasticsearch]; without it Quix Streams is left out")  # fmt: skip
    add("--out", type=Path, metavar="FILE", help="keep results there, a line of JSON each; what "
        "is there is not run again")  # fmt: skip
    add("--page", type=Path, metavar="FILE", help="write the table of --out into this page")
    add("--logs", type=Path, metavar="FOLDER", help="the programs' logs (a temporary folder)")
    arguments = parser.parse_args()
    peers = [OURS, *HELPERS, *([quix(arguments.quix)] if arguments.quix else [])]
    named = [one for one in FAULTS if one.__name__ in (arguments.faults or [one.__name__])]
    done = results.read(arguments.out)
    there = {(one["peer"], one["fault"]) for one in done}
    wanted = [
        (fault, peer)
        for fault in named
        for peer in peers
        if arguments.peer in peer.name and (peer.name, fault.__name__) not in there
    ]
    with tempfile.TemporaryDirectory() as folder:
        logs = arguments.logs or Path(folder)
        logs.mkdir(parents=True, exist_ok=True)
        if wanted:
            with _servers(Path(folder) / "stack") as stack:
                for fault, peer in wanted:
                    done.append(_run(fault, peer, stack, logs))
                    results.keep(arguments.out, done[-1])
    if arguments.page:
        text = arguments.page.read_text(encoding="utf-8")
        arguments.page.write_text(results.written(text, done), encoding="utf-8")
    return 0


@contextmanager
def _servers(path: Path) -> Iterator[Stack]:
    """Servers of our own, the node with tiny limits."""
    data = DataDirectory(path)
    data.prepare(jars.server_versions())
    config = data.elasticsearch / "config" / "elasticsearch.yml"
    config.parent.mkdir(parents=True)
    config.write_text(LIMITS, encoding="utf-8")
    with running(data.path) as stack:
        yield stack


def _run(fault: Fault, peer: Peer, stack: Stack, logs: Path) -> dict[str, Any]:
    began = time.monotonic()
    with (
        Elasticsearch(stack.elasticsearch) as node,  # whose reader bears broken UTF-8
        proxy(stack.elasticsearch) as between,
    ):
        shards = len(MONTHS) if fault is item_refused else 1
        trial = Trial(peer, stack, node, between, logs, shards)
        trial.prepare()
        try:
            fault(trial)
            trial.judge()
            wrong = ""
        except Wrong as error:
            wrong = str(error)
        finally:
            trial.kill()
            node.options(ignore_status=404).indices.delete(index=trial.index)
    result = {
        "peer": peer.name,
        "fault": fault.__name__,
        "wrong": wrong,
        "restarts": trial.restarts,
        "seconds": round(time.monotonic() - began, 1),
        "versions": _versions(peer),
        "machine": _machine(),
    }
    print(f"{peer.name}: {fault.__name__}: {results.verdict(result)} ({result['seconds']} s, "
          f"log {trial.crawl})", flush=True)  # fmt: skip
    return result


def _machine() -> str:
    servers = ", ".join(f"{name} {of}" for name, of in jars.server_versions().items())
    here = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    return f"{here}; servers: {servers}"


def _versions(peer: Peer) -> str:
    if peer.ours or peer in HELPERS:
        return f"elasticsearch {version('elasticsearch')}, kafka-python {version('kafka-python')}"
    said = subprocess.run(
        [peer.python, "-c", ASK], capture_output=True, text=True, check=True
    ).stdout.split()
    return f"quixstreams {said[0]}, elasticsearch {said[1]}"


if __name__ == "__main__":
    sys.exit(main())
