"""Artifacts inside an artifact: what an ensemble and a cascade are made of.

Each member is a whole artifact in a folder of its own, with its own manifest; the outer config.json
names its fingerprint, so that nobody can exchange a member unnoticed.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from classifier import artifact
from classifier.artifact import Artifact, Layout
from classifier.families.base import Model
from classifier.heads import columns
from stream.errors import UserError

FOLDER = "members"


@dataclass(frozen=True)
class Member:
    """An artifact and the folder it came from."""

    artifact: Artifact
    model: Model
    folder: Path

    def corrected(self, texts: Sequence[str], heads: Sequence[str]) -> Tensor:
        """The calibrated logits of some heads side by side, (texts, labels), float64."""
        logits, where = self.model.logits(texts), columns(self.model.heads)
        scales = self.artifact.calibration.heads
        return torch.cat([scales[name].scale.apply(logits[:, where[name]]) for name in heads], 1)


def read(folder: Path, heads: Sequence[str]) -> Member:
    """An artifact folder as a member.

    Raises:
        ArtifactError: the artifact is damaged.
        UserError: it does not have one of the heads.
    """
    loaded = artifact.load(folder, serving=False)
    for name in heads:
        if name not in loaded.calibration.heads:
            raise UserError(f"{folder} has no head {name}")
    return Member(loaded, loaded.answering(), folder)


def save(folder: Path, members: Sequence[Member]) -> dict[str, Any]:
    """Copies the members into an artifact folder; gives what config.json says of them."""
    target = folder / FOLDER
    shutil.rmtree(target, ignore_errors=True)
    told = []
    for number, member in enumerate(members):
        place = target / str(number)
        place.mkdir(parents=True)
        own = artifact.own_files(Layout(member.folder), member.artifact.config)
        for name in (*Layout.WEIGHTY, *own):
            shutil.copyfile(member.folder / name, place / name)
        if (member.folder / FOLDER).is_dir():
            shutil.copytree(member.folder / FOLDER, place / FOLDER)
        artifact.write_manifest(place)
        told.append({"folder": f"{FOLDER}/{number}", "model": member.artifact.model})
    return {"members": told}


def load(folder: Path, config: Mapping[str, Any], heads: Sequence[str]) -> list[Member]:
    """Reads the members of an artifact; a ValueError where one is another than config.json says."""
    found = []
    for number, told in enumerate(config["members"]):
        member = read(folder / FOLDER / str(number), heads)
        if member.artifact.model != told["model"]:
            raise ValueError(f"member {number} is {member.artifact.model}, not {told['model']}")
        found.append(member)
    if not found:
        raise ValueError("no members")
    return found
