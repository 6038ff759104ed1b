"""What every tracked file must keep to."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    return [ROOT / name for name in filter(None, listed.split("\0")) if (ROOT / name).is_file()]


ARTIFACTS = ROOT / "classifier" / "artifacts"


def test_no_file_but_an_artifact_s_is_larger_than_a_megabyte() -> None:
    large = [path for path in tracked() if path.stat().st_size > 1024 * 1024]
    assert [path for path in large if ARTIFACTS not in path.parents] == []


def test_the_shipped_artifacts_are_at_most_25_mb_each() -> None:
    artifacts = [path for path in ARTIFACTS.iterdir() if path.is_dir()]
    assert artifacts
    for artifact in artifacts:
        assert sum(p.stat().st_size for p in artifact.rglob("*") if p.is_file()) <= 25_000_000


def test_nothing_that_could_run_code_is_stored_as_a_model() -> None:
    assert [p for p in tracked() if p.suffix in {".pkl", ".pickle", ".pt", ".bin", ".npy"}] == []


def test_the_readme_tree_names_every_package_and_every_name_in_it_exists() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    tree = re.search(r"```text\n\.\n(.*?)```", readme, re.DOTALL)
    assert tree, "README.md has no annotated tree"
    folder = ROOT
    named: set[Path] = set()
    for line in tree[1].splitlines():
        match = re.match(r"(?P<indent>[│├└─ ]*)(?P<names>[^ │├└─]\S*)(?P<rest>.*)", line)
        if not match:
            continue
        depth = len(match["indent"]) // 4
        name = match["names"]
        if depth == 1:
            folder = ROOT
        path = (folder if depth > 1 else ROOT) / name
        assert path.exists(), f"README.md names {name}, which is not there"
        named.add(path)
        if depth == 1:
            folder = path if path.is_dir() else ROOT
    for package in ("stream", "ingest", "classifier", "indexer", "kibana", "web", "stack"):
        for module in (ROOT / package).glob("*.py"):
            if module.name != "__init__.py":
                assert module in named, f"README.md does not name {module.relative_to(ROOT)}"


@pytest.mark.parametrize(
    "command", ["stream", "ingest", "classifier", "indexer", "kibana", "web", "stack"]
)
def test_the_readme_shows_every_command(command: str) -> None:
    assert f"python -m {command}" in (ROOT / "README.md").read_text(encoding="utf-8")
