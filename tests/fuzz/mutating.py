"""Changes to an input: where it is JSON, to one of its values, so that it stays JSON."""

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

DIGITS = 4400
"""More than Python reads as one number."""

HOSTILE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 10**30, float("inf"), float("nan"), 1e-320, 0.5, 2),
    *("", " ", "\0", "\ud800", "\N{SNOWMAN}" * 300, "a" * 5000, "x/y", "a\nb", "..", "²", "￿"),
    *("9" * DIGITS, f"&#{'9' * DIGITS};", "<a " * 500, "<![CDATA[", "https://" + "a" * 5000),
    *("9999-12-31T23:59:59Z", "0001-01-01T00:00:00+23:59", "2026-11-20T12:00:00+00:00", "1e400"),
    *([], {}, [[]], [None], {"": {}}, [{}] * 50, ["a"] * 50),
)
"""Values that decoders have stumbled over."""


def mutated(data: bytes, most: int, seed: int, otherwise: Callable[[bytes, int], bytes]) -> bytes:
    """Changes an input, now and then by bytes: the same for the same seed.

    Args:
        data: the input; before its JSON may stand one byte that chooses something.
        most: bytes that the result may have.
        seed: decides.
        otherwise: changes bytes, (input, most) to the result.
    """
    chance = random.Random(seed)
    if chance.random() < 0.2:
        return otherwise(data, most)
    for first in (0, 1):
        try:
            value = json.loads(data[first:])
        except (ValueError, RecursionError):
            continue
        try:
            for _time in range(chance.randint(1, 3)):
                value = _changed(value, chance)
            made = data[:first] + _written(value, chance)
        except (ValueError, RecursionError):
            continue
        if len(made) <= most:
            return made
    return otherwise(data, most)


def variants(value: Any) -> Iterator[Any]:
    """Gives a JSON value with each of its parts once left out and once each hostile value."""
    for path in _paths(value):
        for hostile in HOSTILE:
            yield _with(value, path, hostile)
        if path:
            yield _without(value, path)


Path = tuple[str | int, ...]


def _changed(value: Any, chance: random.Random) -> Any:
    paths = list(_paths(value))
    path = chance.choice(paths)
    what = chance.random()
    if what < 0.15 and path:
        return _without(value, path)
    if what < 0.35:
        return _with(value, path, _at(value, chance.choice(paths)))
    if what < 0.45:
        return _with(value, path, [_at(value, path)] * chance.choice((1, 2, 40)))
    if what < 0.5:
        return _with(value, path, _nested(chance.choice((30, 190, 300))))
    return _with(value, path, chance.choice(HOSTILE))


def _nested(depth: int) -> Any:
    value: Any = 0
    for _level in range(depth):
        value = {"media": [value]}
    return value


def _paths(value: Any, path: Path = ()) -> Iterator[Path]:
    yield path
    if isinstance(value, dict | list):
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        for key, one in inner:
            yield from _paths(one, (*path, key))


def _at(value: Any, path: Path) -> Any:
    for key in path:
        value = value[key]
    return value


def _with(value: Any, path: Path, new: Any) -> Any:
    if not path:
        return new
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _with(copy[path[0]], path[1:], new)
    return copy


def _without(value: Any, path: Path) -> Any:
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    if len(path) == 1:
        del copy[path[0]]
    else:
        copy[path[0]] = _without(copy[path[0]], path[1:])
    return copy


def _written(value: Any, chance: random.Random) -> bytes:
    text = json.dumps(value, ensure_ascii=chance.random() < 0.5)
    return text.encode("utf-8", "surrogatepass")
