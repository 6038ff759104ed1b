"""Millions of posts through the whole line, and the memory of every process meanwhile.

`python -m tests.bench soak --posts 5000000` takes a post after the other from the samples, each
under an id of its own, and keeps some way ahead of the indexer. The posts of each part are of
another month; when it is done, its index and its records on the topics are deleted, so that the
disk holds it. Memory is looked at every ten seconds. Ctrl-C ends it with what it has.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np

from stream.records import Outgoing
from stream.topics import CLASSIFIED, COLLECTED
from tests.bench import machine, posts
from tests.bench.page import figure, where
from tests.bench.stations import SERVERS, Rig, rig

RAW, PAGE = machine.ROOT / "docs" / "soak.ndjson", machine.ROOT / "docs" / "soak.md"
PART = 250_000
"""Posts of one month."""
AHEAD = 40_000
"""Posts that are sent and not indexed yet."""
WRITE = 10_000
LOOK_SECONDS = 10.0
WARM_UP = 0.2
"""Share of the posts after which memory counts: until then caches fill and the heap grows."""
STATIONS = ("classifier", "indexer")
MOST = 2.0
"""Megabytes a million posts that a station may grow."""


@dataclass(frozen=True)
class Sample:
    """How much memory each process held when so many posts were indexed."""

    seconds: float
    done: int
    megabytes: Mapping[str, float]


def records() -> Iterator[Outgoing]:
    """Gives posts without end, each part of them of the month before that of the part before."""
    made = posts.collected(sys.maxsize)
    for part in count():
        years, month = divmod(part, 12)
        own = f'"created_at":"{2025 - years}-{12 - month:02d}'.encode()
        for one in islice(made, PART):
            before, name, after = (one.value or b"").partition(b'"created_at":"')
            yield Outgoing(one.key, before + own + after[len("2026-11") :], one.crawl)
            assert name


def soak(servers: Rig, wanted: int) -> Iterator[Sample]:
    """Sends, tidies up, and gives a sample every ten seconds and one at the end."""
    with servers.station("indexer") as indexer, servers.station("classifier") as classifier:
        ours = {"classifier": classifier.id, "indexer": indexer.id}
        pids = ours | {one: servers.stack.pid(name) for one, name in SERVERS.items()}
        began, looked, sent, done, tidied = time.monotonic(), 0.0, 0, 0, 0
        coming = records()
        while done < wanted:
            for one in (classifier, indexer):
                one.alive()
            if sent < wanted and sent - done < AHEAD:
                part = list(islice(coming, min(WRITE, wanted - sent)))
                servers.put(part)
                sent += len(part)
            else:
                time.sleep(0.2)
            done = servers.done(CLASSIFIED, "indexer")
            if done // PART > tidied:
                tidied = done // PART
                tidy(servers)
            if time.monotonic() - looked >= LOOK_SECONDS or done >= wanted:
                looked = time.monotonic()
                held = {
                    name: round(machine.resident_megabytes(pid), 1) for name, pid in pids.items()
                }
                yield Sample(round(looked - began, 1), done, held)


def tidy(servers: Rig) -> None:
    """Deletes the records that are done, and the months of all parts but the last two."""
    servers.clear_done(COLLECTED, "classifier")
    servers.clear_done(CLASSIFIED, "indexer")
    months = sorted(servers.node.indices.get(index="emotions-v1-*").body, reverse=True)
    for name in months[:-2]:
        servers.node.indices.delete(index=name)


def slope(samples: Sequence[Sample], process: str) -> float:
    """Gives the megabytes that a process grew with each million posts, by least squares."""
    last = samples[-1].done
    counted = [one for one in samples if one.done >= WARM_UP * last]
    done = [one.done / 1e6 for one in counted]
    return float(np.polyfit(done, [one.megabytes[process] for one in counted], 1)[0])


def page(head: Mapping[str, Any], samples: Sequence[Sample]) -> str:
    """Writes what grew, and the memory along the way."""
    last = samples[-1]
    names = list(last.megabytes)
    lines = [
        "# Memory over millions of posts",
        "",
        (
            f"`{head['command']}`, {head['measured'][:10]}: {last.done:,} posts in"
            f" {last.seconds / 60:.1f} minutes, {last.done / last.seconds:,.0f} a second."
            f" {where(head['machine'])}"
        ),
        "",
        (
            f"Each post is a sample under an id of its own. Every {PART:,} posts are of another"
            " month, whose index and records are deleted when they are done. Growth is the slope of"
            " the resident memory over the posts that are indexed, by least squares, without the"
            f" first {WARM_UP:.0%} of them ([every sample](soak.ndjson))."
        ),
        "",
        "| process | grows, MB a million posts | wanted | |",
        "|---|---|---|---|",
    ]
    for name in names:
        grown = slope(samples, name)
        wanted = f"less than {MOST:g}" if name in STATIONS else ""
        verdict = ("reached" if grown < MOST else "**missed**") if name in STATIONS else "a server"
        lines.append(f"| {name} | {figure(grown)} | {wanted} | {verdict} |")
    lines += [
        "",
        f"| posts | {' | '.join(f'{name}, MB' for name in names)} |",
        "|---" * (len(names) + 1) + "|",
    ]
    shown = samples[:: max(1, len(samples) // 20)]
    for one in [*shown, *([last] if shown[-1] is not last else [])]:
        cells = " | ".join(f"{one.megabytes[name]:,.0f}" for name in names)
        lines.append(f"| {one.done:,} | {cells} |")
    return "\n".join(lines) + "\n"


def read(file: Path) -> tuple[dict[str, Any], list[Sample]]:
    """Gives the head and the samples of a raw file."""
    head, *samples = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    return head, [Sample(**one) for one in samples]


def main(arguments: list[str]) -> int:
    """Runs it, keeps every sample as it comes, and writes the page."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench soak",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--posts", type=int, default=5_000_000, metavar="N", help="how many (%(default)s)")
    add("--out", type=Path, default=RAW, help="the raw file, made anew")
    add("--page", type=Path, default=PAGE, help="the page")
    asked = parser.parse_args(arguments)
    head = {
        "command": f"python -m tests.bench soak --posts {asked.posts}",
        "measured": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": machine.facts(),
    }
    with (
        asked.out.open("w", encoding="utf-8") as file,
        suppress(KeyboardInterrupt),
        rig() as servers,
    ):
        file.write(json.dumps(head) + "\n")
        for one in soak(servers, asked.posts):
            file.write(json.dumps(asdict(one)) + "\n")
            file.flush()
            print(f"{one.done:,} of {asked.posts:,}: {dict(one.megabytes)}", flush=True)
    found = read(asked.out)
    if len(found[1]) < 5:
        print("too few samples for a page", file=sys.stderr)
        return 1
    asked.page.write_text(page(*found), encoding="utf-8")
    return 0
