"""`python -m tests.chaos`: seeds of random deaths, and what the oracle says of each."""

import argparse
import sys
from pathlib import Path

from tests.chaos import results
from tests.chaos.campaign import run
from tests.chaos.line import line


def main() -> int:
    """Runs the seeds that have no result yet; exit code 1 if the law was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    add = parser.add_argument
    add("--seeds", type=int, default=20, metavar="N", help="how many (20)")
    add("--first", type=int, default=0, metavar="SEED", help="the first (0)")
    add("--out", type=Path, metavar="FILE", help="add each result there as a line of JSON; the "
        "seeds that are there already are not run again")  # fmt: skip
    add(
        "--logs",
        type=Path,
        default=Path(".stack/chaos"),
        metavar="FOLDER",
        help="data and logs (.stack/chaos)",
    )
    add("--page", type=Path, metavar="FILE", help="write the table of --out into this page")
    arguments = parser.parse_args()
    done, audit = results.read(arguments.out), ""
    wanted = range(arguments.first, arguments.first + arguments.seeds)
    if left := [seed for seed in wanted if seed not in {one["seed"] for one in done}]:
        with line(arguments.logs) as under_test:
            for seed in left:
                result = run(under_test, seed)
                print(result, flush=True)
                if result.violations:
                    print(f"logs: {arguments.logs}; to repeat: "
                          f"python -m tests.chaos --first {seed} --seeds 1")  # fmt: skip
                done.append(results.keep(arguments.out, result))
            audit = under_test.audit()
            print(f"python -m stream audit: {audit or 'the law holds'}")
    if arguments.page:
        results.write_page(arguments.page, done)
    broken = [one["seed"] for one in done if one["seed"] in wanted and one["violations"]]
    print(results.summary(done) + (f"; broken by seeds {broken}" if broken else ""))
    return 1 if broken or audit else 0


if __name__ == "__main__":
    sys.exit(main())
