import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from classifier import artifact
from classifier.artifact import ArtifactError, write_manifest
from classifier.predictor import Predictor


@pytest.fixture
def folder(small_run: Path, tmp_path: Path) -> Path:
    """A copy of a sound artifact, to be damaged."""
    copy = tmp_path / "model"
    shutil.copytree(small_run / "artifact", copy)
    return copy


def test_a_saved_artifact_loads_as_it_was(folder: Path, tmp_path: Path) -> None:
    first = artifact.load(folder)
    saved = artifact.save(tmp_path / "again", first)
    second = artifact.load(tmp_path / "again")
    assert second.model == saved.model == first.model
    assert second.vocabulary.entries == first.vocabulary.entries
    assert second.calibration == first.calibration
    assert all(torch.equal(tensor, second.tensors[name]) for name, tensor in first.tensors.items())


def test_the_same_parts_make_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    artifact.save(tmp_path / "again", artifact.load(folder))
    for path in sorted(folder.iterdir()):
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes(), path.name


def test_the_fingerprint_changes_with_any_file_that_decides(folder: Path) -> None:
    before = artifact.load(folder).fingerprint
    change_json(folder / "calibration.json", lambda c: c["polarity"].update(temperature=9.0))
    write_manifest(folder)
    assert artifact.load(folder).fingerprint != before


FILES = ["config.json", "labels.json", "vocabulary.txt", "model.safetensors", "calibration.json"]


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
@pytest.mark.case(36)
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    refused(folder, name, "expected a file, found No such file")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.case(36)
def test_a_truncated_file_is_named(folder: Path, name: str) -> None:
    (folder / name).write_bytes((folder / name).read_bytes()[:-1])
    refused(folder, name, r"expected \d+ bytes \(manifest.json\), found \d+")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.case(36)
def test_a_damaged_file_is_named(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    refused(folder, name, "expected SHA-256 [0-9a-f]{64} .*, found [0-9a-f]{64}")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere", "nowhere", "expected an artifact folder, found none")


def test_a_manifest_that_is_no_json_is_named(folder: Path) -> None:
    (folder / "manifest.json").write_text("{")
    refused(folder, "manifest.json", "expected JSON")


@pytest.mark.case(36)
def test_a_vocabulary_of_another_length_is_refused(folder: Path) -> None:
    lines = (folder / "vocabulary.txt").read_text().splitlines()
    new = next(f"{w} {w}" for w in lines[1:] if f"{w} {w}" not in lines)
    (folder / "vocabulary.txt").write_text("\n".join([*lines, new]) + "\n")
    write_manifest(folder)
    refused(folder, "vocabulary.txt", r"expected \d+ entries \(config.json\), found \d+")


def test_a_vocabulary_with_a_repeated_word_is_refused(folder: Path) -> None:
    lines = (folder / "vocabulary.txt").read_text().splitlines()
    (folder / "vocabulary.txt").write_text("\n".join([*lines[:-1], lines[1]]) + "\n")
    write_manifest(folder)
    refused(folder, "vocabulary.txt", "is repeated")


def test_labels_in_another_order_are_refused(folder: Path) -> None:
    def swap(labels: dict[str, Any]) -> None:
        labels["emotion"][:2] = labels["emotion"][1::-1]

    change_json(folder / "labels.json", swap)
    write_manifest(folder)
    refused(folder, "labels.json", "found amusement in place of admiration")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("embedding", lambda tensor: tensor[:-1]),
        ("embedding_scale", lambda tensor: tensor.float()),
        ("direct_weight", lambda tensor: tensor[:-1]),
        ("hidden_bias", lambda tensor: tensor * float("nan")),
    ],
)
def test_tensors_that_do_not_fit_are_refused(
    folder: Path, name: str, change: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors[name] = change(tensors[name])
    save_file(tensors, folder / "model.safetensors")
    write_manifest(folder)
    refused(folder, "model.safetensors", name)


def test_a_model_without_a_tensor_is_refused(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    del tensors["hidden_weight"]
    save_file(tensors, folder / "model.safetensors")
    write_manifest(folder)
    refused(folder, "model.safetensors", "a tensor hidden_weight, found none")


def test_a_file_that_is_no_safetensors_is_refused(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"\x80\x04 a pickle, say")
    write_manifest(folder)
    refused(folder, "model.safetensors", "expected safetensors")


def test_thresholds_of_other_labels_are_refused(folder: Path) -> None:
    change_json(folder / "calibration.json", lambda c: c["emotion"]["thresholds"].pop("joy"))
    write_manifest(folder)
    refused(folder, "calibration.json", "in their order")


def test_another_format_is_refused(folder: Path) -> None:
    change_json(folder / "config.json", lambda config: config.update(format=1))
    write_manifest(folder)
    refused(folder, "config.json", "expected format 2, found 1")


def test_a_damaged_report_is_refused_too(folder: Path) -> None:
    (folder / "metrics.json").write_text("{}")
    write_manifest(folder)
    (folder / "metrics.json").write_text("[]")
    refused(folder, "metrics.json", "SHA-256")


def change_json(path: Path, change: Callable[[Any], object]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def refused(folder: Path, name: str, complaint: str) -> None:
    """The artifact is refused by name, with what to do, by everything that loads it."""
    with pytest.raises(ArtifactError, match=complaint) as raised:
        Predictor.load(folder)
    assert f"{folder.parent if name == folder.name else folder}/{name}" in str(raised.value)
    assert "restore the folder" in str(raised.value)
    assert "\n" not in str(raised.value)
