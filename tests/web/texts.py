"""The texts of the sample posts, of every platform's shape."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).parents[2] / "ingest" / "samples"


def texts() -> list[str]:
    """Gives each text once."""
    found: list[str] = []
    for file in sorted(SAMPLES.glob("*.ndjson")):
        for line in file.read_text(encoding="utf-8").splitlines():
            found += _texts(json.loads(line))
    return list(dict.fromkeys(found))


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for one in node:
            yield from _texts(one)
    elif isinstance(node, dict):
        for name, value in node.items():
            if name in ("text", "textOriginal") and isinstance(value, str):
                yield value
            else:
                yield from _texts(value)
