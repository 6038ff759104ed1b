"""python -m classifier compare, fit, cascade and rates, as a researcher runs them."""

import csv
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from classifier import __main__ as commands
from classifier import artifact
from classifier.lab.cells import Cell
from classifier.lab.plan import RECIPES, Goal, Plan, changed, check, grid, recipe, wanted
from stream.errors import UserError
from stream.settings import load_settings

SMALL = ["--set", "ann.embedding=random", "--set", "ann.dim=8", "--set", "ann.units=8",
         "--set", "ann.epochs=3", "--set", "ann.rate=0.05", "--vocabulary", "train"]  # fmt: skip
COMPARE = ["compare", "--data", "polarity", "--models", "tfidf,ann,tfidf+ann", *SMALL]


def main(arguments: list[str]) -> int:
    """The exit code of a command."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["classifier", *arguments])
        return commands.main()


@pytest.fixture
def data(small_data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("EMOSTREAM_DATA_DIR", str(small_data))
    load_settings.cache_clear()
    yield small_data
    load_settings.cache_clear()


def test_one_command_makes_a_table_plots_and_a_page_and_a_second_one_nothing_anew(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    assert main([*COMPARE, "--run", str(run)]) == 0
    shown = capsys.readouterr().out
    assert "[3/3] tfidf+ann, seed 1: polarity macro recall dev" in shown
    assert "tfidf " in shown.split("polarity, test")[1]
    rows = list(csv.DictReader((run / "report/report.csv").open()))
    assert [(row["model"], row["seed"]) for row in rows][:2] == [("tfidf", "1"), ("ann", "1")]
    assert all(float(row["test_accuracy"]) > 0.7 for row in rows)
    assert all(float(row["texts_per_second"]) > 0 for row in rows)
    page = (run / "report/report.html").read_text()
    assert "http" not in page.replace("http-equiv", "")
    assert "default-src 'none'" in page
    assert "dev macro-F1 of heads with several labels is crossed" in page.replace("\n", " ")
    assert page.count("data:image/png;base64,") == 3
    assert (run / "report/report.md").read_text().count("| tfidf |") == 1

    def never(*_: object, **__: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr("classifier.families.ann.fit", never)
    assert main([*COMPARE, "--run", str(run)]) == 0
    assert capsys.readouterr().out.count("from before") == 3


def test_what_does_not_fit_into_the_time_is_named_and_made_the_next_time(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [*COMPARE, "--run", str(tmp_path)]
    assert main([*command, "--budget", "0.0001"]) == 1
    told = capsys.readouterr().err
    assert "not done  ann, seed 1:" in told
    assert "not done  tfidf+ann, seed 1: waits for" in told
    assert main(command) == 0
    with pytest.raises(UserError, match=r"another options.units \(8, not 9\)"):
        main([*command, "--set", "ann.units=9"])


def test_a_cascade_is_measured_as_a_curve_and_written_as_an_artifact(
    data: Path, made: dict[str, Cell], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quick, slow = made["lexicon"].artifact, made["ann"].artifact
    models = ["--quick", str(quick), "--slow", str(slow), "--data", "emotion,polarity"]
    assert main(["cascade", *models, "--share", "0.25", "--run", str(tmp_path)]) == 0
    points = json.loads((tmp_path / "cascade.json").read_text())
    assert [points[0]["share"], points[-1]["share"]] == [0.0, 1.0]
    (chosen,) = [each for each in points if "chosen" in each]
    assert chosen["share"] == 0.25
    assert [each for each in points if "test_macro_f1" in each] == [chosen], "test is asked once"
    alone = made["ann"].result() or {}
    wanted = alone["scores"]["emotion"]["dev"]["macro_f1"]
    assert points[-1]["dev_macro_f1"] == pytest.approx(wanted, abs=0.02)
    assert (tmp_path / "cascade.png").stat().st_size > 1000
    shown = capsys.readouterr().out
    assert "| 100% | " in shown
    assert f"chosen, 25%: test macro F1 {chosen['test_macro_f1']:.4f}" in shown
    assert artifact.load(tmp_path / "artifact").name == "cascade-lexicon-1-ann-1"


def test_the_range_test_names_a_rate(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rates", "--model", "ann", "--data", "polarity", "--steps", "40", *SMALL,
                 "--run", str(tmp_path)]) == 0  # fmt: skip
    assert "the loss falls fastest at" in capsys.readouterr().out
    assert (tmp_path / "rates.png").exists()
    with pytest.raises(UserError, match="tfidf does not learn in steps"):
        main(["rates", "--model", "tfidf", "--data", "polarity", "--vocabulary", "train"])


def test_fit_makes_a_model_that_serves(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [
        "fit",
        "--model",
        "ann",
        "--data",
        "emotion,polarity",
        *SMALL,
        "--run",
        str(tmp_path),
    ]
    assert main(command) == 0
    place = tmp_path / "ann/1/artifact"
    assert f"serves with: EMOSTREAM_MODEL={place}" in capsys.readouterr().out


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_a_committed_recipe_is_a_plan_that_can_be_followed(path: Path) -> None:
    plan = check(recipe(path.stem))
    names = [model.name for model in plan.models]
    for goal in plan.goals:
        assert goal.model in names
    for place, model in enumerate(plan.models):
        assert set(model.others()) <= set(names[:place])


def test_a_grid_varies_one_option_at_a_time_or_all(tmp_path: Path) -> None:
    path = tmp_path / "grid.toml"
    path.write_text(
        'model = "lstm"\n[base]\nunits = 8\n[grid]\ndepth = [1, 2]\nrate = [0.1, 0.2]\n'
    )
    models = grid(str(path))
    assert [model.name for model in models] == [
        "lstm depth=1", "lstm depth=2", "lstm rate=0.1", "lstm rate=0.2"
    ]  # fmt: skip
    assert all(model.options["units"] == 8 for model in models)
    path.write_text('model = "lstm"\n[grid]\nembedding = ["random", "vectors/glove.txt"]\n')
    named = check(Plan(("emotion",), grid(str(path)))).models
    assert [model.name for model in named] == [
        "lstm embedding=random", "lstm embedding=vectors-glove.txt"
    ]  # fmt: skip
    assert named[1].options["embedding"] == "vectors/glove.txt"
    path.write_text('every = true\nmodel = "lstm"\n[grid]\ndepth = [1, 2]\nrate = [0.1, 0.2]\n')
    assert [model.name for model in grid(str(path))][-1] == "lstm depth=2 rate=0.2"


def test_what_is_asked_wrongly_is_answered_with_what_there_is(tmp_path: Path) -> None:
    plan = Plan(("emotion",), (wanted("lstm", {}),))
    for settings, message in (
        (["lstm.units"], "--set takes MODEL.OPTION=VALUE"),
        (["ann.units=3"], "no model 'ann'; there are lstm"),
        (["lstm.unit=3"], "lstm has no option 'unit'"),
    ):
        with pytest.raises(UserError, match=message):
            changed(plan, settings)
    path = tmp_path / "odd.toml"
    for content, message in (
        ("data = [", "is no TOML"),
        ('data = ["emotion"]\nodd = 1\n[models.lstm]\n', "'odd' means nothing here"),
        ('data = ["emotion"]\n', r"\[models.NAME\] is missing"),
        ('data = ["moods"]\n[models.lstm]\n', "no data set 'moods'"),
        ('data = ["emotion"]\n[models.lsmt]\n', "no family 'lsmt'"),
        ('data = ["emotion"]\n[models.lstm]\n[[goals]]\nmodle = "x"\n', "goals: "),
        ('data = ["emotion"]\nseeds = "abc"\n[models.lstm]\n', "seeds must be a list of numbers"),
        ('data = ["emotion"]\nseeds = 1\n[models.lstm]\n', "seeds must be a list of numbers"),
        ("data = 3\n[models.lstm]\n", "data must be a list of data sets"),
        ('data = "emotion"\n[models.lstm]\n', "data must be a list of data sets, like"),
        ('data = ["emotion"]\n[models]\nlexicon = 3\n', "models.lexicon must be a table"),
        ('data = ["emotion"]\nmodels = 3\n', "models must be tables"),
        ('data = ["emotion"]\ngoals = 3\n[models.lstm]\n', "goals must be tables"),
    ):
        path.write_text(content)
        with pytest.raises(UserError, match=message):
            recipe(str(path))
    path.write_text('model = "lstm"\nbase = 3\n[grid]\nunits = [1]\n')
    with pytest.raises(UserError, match="base must be a table of options, not 3"):
        grid(str(path))
    for goal, message in (
        (Goal("bert", "accuracy", 0.9), "a goal's model is 'bert': there are lstm"),
        (
            Goal("lstm", "macro_f1", 0.9, head="topic"),
            "a goal's head is 'topic': there are emotion",
        ),
        (Goal("lstm", "accuracy", 0.9), "a goal's measure is 'accuracy': there are macro_f1"),
        (Goal("lstm", "macro_f1", 0.9, "train"), "a goal's split is 'train': there are dev, test"),
        (Goal("lstm", "macro_f1", 90), "a goal's least must be a number from 0 to 1, not 90"),
    ):
        with pytest.raises(UserError, match=message):
            check(replace(plan, goals=(goal,)))
    ring = (wanted("a", {"family": "ensemble", "members": ["b"]}),
            wanted("b", {"family": "ensemble", "members": ["a"]}))  # fmt: skip
    with pytest.raises(UserError, match="made of itself"):
        check(Plan(("emotion",), ring))
