"""Every family: what it learns, and that its artifact says what it said."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from classifier import artifact, families
from classifier.artifact import ArtifactError
from classifier.families import members
from classifier.families.base import Budget
from classifier.families.base import made as options_of
from classifier.families.cascade import CascadeModel, sureness
from classifier.lab import cells, measures
from classifier.lab.cells import Cell, Texts
from classifier.lab.plan import Wanted
from stream.errors import UserError
from tests.classifier.families.conftest import SMALL

LEAST = {"sentences": 0.4, "transformer": 0.7}
"""Share of polarities that is right; of the other families nearly all are."""


@pytest.mark.parametrize("name", SMALL)
def test_it_learns_both_heads_and_its_artifact_says_what_was_measured(
    made: dict[str, Cell], texts: Texts, name: str
) -> None:
    result = made[name].result()
    assert result is not None
    assert result["scores"]["polarity"]["test"]["accuracy"] > LEAST.get(name, 0.9)
    assert set(result["scores"]["emotion"]) == {"dev", "test"}
    assert result["parameters"] > 0
    assert result["bytes"] == cells.size(made[name].artifact)
    loaded = artifact.load(made[name].artifact)
    again = measures.measure(
        loaded.answering(), loaded.calibration, "polarity", texts.test["polarity"]
    )
    assert again == result["scores"]["polarity"]["test"]


@pytest.mark.parametrize("name", SMALL)
def test_a_text_alone_gets_what_it_gets_in_company(made: dict[str, Cell], name: str) -> None:
    model = artifact.load(made[name].artifact).answering()
    some = ["we saw the happy bus", "", "mad " * 300, "furious", "nothing ünknown 😀 here"]
    together = model.logits(some)
    assert together.dtype == torch.float64
    for number, text in enumerate(some):
        assert torch.allclose(together[number], model.logits([text])[0], atol=1e-4), text


@pytest.mark.parametrize("name", SMALL)
def test_a_changed_weight_or_a_missing_file_is_refused(
    made: dict[str, Cell], tmp_path: Path, name: str
) -> None:
    folder = made[name].artifact
    config = json.loads((folder / "config.json").read_text())
    for own in ("model.safetensors", *config.get("files", ())):
        content = (folder / own).read_bytes()
        try:
            (folder / own).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
            with pytest.raises(ArtifactError, match=own):
                artifact.load(folder)
            (folder / own).unlink()
            with pytest.raises(ArtifactError, match=own):
                artifact.load(folder)
        finally:
            (folder / own).write_bytes(content)
    assert artifact.load(folder)


def test_weights_of_another_shape_are_refused_by_name(made: dict[str, Cell]) -> None:
    folder = made["lstm"].artifact
    content = (folder / "config.json").read_text()
    try:
        (folder / "config.json").write_text(content.replace('"units": 16', '"units": 17'))
        artifact.write_manifest(folder)
        with pytest.raises(ArtifactError, match=r"a model of the family lstm.*size mismatch"):
            artifact.load(folder)
    finally:
        (folder / "config.json").write_text(content)
        artifact.write_manifest(folder)


def changed(folder: Path, to: Path, **change: object) -> Path:
    """A copy of an artifact with another config.json, and a manifest that agrees."""
    shutil.copytree(folder, to)
    config = json.loads((to / "config.json").read_text()) | change
    (to / "config.json").write_text(json.dumps(config))
    try:
        artifact.write_manifest(to)
    except ArtifactError:  # of names of files
        assert "files" in change
    return to


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"family": ["x"]}, r"expected a family .*\['x'\]"),
        ({"heads": [{}]}, "the heads of calibration.json"),
        ({"heads": ["emotion", "emotion", "polarity"]}, "the heads of calibration.json"),
        ({"options": {"units": 10**6}}, "size mismatch"),
        ({"options": {"units": 10**9}}, "Storage size calculation overflowed"),
        ({"options": {"units": 10**30}}, "units must be 1 or more"),
        ({"options": {"dim": 10**9}}, "size mismatch"),
        ({"options": {"depth": 10**9}}, "depth must be from 1 to 100"),
        ({"options": {"longest": "x"}}, "longest must be of type int, not 'x'"),
        ({"options": {"dropout": float("nan")}}, "dropout must be from 0 to below 1, not nan"),
        ({"options": 3}, "a model of the family lstm"),
        ({"files": ["../../x"]}, "names of files, without folders"),
        ({"files": [".."]}, "names of files, without folders"),
        ({"files": {"x": 1}}, "names of files, without folders"),
    ],
)
def test_a_config_that_makes_things_up_is_refused_in_one_line(
    made: dict[str, Cell], tmp_path: Path, change: dict[str, object], fault: str
) -> None:
    whole = json.loads((made["lstm"].artifact / "config.json").read_text())
    if isinstance(own := change.get("options"), dict):
        change = {"options": whole["options"] | own}
    folder = changed(made["lstm"].artifact, tmp_path / "model", **change)
    with pytest.raises(ArtifactError, match=fault) as refused:
        artifact.load(folder)
    assert str(folder) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_member_brings_no_file_from_elsewhere(made: dict[str, Cell], tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("another's")
    member = members.read(made["ann"].artifact, ["polarity"])
    member.artifact.config["files"] = ["../secret"]
    outer = tmp_path / "model"
    outer.mkdir()
    with pytest.raises(ArtifactError, match="names of files, without folders"):
        members.save(outer, [member])
    assert not list(outer.rglob("secret"))


def test_a_member_that_was_exchanged_is_refused(made: dict[str, Cell]) -> None:
    folder = made["ensemble"].artifact / "members/0"
    content = (folder / "calibration.json").read_text()
    try:
        changed = json.loads(content)
        changed["polarity"]["temperature"] = 9.0
        (folder / "calibration.json").write_text(json.dumps(changed))
        artifact.write_manifest(folder)
        with pytest.raises(ArtifactError, match="member 0 is ann-1@"):
            artifact.load(made["ensemble"].artifact)
    finally:
        (folder / "calibration.json").write_text(content)
        artifact.write_manifest(folder)


def test_an_ensemble_is_as_sure_as_its_members_are_on_average(made: dict[str, Cell]) -> None:
    some = ["we saw the happy bus", "mad again"]
    said = {}
    for name in ("ensemble", "ann", "tfidf"):
        loaded = artifact.load(made[name].artifact)
        logits = loaded.answering().logits(some)[:, -3:]
        if name != "ensemble":
            logits = loaded.calibration.heads["polarity"].scale.apply(logits)
        said[name] = logits.softmax(1)
    assert torch.allclose(said["ensemble"], (said["ann"] + said["tfidf"]) / 2, atol=1e-5)


def test_a_cascade_asks_the_slow_model_about_the_share_it_was_told(
    made: dict[str, Cell], texts: Texts, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = artifact.load(made["cascade"].artifact).answering()
    assert isinstance(model, CascadeModel)
    asked: list[str] = []
    slow = model.slow.model.logits

    def told(some: Sequence[str]) -> torch.Tensor:
        asked.extend(some)
        return slow(some)

    monkeypatch.setattr(model.slow.model, "logits", told)
    every = [text for part in texts.task.dev.values() for text in part.texts]
    model.logits(every)
    assert 0.4 < len(asked) / len(every) < 0.6
    sure = sureness(model.quick.corrected(every, model.heads), model.heads)
    rest = torch.tensor([text not in set(asked) for text in every])
    assert sure[~rest].max() < sure[rest].min(), "the quick one is surer of what it answers"


def test_what_a_family_lacks_is_said_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    modules = __import__("sys").modules
    monkeypatch.delitem(modules, "classifier.families.lexicon", raising=False)
    monkeypatch.setitem(modules, "vaderSentiment.vaderSentiment", None)
    with pytest.raises(UserError, match=r"the family lexicon needs it: pip install -e '\.\[lab\]'"):
        families.family("lexicon")


def test_an_option_that_is_not_there_or_of_another_kind_is_named() -> None:
    options = families.family("lstm").Options
    for given, message in (
        ({"unit": 3}, "lstm has no option 'unit': it has .*units"),
        ({"units": "big"}, "lstm.units must be of type int"),
        ({"cell": "lsmt"}, "lstm.cell must be lstm or gru or rnn, not 'lsmt'"),
        ({"rate": 0}, "lstm: rate must be above 0"),
    ):
        with pytest.raises(UserError, match=message):
            options_of(options, given, "lstm")


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("lstm", {"dropout": 2}, "lstm: dropout must be from 0 to below 1, not 2"),
        ("lstm", {"word_dropout": 1}, "word_dropout must be from 0 to below 1, not 1"),
        ("ann", {"units": 0}, "ann: units must be 1 or more, not 0"),
        ("bilstm", {"depth": 0}, "depth must be from 1 to 100, not 0"),
        ("lstm", {"longest": 0}, "longest must be 1 or more"),
        ("lstm", {"dim": -1}, "dim must be 1 or more"),
        ("rnn", {"floor": 1.5}, "floor must be from 0 to 1"),
        ("lstm", {"warm_up": float("nan")}, "warm_up must be from 0 to below 1, not nan"),
        ("tfidf", {"characters": 2}, "tfidf: characters must be 0 or from 3, not 2"),
        ("tfidf", {"words": 0}, "words must be 1 or more"),
        ("tfidf", {"least": 0}, "least must be 1 or more"),
        ("cbow", {"token_dropout": 1}, "token_dropout must be from 0 to below 1"),
        ("cbow", {"dim": 0}, "dim must be 1 or more"),
        ("transformer", {"length": 2}, "length must be 3 or more"),
        ("transformer", {"dropout": 1}, "dropout must be from 0 to below 1"),
        ("sentences", {"length": 0}, "length must be 3 or more"),
    ],
)
def test_an_option_that_cannot_work_is_named_with_what_can(
    name: str, given: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        options_of(families.family(name).Options, given, name)


def test_what_only_the_texts_or_the_transformer_rule_out_is_said_too(
    texts: Texts, encoder: Path, tmp_path: Path
) -> None:
    for name, given, message in (
        ("tfidf", {"least": 10**6}, "no term stands in 1000000 texts"),
        ("transformer", {"encoder": str(encoder), "length": 65}, "reads 64 tokens at most"),
        ("sentences", {"encoder": str(encoder), "length": 65}, "reads 64 tokens at most"),
    ):
        module = families.family(name)
        options = options_of(module.Options, given, name)
        with pytest.raises(UserError, match=message):
            module.fit(texts.task, options, 1, tmp_path, Budget(), quiet=True)


def test_a_cell_with_other_options_is_not_taken_over(made: dict[str, Cell], texts: Texts) -> None:
    cell = made["lstm"]
    other = Cell(Wanted("lstm", "lstm", {**cell.model.options, "units": 9}), 1, cell.run)
    with pytest.raises(UserError, match=r"another options.units \(16, not 9\); take the same"):
        cells.run(other, texts, Budget(), "test", quiet=True)
