"""Where a message or a page names a command of ours, there is one of that name."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("stream", "ingest", "classifier", "indexer", "kibana", "web", "stack")
NAMED = re.compile(rf"python -m ({'|'.join(PACKAGES)})((?: --?[a-z][a-z-]*| [a-z][a-z-]*)*)")
EVERYONES = {"--help", "-h"}


@cache
def source(package: str) -> str:
    return "\n".join(file.read_text("utf-8") for file in sorted((ROOT / package).rglob("*.py")))


def named() -> Iterator[tuple[Path, str, str]]:
    """The file, package and command or option of each that is named."""
    files = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]
    for file in [*files, *ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for package, words in NAMED.findall(file.read_text("utf-8")):
            command, *rest = words.split() or [""]
            for word in [command, *(one for one in rest if one.startswith("--"))]:
                if word and word not in EVERYONES:
                    yield file.relative_to(ROOT), package, word


def test_there_is_every_command_and_option_that_is_named() -> None:
    found = list(named())
    assert len(found) > 100
    unknown = [
        f"{file}: python -m {package} … {word}"
        for file, package, word in found
        # The dead letters' options are the same in two packages.
        if f'"{word}"' not in source(package) + source("stream")
    ]
    assert unknown == []
