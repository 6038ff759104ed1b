"""The artifact: a folder that is all a classifier needs, and is refused if anything is amiss.

config.json        name, shape, and how it was made
labels.json        head to labels, in the order of the outputs
vocabulary.txt     one word or phrase a line; the line number is the id
model.safetensors  the tensors of `classifier.network`, or of the family that config.json names
calibration.json   temperature, biases, thresholds
metrics.json       what `evaluate` measured
MODEL_CARD.md      the same for people
plots/             and drawn
manifest.json      size and SHA-256 of each of the others

A model of another family (`classifier.families`) may have files of its own, which config.json
lists, and members, each an artifact in a folder of its own.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import safetensors
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from classifier.calibration import Calibration
from classifier.heads import HEADS, REQUIRED
from classifier.model import ModelConfig
from classifier.network import Network, shapes, unpack_tensors
from classifier.vocabulary import Vocabulary
from stream.errors import UserError

if TYPE_CHECKING:
    from classifier.families.base import Model

FORMAT = 2
CBOW = "cbow"
"""The family of an artifact that names none."""

SHIPPED = Path(__file__).parent / "artifacts" / "emotion-cbow-3"
MEND = (
    "restore the folder (git checkout classifier/artifacts, or python -m classifier promote RUN),"
    " or name another in EMOSTREAM_MODEL"
)


class ArtifactError(UserError):
    """An artifact that must not be used; says which file, what was expected and what was found."""

    def __init__(self, path: Path, expected: str, found: str) -> None:
        super().__init__(f"{path}: expected {expected}, found {found}; {MEND}")
        self.path = path


@dataclass(frozen=True)
class Layout:
    """Where each file of an artifact is."""

    folder: Path

    WEIGHTY = ("config.json", "labels.json", "vocabulary.txt", "model.safetensors",
               "calibration.json")  # fmt: skip
    REPORTS = ("metrics.json", "robustness.json", "profile.json", "MODEL_CARD.md")

    def __getitem__(self, name: str) -> Path:
        return self.folder / name

    @property
    def manifest(self) -> Path:
        """The list of the other files."""
        return self.folder / "manifest.json"


@dataclass(frozen=True)
class Artifact:
    """A loaded artifact."""

    name: str
    config: dict[str, Any]
    vocabulary: Vocabulary
    tensors: dict[str, Tensor]
    calibration: Calibration
    fingerprint: str = ""
    other: "Model | None" = None  # of another family than the bag of embeddings

    @property
    def model(self) -> str:
        """Names the model in every prediction: name and fingerprint."""
        return f"{self.name}@{self.fingerprint}"

    def network(self) -> Network:
        """The network its tensors make, with every head."""
        return unpack_tensors(self.tensors)

    def heads(self) -> tuple[str, ...]:
        """What it can be asked, in declared order."""
        there = self.calibration.heads
        return tuple(name for name in HEADS if name in there)

    def answering(self) -> "Model":
        """What gives logits of all its heads, whatever its family."""
        if self.other is not None:
            return self.other
        from classifier.families.cbow import CbowModel

        return CbowModel.of(self, self.heads())


def save(folder: Path, artifact: Artifact) -> Artifact:
    """Writes the files that decide, then the manifest; gives the artifact with its fingerprint."""
    folder.mkdir(parents=True, exist_ok=True)
    layout = Layout(folder)
    config = {"format": FORMAT, "name": artifact.name, **artifact.config}
    if artifact.other is not None:
        config |= {"heads": list(artifact.other.heads), **artifact.other.save(folder)}
    _write_json(layout["config.json"], config)
    _write_json(layout["labels.json"], {name: list(h.labels) for name, h in HEADS.items()})
    artifact.vocabulary.save(layout["vocabulary.txt"])
    if artifact.other is None:
        tensors = {name: tensor.contiguous() for name, tensor in artifact.tensors.items()}
        layout["model.safetensors"].write_bytes(save_tensors(tensors))
    _write_json(layout["calibration.json"], artifact.calibration.to_json())
    files = write_manifest(folder)
    return replace(artifact, config=config, fingerprint=_fingerprint(files, layout, config))


def write_manifest(folder: Path) -> dict[str, Any]:
    """Writes size and SHA-256 of the files that are there."""
    layout = Layout(folder)
    files = {}
    plots = sorted(f"plots/{path.name}" for path in folder.glob("plots/*.png"))
    own = own_files(layout, _read_json(layout["config.json"]))
    for name in (*Layout.WEIGHTY, *own, *Layout.REPORTS, *plots):
        if layout[name].exists():
            content = layout[name].read_bytes()
            files[name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    _write_json(layout.manifest, {"files": files})
    return files


def load(folder: Path, *, serving: bool = True) -> Artifact:
    """Reads an artifact and checks that its files are whole and agree.

    Args:
        folder: of the artifact.
        serving: whether it must have the heads that a station answers with.

    Raises:
        ArtifactError: a file is missing, damaged, or does not fit the others.
    """
    layout = Layout(folder)
    files = _checked_files(layout)
    labels = _read_json(layout["labels.json"])
    declared = {name: list(head.labels) for name, head in HEADS.items()}
    if labels != declared:
        raise ArtifactError(
            layout["labels.json"],
            "the declared labels in their order (classifier/labels.py)",
            _difference(labels, declared),
        )
    config = _read_json(layout["config.json"])
    calibration = _calibration(layout["calibration.json"], REQUIRED if serving else ())
    if config.get("family", CBOW) != CBOW:
        from classifier.families.stored import read

        vocabulary = _vocabulary(layout["vocabulary.txt"], None)
        named, model = read(layout, config, calibration, vocabulary)
        fingerprint = _fingerprint(files, layout, config)
        return Artifact(named, config, vocabulary, {}, calibration, fingerprint, model)
    shape = _model_config(layout["config.json"], config)
    vocabulary = _vocabulary(layout["vocabulary.txt"], shape.vocabulary)
    tensors = _tensors(layout["model.safetensors"], shape)
    name = str(config["name"])
    fingerprint = _fingerprint(files, layout, config)
    return Artifact(name, config, vocabulary, tensors, calibration, fingerprint)


def _checked_files(layout: Layout) -> dict[str, Any]:
    if not layout.folder.is_dir():
        raise ArtifactError(layout.folder, "an artifact folder", "none")
    files = _read_json(layout.manifest).get("files")
    if not isinstance(files, dict):
        raise ArtifactError(layout.manifest, "a list of files", "none")
    for name in (*Layout.WEIGHTY, *own_files(layout, _read_json(layout["config.json"]))):
        if name not in files:
            raise ArtifactError(layout.manifest, f"an entry for {name}", "none")
    for name, promised in files.items():
        place = Path(name)
        path = layout[f"plots/{place.name}" if place.parent.name == "plots" else place.name]
        content = _bytes(path)
        try:
            size, sha256 = promised["bytes"], str(promised["sha256"])
        except (KeyError, TypeError):
            raise ArtifactError(layout.manifest, f"size and SHA-256 of {name}", "none") from None
        if len(content) != size:
            raise ArtifactError(path, f"{size} bytes (manifest.json)", f"{len(content)}")
        found = hashlib.sha256(content).hexdigest()
        if found != sha256:
            raise ArtifactError(path, f"SHA-256 {sha256} (manifest.json)", found)
    return files


def _model_config(path: Path, config: dict[str, Any]) -> ModelConfig:
    if config.get("format") != FORMAT:
        raise ArtifactError(path, f"format {FORMAT}", f"{config.get('format')}")
    numbers = [config.get(key) for key in ("vocabulary", "dim", "hidden")]
    if not all(type(number) is int and number > 0 for number in numbers) or not isinstance(
        config.get("name"), str
    ):
        raise ArtifactError(path, "name, vocabulary, dim and hidden", "other content")
    labels = sum(len(head.labels) for head in HEADS.values())
    return ModelConfig(config["vocabulary"], config["dim"], config["hidden"], labels)


def own_files(layout: Layout, config: Mapping[str, Any]) -> tuple[str, ...]:
    """The files beside the usual ones that config.json lists; each is in the folder itself.

    Raises:
        ArtifactError: one of them has no plain name.
    """
    names = config.get("files", ())
    if not isinstance(names, list | tuple) or not all(plain_name(name) for name in names):
        raise ArtifactError(layout["config.json"], "names of files, without folders", f"{names}")
    return tuple(names)


def plain_name(name: object) -> bool:
    """Whether a name leads to a file or folder of its own, in the folder it is joined to."""
    return (
        isinstance(name, str)
        and bool(name.strip("."))
        and name.isprintable()
        and not {"/", "\\"} & set(name)
    )


def _vocabulary(path: Path, length: int | None) -> Vocabulary:
    try:
        vocabulary = Vocabulary.load(path)
    except ValueError as error:
        raise ArtifactError(path, "a vocabulary", str(error)) from None
    if length is not None and len(vocabulary) != length:
        raise ArtifactError(path, f"{length} entries (config.json)", f"{len(vocabulary)}")
    return vocabulary


def _tensors(path: Path, shape: ModelConfig) -> dict[str, Tensor]:
    try:
        tensors = load_tensors(_bytes(path))
    except safetensors.SafetensorError as error:
        raise ArtifactError(path, "safetensors", str(error)) from None
    for name, (kind, size) in shapes(shape).items():
        tensor = tensors.get(name)
        if tensor is None:
            raise ArtifactError(path, f"a tensor {name}", "none")
        if tensor.dtype != kind or tuple(tensor.shape) != size:
            expected = f"{name} as {kind} {size} (config.json, labels.json, vocabulary.txt)"
            raise ArtifactError(path, expected, f"{tensor.dtype} {tuple(tensor.shape)}")
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise ArtifactError(path, f"finite numbers in {name}", "others")
    return dict(tensors)


def _calibration(path: Path, required: tuple[str, ...] = REQUIRED) -> Calibration:
    try:
        calibration = Calibration.from_json(_read_json(path))
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise ArtifactError(path, "a scale and thresholds of each head", str(error)) from None
    for name in required:
        if name not in calibration.heads:
            raise ArtifactError(path, f"a scale and thresholds of {name}", "none")
    return calibration


def _difference(found: dict[str, Any], declared: dict[str, list[str]]) -> str:
    for name, label_set in declared.items():
        other = found.get(name)
        if not isinstance(other, list):
            return f"no {name}"
        for number, label in enumerate(label_set):
            if number >= len(other) or other[number] != label:
                there = other[number] if number < len(other) else "nothing"
                return f"{there} in place of {label} ({name} {number})"
    return "more labels"


def _fingerprint(files: dict[str, Any], layout: Layout, config: dict[str, Any]) -> str:
    """Eight hex digits that change when any file that decides an answer changes."""
    names = (*Layout.WEIGHTY, *own_files(layout, config))
    joined = "".join(files[name]["sha256"] for name in names)
    return hashlib.sha256(joined.encode()).hexdigest()[:8]


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ArtifactError(path, "a file", error.strerror or "none") from None
    except ValueError:  # its name has a NUL or half a surrogate pair
        raise ArtifactError(path.parent, "names of files in manifest.json", "another") from None


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(_bytes(path))
    except (ValueError, RecursionError) as error:
        raise ArtifactError(path, "JSON", str(error)) from None
    if not isinstance(content, dict):
        raise ArtifactError(path, "a JSON object", type(content).__name__)
    return content


def _write_json(path: Path, content: dict[str, Any]) -> None:
    text = json.dumps(content, indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")
