"""Reads the model of an artifact of another family: its own module reads what it wrote."""

from typing import Any

import safetensors

from classifier import families
from classifier.artifact import FORMAT, ArtifactError, Layout
from classifier.calibration import Calibration
from classifier.families.base import Model
from classifier.heads import HEADS
from classifier.vocabulary import Vocabulary


def read(
    layout: Layout, config: dict[str, Any], calibration: Calibration, vocabulary: Vocabulary
) -> tuple[str, Model]:
    """The artifact's name and its model.

    Raises:
        ArtifactError: config.json names no family or other heads, or the files are not as it says.
        UserError: a package that the family needs is not installed.
    """
    path = layout["config.json"]
    name, kind, heads = (config.get(key) for key in ("name", "family", "heads"))
    if config.get("format") != FORMAT or not isinstance(name, str):
        raise ArtifactError(path, f"format {FORMAT} and a name", "other content")
    if not isinstance(kind, str) or kind not in families.FAMILIES:
        raise ArtifactError(path, f"a family ({', '.join(families.FAMILIES)})", f"{kind}")
    if not (
        isinstance(heads, list)
        and all(isinstance(head, str) for head in heads)
        and set(calibration.heads) <= set(heads) <= set(HEADS)
        and len(set(heads)) == len(heads)
    ):
        raise ArtifactError(path, "the heads of calibration.json", f"{heads}")
    faults = (  # RuntimeError is torch's word for sizes that do not fit, or that no memory holds
        safetensors.SafetensorError, OSError, ValueError, LookupError, TypeError, AttributeError,
        RuntimeError, MemoryError,
    )  # fmt: skip
    try:
        return name, families.family(kind).load(layout.folder, config, vocabulary)
    except faults as error:  # a UserError of a member passes: it names its own file
        told = " ".join(str(error).split())
        raise ArtifactError(layout.folder, f"a model of the family {kind}", told) from None
