"""`python -m tests.mutants`: each bug of the catalogue in a copy of the tree; who notices it?"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stack import Stack, running
from tests.mutants import results
from tests.mutants.catalogue import ROOT, Mutant, mutants, problems
from tests.mutants.results import BROKEN, NAMED, OTHER, SURVIVED

TEST_SECONDS = 60
RUN_SECONDS = 600.0
FAILED = 1
"""What pytest ends with where tests failed; any other code but 0 says that it could not run."""


def main() -> int:
    """Runs those that have no result yet; exit code 1 if one survives."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help="which (all)")
    add("--out", type=Path, metavar="FILE", help="keep results there, a line of JSON each; what "
        "is there, and was killed, is not run again")  # fmt: skip
    add("--page", type=Path, metavar="FILE", help="write the table of --out into this page")
    arguments = parser.parse_args()
    catalogue = mutants()
    wanted = [one for one in catalogue if one.name in (arguments.names or [one.name])]
    known = {one.name for one in catalogue}
    wrong = [f"{one}: there is no such mutant" for one in arguments.names if one not in known]
    wrong += problems(wanted)
    if wrong:
        print("\n".join(wrong), file=sys.stderr)
        return 2
    done = results.read(arguments.out)
    left = [one for one in wanted if done.get(one.name, {}).get("result") not in (NAMED, OTHER)]
    if left:
        with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "stack") as stack:
            tree = Tree(Path(folder) / "tree", stack)
            tree.check([one.killed_by for one in left])
            for one in left:
                done[one.name] = tree.run(one)
                results.keep(arguments.out, done[one.name])
    if arguments.page:
        text = arguments.page.read_text(encoding="utf-8")
        page = results.written(text, catalogue, done)
        arguments.page.write_text(page, encoding="utf-8")
    return int(any(done[one.name]["result"] in (SURVIVED, BROKEN) for one in wanted))


class Tree:
    """A copy of the working tree, in which one file at a time is changed."""

    def __init__(self, path: Path, stack: Stack) -> None:
        self.path = path
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(path),  # before the installed package, in every child too
            "PYTHONDONTWRITEBYTECODE": "1",  # two versions of a file within a second look alike
            "PYTEST_STACK": str(stack.directory.path),
        }
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        ).stdout
        for name in filter(None, listed.decode().split("\0")):
            if (ROOT / name).is_file():
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, path / name)

    def check(self, tests: Sequence[str]) -> None:
        """Makes sure that the tests pass while nothing is changed."""
        code, said = self._pytest(*sorted(set(tests)))
        if code:
            raise SystemExit(f"{said}\n\nthese tests must pass before anything is changed")

    def run(self, mutant: Mutant) -> dict[str, Any]:
        """Applies a mutant, runs the test that must notice it, and takes the mutant back."""
        began = time.monotonic()
        file = self.path / mutant.file
        sound = file.read_text(encoding="utf-8")
        file.write_text(mutant.applied(sound), encoding="utf-8")
        try:
            result, by = self._verdict(mutant)
        finally:
            file.write_text(sound, encoding="utf-8")
        if result == OTHER and self._pytest(by)[0]:
            result, by = SURVIVED, ""  # that test fails without the bug too
        seconds = round(time.monotonic() - began, 1)
        print(f"{mutant.name}: {result} {by} ({seconds} s)", flush=True)
        return {
            "name": mutant.name,
            "result": result,
            "by": by,
            "seconds": seconds,
        }

    def _verdict(self, mutant: Mutant) -> tuple[str, str]:
        code, said = self._pytest("-x", mutant.killed_by)
        if code == FAILED:
            return NAMED, mutant.killed_by
        if code:
            return BROKEN, said[-300:]
        folder = f"tests/{mutant.file.partition('/')[0]}"
        for scope in ([mutant.killed_by.partition("::")[0]], [folder, "-m", "not stack"]):
            code, said = self._pytest("-x", *scope)
            if code == FAILED:
                failed = [one for one in said.splitlines() if one.startswith("FAILED ")]
                return OTHER, failed[0].split()[1].partition("[")[0] if failed else ""
        return SURVIVED, ""

    def _pytest(self, *arguments: str) -> tuple[int, str]:
        options = ("-q", "-p", "no:cacheprovider", f"--timeout={TEST_SECONDS}")
        try:
            done = subprocess.run(
                [sys.executable, "-m", "pytest", *options, *arguments],
                cwd=self.path,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=RUN_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return FAILED, "FAILED (no end)"
        return done.returncode, done.stdout[-20_000:]


if __name__ == "__main__":
    sys.exit(main())
