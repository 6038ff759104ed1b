"""The file that is imported: every saved object, one a line, the same bytes for the same code."""

from pathlib import Path

from kibana import dashboards
from kibana.objects import SavedObject, compact

FILE = Path(__file__).with_name("emotions.ndjson")


def built() -> str:
    """Writes the dashboards as NDJSON, in the order of their needs, with Kibana's last line."""
    return ndjson([one.line() for one in ordered(dashboards.everything())])


def ordered(objects: list[SavedObject]) -> list[SavedObject]:
    """Sorts the objects: what others need comes first."""
    return sorted(objects, key=lambda one: (rank(one.type), one.id))


def rank(kind: str) -> int:
    """Gives a type's place in the file."""
    order = ("tag", "index-pattern", "search", "dashboard")
    return order.index(kind) if kind in order else len(order)


def ndjson(lines: list[str]) -> str:
    """Ends the lines with the one by which Kibana's own exports say how many there are."""
    details = {
        "exportedCount": len(lines),
        "missingRefCount": 0,
        "missingReferences": [],
        "excludedObjectsCount": 0,
        "excludedObjects": [],
    }
    return "".join(line + "\n" for line in [*lines, compact(details)])
