"""The files keep to the Compose specification's own JSON Schema."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator as Validator

from tests.compose.composefile import PLAIN, ROOT, TLS, raw

FOLDER = ROOT / "tests" / "compose" / "specification"


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    read: dict[str, Any] = json.loads((FOLDER / "compose-spec.json").read_text(encoding="utf-8"))
    Validator.check_schema(read)
    return read


def faults(schema: dict[str, Any], project: dict[str, Any]) -> list[str]:
    return sorted(error.json_path for error in Validator(schema).iter_errors(project))


@pytest.mark.parametrize("name", [PLAIN, TLS])
def test_a_file_is_valid(schema: dict[str, Any], name: str) -> None:
    assert faults(schema, raw(name)) == []


def test_the_schema_finds_what_is_wrong(schema: dict[str, Any]) -> None:
    project = raw(PLAIN)
    project["services"]["kafka"]["depend_on"] = {}
    project["services"]["setup"]["depends_on"]["kafka"]["condition"] = "service_started_well"
    found = faults(schema, project)
    assert any(path.startswith("$.services.kafka") for path in found)
    assert any(path.startswith("$.services.setup") for path in found)


def test_the_schema_is_of_the_version_that_the_readme_and_the_loader_name() -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    required = next(
        line.split()[-1]
        for line in (FOLDER / "go.mod").read_text(encoding="utf-8").splitlines()
        if line.startswith("require github.com/compose-spec/compose-go/v2")
    )
    assert f"compose-go {required}" in readme
