"""The catalogue of mutants, read from catalogue.toml."""

import ast
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILE = Path(__file__).parent / "catalogue.toml"


@dataclass(frozen=True)
class Mutant:
    """One realistic bug: one edit of one file, and the test that was predicted to notice it."""

    name: str
    file: str
    before: str
    after: str
    harm: str
    source: str
    killed_by: str

    def applied(self, text: str) -> str:
        """Gives the file's text with the bug in it.

        Raises:
            ValueError: the edit does not say where: `before` is there more than once, or not.
        """
        if text.count(self.before) != 1:
            raise ValueError(
                f"{self.name}: `before` is {text.count(self.before)} times in {self.file}"
            )
        return text.replace(self.before, self.after)


def mutants() -> list[Mutant]:
    """Reads all of them, in their order."""
    with FILE.open("rb") as stream:
        return [Mutant(name, **fields) for name, fields in tomllib.load(stream).items()]


def problems(catalogue: Sequence[Mutant], root: Path = ROOT) -> list[str]:
    """Says which mutants do not fit the tree any more, and why."""
    found = []
    for one in catalogue:
        file, _colons, name = one.killed_by.partition("::")
        try:
            changed = one.applied((root / one.file).read_text(encoding="utf-8"))
            if one.file.endswith(".py"):
                compile(changed, one.file, "exec")
            if name not in tests_in(root / file):
                found.append(f"{one.name}: there is no test {one.killed_by}")
        except (OSError, SyntaxError, ValueError) as error:
            found.append(f"{one.name}: {error}")
    return found


def tests_in(file: Path) -> set[str]:
    """Names the tests of a file, without running it."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
