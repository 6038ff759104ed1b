"""`constraints.txt` pins what is installed: a clone of next year gets the same versions."""

import re
import tomllib
from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
OURS = {"emostream", "pip"}
"""What `make setup` does not take from an index."""


def named(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return {named(name): version for name, _is, version in (one.partition("==") for one in lines)}


def test_every_line_pins_one_package_at_one_version() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line) for line in lines)
    assert len(pins()) == len(lines)


def test_every_installed_package_is_pinned_at_its_version() -> None:
    # A local part, as in 2.15.0+cpu, says which build of the same version it is.
    installed = {named(one.name): one.version.partition("+")[0] for one in distributions()}
    wrong = {name: v for name, v in installed.items() if pins().get(name) != v}
    assert wrong.keys() <= OURS, wrong


def test_everything_we_ask_for_is_pinned_within_what_we_ask_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    for text in (*project["dependencies"], *(one for extra in extras for one in extra)):
        wanted = Requirement(text)
        assert pins()[named(wanted.name)] in wanted.specifier, text
