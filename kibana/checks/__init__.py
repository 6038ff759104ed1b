"""Checks of the file without a Kibana: each fault is one line that says where and what.

They go from the outside in, and a stage looks only at what the stage before found in order: lines
and stamps, the attributes of each object, the panels and their charts, the references, and
last every field against the mapping of its index.
"""

from collections.abc import Callable, Iterator, Sequence

from kibana.checks import attributes, charts, grid, lines, mapping, references
from kibana.objects import Json

STAGES: Sequence[Callable[[Sequence[Json]], Iterator[str]]] = (
    lines.faults,
    attributes.faults,
    grid.faults,
    charts.faults,
    references.faults,
    mapping.faults,
)


def faults(text: str) -> list[str]:
    """Lists what is wrong with a file of saved objects; nothing, if all is well."""
    objects, found = lines.parsed(text)
    for stage in STAGES:
        if found:
            break
        found = list(stage(objects))
    return found
