"""What a model of the laboratory learns from, is fitted on and is measured on stays apart."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from classifier import calibration, repeats, scores, soft_labels
from classifier.families.base import Budget
from classifier.heads import HEADS, width
from classifier.lab import cells, measures
from classifier.lab.cells import Cell, Texts
from classifier.lab.plan import wanted
from classifier.readers import Labelled
from stream.errors import UserError


def keys(part: Labelled) -> set[str]:
    return {repeats.key(text) for text in part.texts}


def test_no_held_out_text_is_learnt_and_no_test_text_is_fitted_on(
    small_data: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(small_data, data)
    comments = data / "goemotions"
    of_test = (comments / "test.tsv").read_text().splitlines()[:5]
    of_dev = (comments / "dev.tsv").read_text().splitlines()[:5]
    of_tweets = (data / "tweeteval/sentiment/test_text.txt").read_text().splitlines()[:5]
    again = [*of_test, *of_dev, *(f"{text.upper()}!\t0\tid" for text in of_tweets)]
    with (comments / "train.tsv").open("a") as train:
        train.writelines(f"{line}\n" for line in again)
    texts = cells.read(data, ("emotion",), "train", None)
    learnt = keys(texts.task.train["emotion"])
    assert len(learnt) > 300
    assert not learnt & keys(texts.test["emotion"])
    assert not learnt & keys(texts.task.dev["emotion"])
    assert not learnt & {repeats.key(text) for text in of_tweets}, "held out of another head"
    assert keys(texts.to_calibrate["emotion"]) == keys(texts.task.dev["emotion"])


def made(name: str, run: Path, texts: Texts, command: str = "test", **options: Any) -> Cell:
    cell = Cell(wanted(name, options), 1, run)
    cells.run(cell, texts, Budget(), command, quiet=True)
    return cell


def test_a_cell_is_of_its_texts_its_words_and_its_members_and_of_no_others(
    small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, run = tmp_path / "data", tmp_path / "run"
    shutil.copytree(small_data, data)
    texts = cells.read(data, ("polarity",), "train", None)
    lexicon, _ = made("lexicon", run, texts), made("tfidf", run, texts)
    both = made("ensemble", run, texts, members=["lexicon", "tfidf"])
    vectors = tmp_path / "glove.txt"
    vectors.write_text("bus 0.1 0.2\nhouse 0.3 0.4\n")
    small: dict[str, Any] = {"embedding": str(vectors), "units": 4, "epochs": 1}
    made("ann", run, texts, **small)

    vectors.write_text("bus 0.1 0.2\nhouse 0.3 0.5\n")
    with pytest.raises(UserError, match=r"another starts_from.embedding \(\w{8}, not \w{8}\)"):
        made("ann", run, texts, **small)

    result = lexicon.folder / "result.json"
    old = json.loads(result.read_text())
    before = {key: old.pop(key) for key in ("measures", "scores", "data")}
    result.write_text(json.dumps({**old, "scores": {}}))
    claim = json.loads((lexicon.folder / "cell.json").read_text())
    added = ("data", "vocabulary_sha256", "soft_sha256", "starts_from", "made_of")
    older = {key: value for key, value in claim.items() if key not in added}
    (lexicon.folder / "cell.json").write_text(json.dumps(older))
    with monkeypatch.context() as patch:
        patch.setattr("classifier.families.lexicon.fit", None)
        made("lexicon", run, texts)
    assert (lexicon.result() or {})["scores"] == before["scores"], "measured anew, not trained"
    assert json.loads((lexicon.folder / "cell.json").read_text()) == claim

    (lexicon.folder / "cell.json").write_text(json.dumps(older))
    train = data / "tweeteval/sentiment/train_text.txt"
    train.write_text(train.read_text().replace("bus", "train"))
    changed = cells.read(data, ("polarity",), "train", None)
    counts = "texts", "words"
    assert [changed.origin[key] for key in counts] == [texts.origin[key] for key in counts]
    with pytest.raises(UserError, match=r"another (vocabulary_sha256|data.tweeteval)"):
        made("lexicon", run, changed)
    with pytest.raises(
        UserError, match=r"another data.tweeteval/sentiment/train_text.txt \(\w{8},"
    ):
        made("lexicon", run, replace(changed, origin=texts.origin))

    shutil.rmtree(lexicon.folder)
    made("lexicon", run, texts, "made again")
    with pytest.raises(UserError, match=r"another made_of.lexicon \('lexicon-1@\w+', not"):
        cells.run(both, texts, Budget(), "test", quiet=True)


def test_other_soft_labels_of_the_same_texts_are_others(small_data: Path, tmp_path: Path) -> None:
    found = []
    for number in range(2):

        def said(part: Sequence[str], number: int = number) -> torch.Tensor:
            return torch.full((len(part), width(HEADS)), float(number))

        soft_labels.write(tmp_path / str(number), ["a bus", "a house"], said, "teacher")
        found.append(cells.read(small_data, ("polarity",), "train", tmp_path / str(number)).origin)
    assert found[0]["soft_labels"] == found[1]["soft_labels"]
    assert found[0]["soft_sha256"] != found[1]["soft_sha256"]


class Guess:
    """Knows nothing of any text."""

    def __init__(self, head: str) -> None:
        self.heads = (head,)

    def logits(self, texts: Sequence[str]) -> torch.Tensor:
        shape = len(texts), len(HEADS[self.heads[0]].labels)
        return torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)

    def parameters(self) -> int:
        return 0

    def save(self, folder: Path) -> dict[str, Any]:
        raise NotImplementedError(folder)


def labelled(head: str, texts: int) -> tuple[Labelled, torch.Tensor]:
    labels = len(HEADS[head].labels)
    part = Labelled(tuple(map(str, range(texts))), tuple((n % labels,) for n in range(texts)))
    return part, scores.one_hot(part.targets, labels)


def test_thresholds_do_not_flatter_the_dev_score_of_a_guess() -> None:
    head, model = "emotion", Guess("emotion")
    part, right = labelled(head, 3000)
    fitted = calibration.fit({head: model.logits(part.texts)}, {head: right})
    test, dev = (measures.measure(model, fitted, head, part, dev=dev) for dev in (False, True))
    assert dev["macro_f1"] < test["macro_f1"] - 0.002
    assert "macro_f1_interval" not in dev, "that would be of the flattered one"
    assert dev["micro_f1"] == test["micro_f1"]


def test_few_texts_are_crossed_with_one_threshold_for_all_labels_as_they_ship() -> None:
    _, right = labelled("topic", 285)
    assert measures.crossed(0.1 + 0.8 * right, right) == pytest.approx(1)
