"""The wheel holds what is declared, and nothing else."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("wheel")
    # A copy of what git tracks or would track: leftovers of a build cannot hide a hole.
    copy = folder / "source"
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if name.startswith("tests/") or not (ROOT / name).is_file():
            continue
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            ".",
            "--no-deps",
            "--no-build-isolation",
            "-q",
            "-w",
            str(folder),
        ],
        cwd=copy,
        check=True,
    )
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        return wheel.namelist()


def test_the_top_level_names_are_the_declared_ones(names: list[str]) -> None:
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if ".dist-info" not in name} == {
        "stream",
        "ingest",
        "classifier",
        "indexer",
        "kibana",
        "web",
    }


@pytest.mark.parametrize(
    "wanted",
    [
        "stream/json_schemas/post.v1.json",
        "stream/py.typed",
        "kibana/emotions.ndjson",
        "web/static/index.html",
        "ingest/samples/x_posts.ndjson",
        "ingest/samples/broken/broken.ndjson",
        "classifier/artifacts/emotion-cbow-3/model.safetensors",
        "classifier/artifacts/emotion-cbow-3/MODEL_CARD.md",
    ],
)
def test_the_data_files_are_in_the_wheel(names: list[str], wanted: str) -> None:
    assert wanted in names


def test_the_index_templates_are_in_the_wheel(names: list[str]) -> None:
    for template in (ROOT / "indexer" / "index_templates").glob("*.json"):
        assert f"indexer/index_templates/{template.name}" in names
