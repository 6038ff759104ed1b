"""The lines of the file: keys, stamps, identities, references as such."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence

from kibana.objects import CORE_STAMP, STAMPS, Json

ALLOWED = frozenset(
    {
        *("id", "type", "attributes", "references", "namespaces", "namespace"),
        *("migrationVersion", "coreMigrationVersion", "typeMigrationVersion"),
        *("updated_at", "updated_by", "created_at", "created_by", "version"),
        *("originId", "managed", "accessControl"),
    }
)
"""Kibana refuses a line with any other key."""

NEEDED = ("id", "type", "attributes", "references", "coreMigrationVersion", "typeMigrationVersion")
OF_ONE_KIBANA = ("version", "updated_at", "updated_by", "created_at", "created_by")
DETAILS = "exportedCount"


def parsed(text: str) -> tuple[list[Json], list[str]]:
    """Gives the objects of the lines, and the lines that are none."""
    objects: list[Json] = []
    faults = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            value = json.loads(line)
        except json.JSONDecodeError as error:
            faults.append(f"line {number}: not JSON: {error.msg} (column {error.colno})")
            continue
        if isinstance(value, dict):
            objects.append(value)
        else:
            faults.append(f"line {number}: a {type(value).__name__}, not an object")
    return objects, faults


def faults(objects: Sequence[Json]) -> Iterator[str]:
    """Finds what is wrong with the lines."""
    saved = [one for one in objects if DETAILS not in one]
    if not saved:
        yield "the file holds no saved object"
    for number, one in enumerate(objects, 1):
        if DETAILS not in one:
            yield from (f"line {number}: {fault}" for fault in _of_line(one))
        elif one[DETAILS] != len(saved):
            yield f"line {number}: {DETAILS} is {one[DETAILS]}, but there are {len(saved)} objects"
    named = Counter((one.get("type"), one.get("id")) for one in saved)
    yield from (
        f"{kind} {name} is there {times} times"
        for (kind, name), times in named.items()
        if times > 1
    )


def _of_line(one: Json) -> Iterator[str]:
    unknown = sorted(set(one) - ALLOWED)
    missing = [key for key in NEEDED if key not in one]
    if unknown:
        yield f"Kibana knows no key {', '.join(unknown)}"
    if missing:
        yield f"the key {', '.join(missing)} is missing"
        return
    if not (isinstance(one["id"], str) and one["id"]):
        yield "the id must be a text that is not empty"
    if not isinstance(one["attributes"], dict):
        yield "the attributes must be an object"
    yield from (
        f"{key} belongs to one Kibana, not into the file" for key in OF_ONE_KIBANA if key in one
    )
    yield from _stamps(one)
    yield from _references(one["references"])


def _stamps(one: Json) -> Iterator[str]:
    known = STAMPS.get(one["type"])
    if known is None:
        yield f"the type {one['type']} is none of {', '.join(STAMPS)}"
    elif one["typeMigrationVersion"] != known:
        yield f"typeMigrationVersion of a {one['type']} must be {known}"
    if one["coreMigrationVersion"] != CORE_STAMP:
        yield f"coreMigrationVersion must be {CORE_STAMP}"


def _references(references: object) -> Iterator[str]:
    if not isinstance(references, list):
        yield "the references must be a list"
        return
    for reference in references:
        if (
            not isinstance(reference, dict)
            or set(reference) != {"id", "name", "type"}
            or not all(isinstance(value, str) and value for value in reference.values())
        ):
            yield "a reference must have id, name and type, all texts"
    names = Counter(str(one.get("name")) for one in references if isinstance(one, dict))
    yield from (f"two references are named {name}" for name, times in names.items() if times > 1)
