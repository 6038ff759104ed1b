from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from classifier import soft_labels
from classifier.repeats import key
from stream.errors import UserError


def lengths(texts: Sequence[str]) -> Tensor:
    return torch.tensor([[float(len(text)), 1.0] for text in texts])


def test_labelled_texts_come_first_each_once_and_held_out_ones_never() -> None:
    texts = soft_labels.texts_to_label(
        ["One", "two"],
        ["one!", "too long " * 50, "three", "😂", "four", "Held out"],
        frozenset({key("held OUT")}),
        10,
    )
    assert list(texts) == ["One", "two", "three", "four"]
    assert list(soft_labels.texts_to_label(["a", "b"], ["c"], frozenset(), 2)) == ["a", "b"]


def test_labels_come_back_with_their_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soft_labels, "PART", 2)
    texts = ["a", "line\nbreak", "ünï"]
    assert soft_labels.write(tmp_path, texts, lengths, "t") == 3
    read, logits = soft_labels.read(tmp_path)
    assert read == texts
    assert torch.equal(logits.float(), lengths(texts))


def test_an_interrupted_run_does_not_ask_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soft_labels, "PART", 2)
    asked: list[str] = []

    def once(texts: Sequence[str]) -> Tensor:
        if "c" in texts and not asked.count("c"):
            asked.append("c")
            raise KeyboardInterrupt
        asked.extend(texts)
        return lengths(texts)

    with pytest.raises(KeyboardInterrupt):
        soft_labels.write(tmp_path, ["a", "b", "c"], once, "t")
    soft_labels.write(tmp_path, ["a", "b", "c"], once, "t")
    assert asked == ["a", "b", "c", "c"]
    assert soft_labels.read(tmp_path)[0] == ["a", "b", "c"]


def test_a_folder_of_other_texts_is_refused(tmp_path: Path) -> None:
    soft_labels.write(tmp_path, ["a"], lengths, "t")
    with pytest.raises(UserError, match="holds other texts"):
        soft_labels.write(tmp_path, ["b"], lengths, "t")


def test_an_empty_folder_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="python -m classifier label"):
        soft_labels.read(tmp_path)


def test_a_folder_of_another_teacher_is_refused(tmp_path: Path) -> None:
    soft_labels.write(tmp_path, ["a"], lengths, "one")
    with pytest.raises(UserError, match="labels of another teacher"):
        soft_labels.write(tmp_path, ["a"], lengths, "other")
