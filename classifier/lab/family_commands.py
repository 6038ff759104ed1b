"""The laboratory's commands on families of models: compare, fit, cascade, rates."""

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from classifier.arguments import prepare_torch
from classifier.lab import options
from stream.errors import UserError
from stream.settings import load_settings

if TYPE_CHECKING:
    from classifier.lab.plan import Plan

RUNS = Path("runs")
MODELS = "lexicon,tfidf,sentences,ann,cbow,shipped,lstm,bilstm-attention,transformer"


def add(commands: Any) -> None:
    """Adds every command to the subparsers of `python -m classifier`."""
    _add_compare(commands)
    _add_fit(commands)
    _add_cascade(commands)
    _add_rates(commands)


def _add_compare(commands: Any) -> None:
    one = commands.add_parser(
        "compare",
        help="train and measure families of models on the same texts, side by side",
        description="Trains each model with each seed on the same splits, calibrates it on dev,"
        " measures it once on test, and writes a table, plots and one HTML page. What is done is"
        " kept: the same command goes on where it was stopped (docs/laboratory.md). Families: "
        + _families(),
    )
    what = one.add_mutually_exclusive_group()
    what.add_argument("--recipe", metavar="NAME", help="a committed plan, or a TOML file of one")
    what.add_argument("--search", metavar="GRID", help="one model, its options varied: a"
                      " committed grid, or a TOML file of one")  # fmt: skip
    what.add_argument("--models", metavar="A,B,C", help=f"families; a+b is the ensemble of a and"
                      f" b (default: {MODELS})")  # fmt: skip
    _add_common(one)
    one.add_argument("--seeds", metavar="1,2", help="one cell for each (default: 1)")
    one.add_argument("--report", metavar="FOLDER", type=Path, help="default: RUN/report")
    one.add_argument("--ship", metavar="MODEL", help="say how a station takes this one, if it can")
    one.set_defaults(call=_compare)


def _add_fit(commands: Any) -> None:
    one = commands.add_parser(
        "fit",
        help="train one model of any family, to ship",
        description="Trains one model on several heads at once and writes an artifact that the"
        " station, the API and the page take with EMOSTREAM_MODEL. It must have emotion and"
        " polarity.",
    )
    one.add_argument("--model", metavar="FAMILY", required=True, help="docs/laboratory.md")
    _add_common(one)
    one.add_argument("--seed", type=int, default=1, help="start of every random number")
    one.set_defaults(call=_fit, data="emotion,polarity,suggestion,topic")


def _add_common(one: argparse.ArgumentParser) -> None:
    one.add_argument("--data", metavar="SET", help="data sets: the names of heads, like emotion6"
                     " or emotion,polarity")  # fmt: skip
    one.add_argument("--run", metavar="RUN", type=Path, help="the folder to write to, and to go on"
                     " in (default: runs/lab-DATA)")  # fmt: skip
    one.add_argument("--budget", metavar="MINUTES", type=float, help="for training; what does not"
                     " fit is named")  # fmt: skip
    one.add_argument("--set", metavar="MODEL.OPTION=VALUE", action="append", default=[],
                     help="may be repeated; like lstm.units=256")  # fmt: skip
    one.add_argument("--soft", metavar="FOLDER", type=Path, help="a teacher's soft labels, which"
                     " join the texts to learn from")  # fmt: skip
    one.add_argument("--vocabulary", metavar="SOURCE", help="the known words: shipped (default),"
                     " train (those of the train split), or a run of pretrain")  # fmt: skip


def _add_cascade(commands: Any) -> None:
    one = commands.add_parser(
        "cascade",
        help="let a quick model answer what it is sure of, a slow one the rest",
        description="Measures quality against texts a second as the slow model answers more and"
        " more, writes table and plot, and an artifact with the share that is asked for.",
    )
    one.add_argument("--quick", metavar="RUN", type=Path, required=True, help="an artifact folder")
    one.add_argument("--slow", metavar="RUN", type=Path, required=True, help="another")
    one.add_argument("--data", metavar="SET", default="emotion", help="default: emotion")
    one.add_argument("--share", type=float, default=0.3, help="of texts that the slow one answers,"
                     " in the artifact (default: 0.3)")  # fmt: skip
    one.add_argument("--run", metavar="RUN", type=Path, default=RUNS / "cascade",
                     help="the folder to write to")  # fmt: skip
    one.set_defaults(call=_cascade)


def _add_rates(commands: Any) -> None:
    one = commands.add_parser(
        "rates",
        help="find a rate of learning by the range test",
        description="Trains a neural family for some steps at rates that rise, draws the loss by"
        " rate and names the rate at which it falls fastest.",
    )
    one.add_argument("--model", metavar="FAMILY", required=True)
    one.add_argument("--steps", type=int, default=100)
    _add_common(one)
    one.set_defaults(call=_rates)


def _families() -> str:
    from classifier.families import FAMILIES

    return "; ".join(f"{name}: {one.about}" for name, one in FAMILIES.items()) + "."


def _compare(arguments: argparse.Namespace) -> int:
    from classifier.lab import plan as plans

    if arguments.recipe:
        plan = plans.recipe(arguments.recipe)
        if arguments.models or arguments.data:
            raise UserError("a recipe says what data and models it compares: leave --data out")
    else:
        heads = plans.heads_of((arguments.data or "").split(",") if arguments.data else ())
        if arguments.search:
            models = plans.grid(arguments.search)
        else:
            names = (arguments.models or MODELS).split(",")
            models = tuple(plans.wanted(*(plans.ensemble(name) or (name, {}))) for name in names)
        plan = plans.Plan(heads, models)
    if arguments.seeds:
        plan = replace(plan, seeds=_seeds(arguments.seeds))
    return _done(arguments, plan, arguments.ship)


def _fit(arguments: argparse.Namespace) -> int:
    from classifier.lab import plan as plans

    if arguments.seed < 0:
        raise UserError(f"--seed must be 0 or more, not {arguments.seed}")
    heads = plans.heads_of(arguments.data.split(","))
    model = plans.wanted(arguments.model, {})
    return _done(arguments, plans.Plan(heads, (model,), (arguments.seed,)), arguments.model)


def _done(arguments: argparse.Namespace, plan: "Plan", ship: str | None) -> int:
    """Compares, prints the tables, and says what is left."""
    prepare_torch()
    from classifier.lab import cells, compare, report
    from classifier.lab import plan as plans

    if arguments.vocabulary:
        plan = replace(plan, vocabulary=arguments.vocabulary)
    plan = plans.check(plans.changed(plan, arguments.set))
    if ship is not None and ship not in [model.name for model in plan.models]:
        raise UserError(f"--ship {ship}: it is not among the models that are compared")
    if arguments.budget is not None and arguments.budget <= 0:
        raise UserError(f"--budget must be above 0 minutes, not {arguments.budget:g}")
    run = arguments.run or RUNS / f"lab-{'-'.join(plan.heads)}"
    texts = cells.read(load_settings().data_dir, plan.heads, plan.vocabulary, arguments.soft)
    command = options.command_line()
    compared = compare.compare(plan, texts, run, arguments.budget, command, say=_say)
    folder = getattr(arguments, "report", None) or run / "report"
    paths = report.write(compared, folder, command)
    for head in plan.heads if compared.results else ():
        split = report.split_of(compared, head)
        print(f"\n{head}, {split}\n{report.as_text(report.table(compared, head))}")
    for line in report.goals(compared):
        print(f"goal  {line}")
    for name, why in compared.unfinished.items():
        print(f"not done  {name}: {why}", file=sys.stderr)
    print(f"\nwritten to {', '.join(map(str, paths))}")
    if ship is not None and (best := compare.best_seed(compared, ship, run)) is not None:
        print(_shipping(best.artifact))
    return 1 if compared.unfinished else 0


def _shipping(folder: Path) -> str:
    """How a station takes an artifact; raises ArtifactError with the reason where it cannot."""
    from classifier.predictor import Predictor

    model = Predictor.load(folder, load_settings().threads).model
    return f"{model} serves with: EMOSTREAM_MODEL={folder}"


def _cascade(arguments: argparse.Namespace) -> int:
    prepare_torch()
    from classifier.lab import cascading
    from classifier.lab import plan as plans

    heads = plans.heads_of(arguments.data.split(","))
    command = options.command_line()
    made = cascading.measure(
        load_settings().data_dir, heads, arguments.quick, arguments.slow, arguments.share,
        arguments.run, command,
    )  # fmt: skip
    print(made.markdown)
    print(f"written to {made.plot}; {made.artifact.model} in {arguments.run / 'artifact'}")
    return 0


def _rates(arguments: argparse.Namespace) -> int:
    prepare_torch()
    from classifier.lab import cells, drawing, ranging
    from classifier.lab import plan as plans

    if arguments.steps < 10:
        raise UserError(f"--steps must be 10 or more, not {arguments.steps}")
    heads = plans.heads_of((arguments.data or "").split(",") if arguments.data else ())
    plan = plans.Plan(heads, (plans.wanted(arguments.model, {}),))
    plan = plans.changed(plan, arguments.set)
    source = arguments.vocabulary or plan.vocabulary
    texts = cells.read(load_settings().data_dir, heads, source, arguments.soft)
    found = ranging.test(plan.models[0], texts.task, arguments.steps)
    run = arguments.run or RUNS / f"rates-{arguments.model}"
    path = drawing.range_curve(run, found.rates, found.losses, found.steepest)
    print(f"the loss falls fastest at {found.steepest:.2g} and is lowest at {found.lowest:.2g};"
          f" drawn in {path}")  # fmt: skip
    return 0


def _seeds(text: str) -> tuple[int, ...]:
    try:
        return tuple(dict.fromkeys(int(each) for each in text.split(",")))
    except ValueError:
        raise UserError(f"--seeds takes numbers from 0, like 1,2,3, not {text!r}") from None


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)
