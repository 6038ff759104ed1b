"""The compose files as Docker Compose reads them: variables put in, the override merged.

Only what our files use of the specification is here; `specification/main.go` loads them with the
specification's own library.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
PLAIN, TLS = "docker-compose.yml", "docker-compose.tls.yml"
REPLACED = ("command", "test", "tmpfs")
"""Lists that an override replaces; every other list it adds to."""

VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\})")


def raw(name: str) -> dict[str, Any]:
    """One file as YAML gives it, with its anchors resolved."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    return loaded


def env_file() -> dict[str, str]:
    """The lines of `.env`."""
    lines = (ROOT / ".env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def put_in(value: Any, variables: Mapping[str, str]) -> Any:
    """Puts variables into every string; `$$` is a dollar sign."""
    if isinstance(value, dict):
        return {key: put_in(one, variables) for key, one in value.items()}
    if isinstance(value, list):
        return [put_in(one, variables) for one in value]
    if not isinstance(value, str):
        return value

    def one(match: re.Match[str]) -> str:
        if match["dollar"]:
            return "$"
        return variables.get(match["name"]) or match["default"] or ""

    return VARIABLE.sub(one, value)


def merged(base: Any, override: Any, key: str = "") -> Any:
    """Lays an override over a value, as Compose merges files."""
    if isinstance(base, dict) and isinstance(override, dict):
        both = {name: merged(base[name], override[name], name) for name in base.keys() & override}
        return base | override | both
    if isinstance(base, list) and isinstance(override, list) and key not in REPLACED:
        return [*base, *override]
    return override


def load(*names: str) -> dict[str, Any]:
    """Gives the services by name, as the files together declare them."""
    project: dict[str, Any] = {}
    for name in names:
        project = merged(project, raw(name))
    services: dict[str, Any] = put_in(project["services"], env_file())
    return services
