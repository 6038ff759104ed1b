"""Asks a question as the page says, in each of its three forms."""

import json
import os
import re
import subprocess
import urllib.request
from typing import Any

from tests.queries.page import prepared

REQUEST = re.compile(r"^(?P<method>GET|POST|PUT|DELETE) (?P<path>\S+)$", re.M)


def by_curl(commands: str, address: str, **environment: str) -> str:
    """Runs shell commands as pasted; gives what they print."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        env={"PATH": os.environ["PATH"], "ES": address, **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def by_dev_tools(text: str, address: str) -> None:
    """Sends the text as Kibana's console does; `${PIT}` is the id in the first answer."""
    starts = list(REQUEST.finditer(text))
    ends = [one.start() for one in starts[1:]] + [len(text)]
    point = ""
    for one, end in zip(starts, ends, strict=True):
        body = text[one.end() : end].strip().replace("${PIT}", point)
        request = urllib.request.Request(
            f"{address}/{one['path']}",
            body.encode() or None,
            {"Content-Type": "application/json"},
            method=one["method"],
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            point = point or json.load(answer).get("id", "")


def by_python(code: str, use: str = "setup") -> list[Any]:
    """Runs the code after what the page says to run first; gives its `rows`."""
    names: dict[str, Any] = {}
    exec(compile(prepared("python", use) + code, "docs/queries.md", "exec"), names)
    with names["es"]:
        rows: list[Any] = names.get("rows", [])
        return rows
