"""What a folder was begun with: what is made of other things may not take its place unnoticed."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from torch import Tensor

from classifier import checkpoint, making
from stream.errors import UserError

_TELLING = {".safetensors", ".bin", ".txt"}
_DESCRIBING = {"config.json", "tokenizer.json"}


def claim(path: Path, about: Mapping[str, Any], known: Mapping[str, Any] | None = None) -> None:
    """Writes what a folder is begun with, or refuses one that was begun with something else.

    Args:
        path: the file of the claim, in the folder that it is on.
        about: what decides what is made there.
        known: what a claim of an earlier version does not say and something else tells; what
            neither says is not compared.

    Raises:
        UserError: names what is other than it was.
    """
    now = json.loads(json.dumps(about))
    then: dict[str, Any] = {}
    if path.exists():
        then = _over(known or {}, json.loads(path.read_text(encoding="utf-8")))
        for key in now:
            if key in then and then[key] != now[key]:
                raise UserError(
                    f"{path.parent} was made with another {_difference(key, then[key], now[key])};"
                    " take the same settings or another --run, or delete the folder to make it anew"
                )
    if now.keys() - then.keys() or not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        checkpoint.write_text(path, json.dumps(then | now, indent=2) + "\n")


def _over(known: Mapping[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    """What a claim says, over what is known beside it, in dictionaries key by key."""
    both = {key: known[key] | said[key] for key in known.keys() & said.keys()
            if isinstance(known[key], dict) and isinstance(said[key], dict)}  # fmt: skip
    return {**known, **said, **both}


def of_path(path: Path) -> str:
    """The digest of a file; of a folder, of the files that hold weights, words or their shape."""
    if path.is_dir():
        files = sorted(
            one for one in path.iterdir() if one.suffix in _TELLING or one.name in _DESCRIBING
        )
        return of_texts([f"{one.name} {of_path(one)}" for one in files])
    found = path.stat()
    return _of_file(path.resolve(), found.st_size, found.st_mtime_ns)


@cache
def _of_file(path: Path, _bytes: int, _written: int) -> str:
    return making.checksum(path)


def of_texts(texts: Sequence[str], numbers: Tensor | None = None) -> str:
    """The digest of texts, a line each, and of the numbers that go with them."""
    found = hashlib.sha256()
    for text in texts:
        found.update(text.encode("utf-8", "surrogatepass") + b"\n")
    if numbers is not None:
        found.update(numbers.contiguous().numpy().tobytes())
    return found.hexdigest()


def _difference(key: str, then: Any, now: Any) -> str:
    if isinstance(now, dict) and isinstance(then, dict):
        for inner in {**now, **then}:
            if then.get(inner) != now.get(inner):
                return f"{key}.{inner} ({_short(then.get(inner))}, not {_short(now.get(inner))})"
    return f"{key} ({_short(then)}, not {_short(now)})"


def _short(value: Any) -> str:
    """A value; of a digest as much as tells it from another."""
    if isinstance(value, str) and len(value) == hashlib.sha256().digest_size * 2:
        return value[:8]
    return repr(value)
