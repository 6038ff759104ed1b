"""What an audit of many posts takes: `python -m tests.stream.bench_facts [IDS]`.

Three facts for each id (collected, classified, indexed), in an order that has nothing to do with
the ids, kept, sorted and judged as `stream.audit` does it. Reading the servers is not in it.
"""

import hashlib
import resource
import sys
import time
from collections.abc import Iterator

from stream.audit.facts import Facts
from stream.audit.law import Fact, Fate, Kind, Terms, judge

KINDS = (Kind.COLLECTED_POST, Kind.CLASSIFIED_POST, Kind.DOCUMENT)
MONTH = "2026.03"


def facts(ids: int) -> Iterator[Fact]:
    """Gives the facts of so many posts of X, by kind, each in the same random order."""
    for kind in KINDS:
        for number in range(ids):
            digest = hashlib.blake2b(number.to_bytes(8), digest_size=8).digest()
            yield Fact(f"x:{int.from_bytes(digest):020}", kind, MONTH, 1_770_000_000_000, at=1)


def main() -> None:
    """Runs it and prints one line."""
    ids = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    before = peak()
    began = time.monotonic()
    gathered = Facts()
    gathered.add(facts(ids))
    indexed = sum(judge(of_id, Terms()).fate is Fate.INDEXED for of_id in gathered.by_id())
    assert indexed == ids
    seconds = time.monotonic() - began
    print(
        f"{ids:,} ids: {seconds:.1f} s, {ids / seconds:,.0f} ids a second, "
        f"{peak() - before:.0f} MB of memory, {gathered.size / 1e6:.0f} MB on the disk"
    )


def peak() -> float:
    """Gives the most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


if __name__ == "__main__":
    main()
