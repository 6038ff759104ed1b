"""What the image installs, read from pyproject.toml; the Dockerfile's first stage runs it.

The servers of `stack` are containers here, so only its certificates need a package.
"""

import tomllib
from pathlib import Path

EXTRAS = ("ingest", "classifier", "indexer", "web", "fast")
OF_STACK = "cryptography"


def requirements(pyproject: Path) -> list[str]:
    """Lists the requirements of every station, one for each line of a requirements file."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    stations = [one for extra in EXTRAS for one in extras[extra]]
    certificates = [one for one in extras["stack"] if one.startswith(OF_STACK)]
    return [*project["dependencies"], *stations, *certificates]


if __name__ == "__main__":
    print("\n".join(requirements(Path("pyproject.toml"))))  # noqa: T201 - its output is the file
