"""The file into a Kibana, and the objects back out of one."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from kibana.building import ndjson, rank
from kibana.objects import Json, compact
from kibana.server import Answer, Kibana, NotReady
from stream.errors import UserError

IMPORT = "/api/saved_objects/_import?overwrite=true"
EXPORT = "/api/saved_objects/_export"
FILE_NAME = "emotions.ndjson"
"""Kibana refuses a file whose name does not end so."""
NO_RESULT = "answered the import with something else than a result: is it a Kibana?"
LOOK_EVERY = 2.0
OK, BAD_REQUEST, UNAUTHORISED = 200, 400, 401

OF_ONE_KIBANA = frozenset(
    {
        *("created_at", "created_by", "updated_at", "updated_by", "version", "managed"),
        *("namespaces", "originId", "accessControl", "migrationVersion"),
    }
)
"""Keys of an exported object that another Kibana, or another day, would write otherwise."""


def wait_until_available(
    kibana: Kibana, seconds: float, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Waits for Kibana to say that it is available.

    Raises:
        UserError: it does not within these seconds, or refuses us.
    """
    deadline = time.monotonic() + seconds
    while True:
        reason = _unavailable(kibana)
        if not reason:
            return
        if time.monotonic() >= deadline:
            hint = "" if seconds else "; --wait SECONDS waits for it"
            raise UserError(f"{reason}: start one, or set EMOSTREAM_KIBANA{hint}")
        sleep(min(LOOK_EVERY, max(0.0, deadline - time.monotonic())))


def _unavailable(kibana: Kibana) -> str:
    try:
        answer = kibana.request("GET", "/api/status")
    except NotReady as reason:
        return str(reason)
    if answer.status != OK:
        raise kibana.refusal(answer, "to tell its status")
    # Without a login that it knows, Kibana tells the level alone, in the same place.
    level: Any = answer.json()
    for key in ("status", "overall", "level"):
        level = level.get(key) if isinstance(level, dict) else None
    if not isinstance(level, str):
        return f"what answers at {kibana.address} tells no status as a Kibana does"
    return "" if level == "available" else f"Kibana at {kibana.address} says {level}"


def put(kibana: Kibana, content: bytes) -> list[str]:
    """Imports the file; objects that are there already are replaced. Tells what was imported.

    Raises:
        UserError: Kibana refused the file, or some of its objects.
    """
    try:
        form = {"file": (FILE_NAME, content, "application/x-ndjson")}
        answer = kibana.request("POST", IMPORT, fields=form)
    except NotReady as reason:
        raise UserError(str(reason)) from None
    if answer.status != OK:
        raise kibana.refusal(answer, "the import")
    result = answer.json()
    try:
        if result.get("success") is not True:
            raise UserError(f"Kibana at {kibana.address} {_failed(result)}")
        return [
            f"{one['type']} {one.get('meta', {}).get('title') or one['id']}"
            for one in result.get("successResults", [])
        ]
    except (AttributeError, KeyError, TypeError):
        raise UserError(f"Kibana at {kibana.address} {NO_RESULT}") from None


def _failed(result: Json) -> str:
    errors = result.get("errors", [])
    if not errors:
        return NO_RESULT
    reasons = "; ".join(f"{one.get('type')} {one.get('id')}: {_reason(one)}" for one in errors)
    return f"imported {result.get('successCount', 0)} objects and refused {len(errors)}: {reasons}"


def _reason(one: Json) -> str:
    error = one.get("error", {})
    missing = [f"{need['type']} {need['id']}" for need in error.get("references", [])]
    detail = ", ".join(missing) or error.get("message", "")
    return f"{error.get('type', 'unknown')}{f' ({detail})' if detail else ''}"


def fetch(kibana: Kibana, identities: Sequence[tuple[str, str]]) -> str:
    """Exports the objects of these types and ids, normalised.

    Raises:
        UserError: Kibana refused, lacks some of them, or is no Kibana.
    """
    wanted = {
        "objects": [{"type": kind, "id": name} for kind, name in identities],
        "excludeExportDetails": True,
    }
    try:
        answer = kibana.request("POST", EXPORT, body=wanted)
    except NotReady as reason:
        raise UserError(str(reason)) from None
    if answer.status == BAD_REQUEST and (missing := _missing(answer)):
        raise UserError(
            f"Kibana at {kibana.address} lacks {', '.join(missing)}: `python -m kibana import`"
        )
    if answer.status != OK:
        raise kibana.refusal(answer, "the export")
    try:
        return normalised(answer.body.decode("utf-8").splitlines())
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        raise UserError(
            f"{kibana.address} answered the export with something else than saved objects: "
            "is it a Kibana? set EMOSTREAM_KIBANA"
        ) from None


def _missing(answer: Answer) -> list[str]:
    try:
        objects = answer.json().get("attributes", {}).get("objects", [])
        return [f"{one['type']} {one['id']}" for one in objects]
    except (AttributeError, KeyError, TypeError):
        return []


def normalised(lines: Iterable[str]) -> str:
    """Sorts an export and leaves out what is of one Kibana or one day."""
    objects = [one for line in lines if line for one in [json.loads(line)] if "id" in one]
    for one in objects:
        for key in OF_ONE_KIBANA & set(one):
            del one[key]
        one["references"] = sorted(one["references"], key=lambda reference: reference["name"])
    objects.sort(key=lambda one: (rank(one["type"]), one["id"]))
    return ndjson([compact(_sorted_inside(one)) for one in objects])


def _sorted_inside(value: Any) -> Any:
    """Sorts the keys of JSON that is kept in strings, too."""
    if isinstance(value, dict):
        return {key: _sorted_inside(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_sorted_inside(inner) for inner in value]
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return compact(_sorted_inside(json.loads(value)))
        except ValueError:
            return value
    return value


def differences(ours: str, theirs: str) -> Iterator[str]:
    """Names each object of which the two files do not say the same, and in what."""
    mine, other = _by_identity(ours), _by_identity(theirs)
    for identity in sorted(mine | other):
        name = " ".join(identity)
        if identity not in other:
            yield f"{name}: is not in Kibana"
        elif identity not in mine:
            yield f"{name}: is not in {FILE_NAME}"
        else:
            changed = sorted(_changed(mine[identity], other[identity]))
            if changed:
                yield f"{name}: {', '.join(changed)}"


def _changed(one: Json, other: Json) -> Iterator[str]:
    for key in set(one) | set(other):
        if key == "attributes":
            inner = set(one[key]) | set(other[key])
            yield from (n for n in inner if one[key].get(n) != other[key].get(n))
        elif one.get(key) != other.get(key):
            yield key


def _by_identity(text: str) -> dict[tuple[str, str], Json]:
    objects = [json.loads(line) for line in text.splitlines()]
    return {(one["type"], one["id"]): one for one in objects if "id" in one}
