"""How fast it is, in turns with its peers, on this machine.

Without a name, every bench. What else there is, each with a --help of its own:

venv       makes the environment that some peers need
page       writes docs/benchmarks.md from docs/benchmarks.ndjson
soak       millions of posts through the line, and the memory of every process meanwhile
profile    where the processor time of a station goes, as a table and flame graphs
capacity   writes the tables of docs/capacity.md from the costs that were measured
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from tests.bench import machine
from tests.bench.page import keep, page, read, section
from tests.bench.trials import Bench

NAMES = ("classify", "index", "client", "kafka", "line", "latency", "workers", "costs", "cold")
"""The benches, in the order of the page: modules of this folder that have a `BENCH`."""
COMMANDS = ("venv", "page", "soak", "profile", "capacity")


def main() -> int:
    """Runs what is named."""
    if sys.argv[1:] and sys.argv[1] in COMMANDS:
        command: Callable[[list[str]], int] = import_module(f"tests.bench.{sys.argv[1]}").main
        return command(sys.argv[2:])
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    add("--rounds", type=int, default=5, metavar="N", help="turns of each side (%(default)s)")
    add("--out", type=Path, metavar="FILE", help="keep every run there, a line of JSON a bench")
    add("--page", type=Path, metavar="FILE", help="write this page from --out")
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(NAMES):
        parser.error(f"no bench is named {', '.join(sorted(unknown))}")
    if asked.page and not asked.out:
        parser.error("--page is made from --out, which is missing")
    well = [_measured(name, asked.rounds, asked.out) for name in asked.names or NAMES]
    if asked.page:
        asked.page.write_text(page(read(asked.out)), encoding="utf-8")
    return int(not all(well))


def _measured(name: str, rounds: int, out: Path | None) -> bool:
    """Runs one bench and shows its section; where one fails, the others go on."""
    facts = machine.facts()
    try:
        bench: Bench = import_module(f"tests.bench.{name}").BENCH
        done = bench.run(rounds, lambda line: print(line, file=sys.stderr, flush=True))
    except Exception:  # noqa: BLE001 - told, and in the exit code
        traceback.print_exc()
        return False
    result = bench.result(done) | {
        "command": f"python -m tests.bench {name}" + (f" --rounds {rounds}" if rounds != 5 else ""),
        "measured": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "machine": facts,
    }
    if out:
        keep(out, result)
    print("\n".join(section(result)), flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
