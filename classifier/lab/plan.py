"""What is compared: the heads, the models with their options, the seeds, and the goals.

A recipe is a TOML file that says so (`classifier/lab/recipes`), a grid one that says which options
of one model are varied (docs/laboratory.md has an example of each).
"""

import itertools
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from classifier import families
from classifier.families.base import as_json, made
from classifier.heads import HEADS
from classifier.lab import measures
from stream.errors import UserError

RECIPES = Path(__file__).parent / "recipes"
GRIDS = Path(__file__).parent / "grids"
OF_OTHERS = ("ensemble", "cascade")
"""Families that are made of other models of the plan."""


@dataclass(frozen=True)
class Wanted:
    """One model of the comparison."""

    name: str
    family: str
    options: Mapping[str, Any]  # every option of its family

    def others(self) -> tuple[str, ...]:
        """The models it is made of, by name."""
        if self.family == "ensemble":
            return tuple(self.options["members"])
        return (self.options["quick"], self.options["slow"]) if self.family == "cascade" else ()


@dataclass(frozen=True)
class Goal:
    """A score that a model should reach."""

    model: str
    measure: str
    least: float
    split: str = "test"
    head: str = ""  # the first of the plan if not named


@dataclass(frozen=True)
class Plan:
    """A whole comparison."""

    heads: tuple[str, ...]
    models: tuple[Wanted, ...]
    seeds: tuple[int, ...] = (1,)
    goals: tuple[Goal, ...] = ()
    about: str = ""
    vocabulary: str = "shipped"  # or train, or a run of `pretrain`


def recipe(name: str) -> Plan:
    """The plan of a committed recipe, by name, or of a TOML file.

    Raises:
        UserError: there is none, or it says something that cannot be done.
    """
    path, content = _committed(RECIPES, name)
    _only(path, content, {"about", "data", "seeds", "models", "goals", "vocabulary"})
    for key, is_right, told in _SAID:
        if key in content and not is_right(content[key]):
            raise UserError(f"{path}: {key} must be {told}, not {content[key]!r}")
    models = content.get("models")
    if not models:
        raise UserError(f"{path}: [models.NAME] is missing")
    for name, options in models.items():
        if not isinstance(options, dict):
            raise UserError(f"{path}: models.{name} must be a table of options, not {options!r}")
    try:
        goals = tuple(Goal(**each) for each in content.get("goals", ()))
    except TypeError as error:
        raise UserError(f"{path}: goals: {error}") from None
    return Plan(
        heads_of(content.get("data", ())),
        tuple(wanted(each, options) for each, options in models.items()),
        tuple(content.get("seeds", (1,))),
        goals,
        content.get("about", ""),
        content.get("vocabulary", "shipped"),
    )


def _list_of(kind: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(type(one) is kind for one in value)


def _a(kind: type) -> Callable[[Any], bool]:
    return lambda value: type(value) is kind


_SAID: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("about", _a(str), "text"),
    ("vocabulary", _a(str), "text"),
    ("data", _list_of(str), 'a list of data sets, like ["emotion"]'),
    ("seeds", _list_of(int), "a list of numbers from 0, like [1, 2, 3]"),
    ("models", _a(dict), "tables, one [models.NAME] each"),
    ("goals", _list_of(dict), "tables, one [[goals]] each"),
)
"""What each key of a recipe must be."""


def wanted(name: str, options: Mapping[str, Any]) -> Wanted:
    """A model by name, with some of its options; `family` is among them unless it is the name."""
    given = dict(options)
    kind = str(given.pop("family", name))
    entry = families.entry(kind)
    whole = made(families.family(kind).Options, {**entry.options, **given}, name)
    return Wanted(name, kind, as_json(whole))


def heads_of(names: Sequence[str]) -> tuple[str, ...]:
    """Heads by name, in declared order; raises UserError with the names there are."""
    for name in names:
        if name not in HEADS:
            raise UserError(f"no data set {name!r}: there are {', '.join(HEADS)}")
    if not names:
        raise UserError(f"name a data set with --data: {', '.join(HEADS)}")
    return tuple(name for name in HEADS if name in names)


def changed(plan: Plan, settings: Sequence[str]) -> Plan:
    """The plan with options set from the command line, each MODEL.OPTION=VALUE.

    Raises:
        UserError: there is no such model or option, or the value is none of its kind.
    """
    models = {each.name: each for each in plan.models}
    for setting in settings:
        place, equals, value = setting.partition("=")
        name, _, option = place.rpartition(".")
        if not (equals and name and option):
            raise UserError(f"--set takes MODEL.OPTION=VALUE, not {setting!r}")
        if name not in models:
            raise UserError(f"--set {setting}: no model {name!r}; there are {', '.join(models)}")
        model = models[name]
        given = {**model.options, option: _value(value)}
        whole = made(families.family(model.family).Options, given, name)
        models[name] = replace(model, options=as_json(whole))
    return replace(plan, models=tuple(models.values()))


def grid(name: str) -> tuple[Wanted, ...]:
    """The models of a hyper-parameter comparison: one model, its options varied.

    With `every = true` each combination is tried; without it each option alone, the others as in
    [base].
    """
    path, content = _committed(GRIDS, name)
    _only(path, content, {"model", "base", "grid", "every"})
    varied, model = content.get("grid"), content.get("model")
    if not isinstance(model, str) or not isinstance(varied, dict) or not varied:
        raise UserError(f"{path}: wanted model = NAME, and [grid] with lists of values")
    for option, values in varied.items():
        if not isinstance(values, list) or not values:
            raise UserError(f"{path}: grid.{option} must be a list of values")
    base, every = content.get("base", {}), content.get("every", False)
    if not isinstance(base, dict):
        raise UserError(f"{path}: base must be a table of options, not {base!r}")
    if not isinstance(every, bool):
        raise UserError(f"{path}: every must be true or false, not {every!r}")
    if every:
        combinations = [
            dict(zip(varied, values, strict=True)) for values in itertools.product(*varied.values())
        ]
    else:
        combinations = [{option: value} for option, values in varied.items() for value in values]
    found: dict[str, Wanted] = {}
    for each in combinations:
        name = " ".join([model, *(f"{key}={_slug(value)}" for key, value in each.items())])
        made = wanted(name, {"family": model, **base, **each})
        if name in found and found[name] != made:
            raise UserError(f"{path}: two models would be called {name!r}, which names a folder")
        found[name] = made
    return tuple(found.values())


def _slug(value: Any) -> str:
    """A value as a folder may be called."""
    return re.sub(r"[^\w.,=+-]+", "-", str(value))


def check(plan: Plan) -> Plan:
    """The plan, the models that are made of others last.

    Raises:
        UserError: a model is made of others that are not in the plan, a seed is none, or a goal is
            of something that is not measured.
    """
    if not plan.seeds or min(plan.seeds) < 0:
        raise UserError("--seeds takes numbers from 0, like 1,2,3")
    names = [model.name for model in plan.models]
    for name in names:
        if not name or "/" in name or name.startswith("."):
            raise UserError(f"a model cannot be called {name!r}: it names a folder")
    for model in plan.models:
        for other in model.others():
            if other not in names or other == model.name:
                told = ", ".join(names)
                raise UserError(f"{model.name} is made of {other!r}, which is not among {told}")
    for goal in plan.goals:
        _check_goal(plan, goal)
    ordered = sorted(plan.models, key=lambda model: len(_below(model, plan.models)))
    return replace(plan, models=tuple(ordered))


def _check_goal(plan: Plan, goal: Goal) -> None:
    head = goal.head or plan.heads[0]
    if head in plan.heads:
        kinds = measures.SEVERAL if HEADS[head].several else measures.ONE
    else:
        kinds = {}
    for key, value, there in (
        ("model", goal.model, [model.name for model in plan.models]),
        ("head", head, list(plan.heads)),
        ("measure", goal.measure, list(kinds)),
        ("split", goal.split, ["dev", "test"]),
    ):
        if value not in there:
            raise UserError(f"a goal's {key} is {value!r}: there are {', '.join(there)}")
    if type(goal.least) not in (int, float) or not 0 <= goal.least <= 1:
        raise UserError(f"a goal's least must be a number from 0 to 1, not {goal.least!r}")


def _below(model: Wanted, models: Sequence[Wanted]) -> list[str]:
    """Everything a model is made of, all the way down."""
    of = {each.name: each for each in models}
    found: list[str] = []
    left = list(model.others())
    while left:
        name = left.pop()
        if name == model.name or len(found) > len(models) ** 2:
            raise UserError(f"{model.name} is made of itself")
        found.append(name)
        left += of[name].others()
    return found


def ensemble(name: str) -> tuple[str, dict[str, Any]] | None:
    """The options of an ensemble that is written a+b, or None."""
    parts = name.split("+")
    return (name, {"family": "ensemble", "members": parts}) if len(parts) > 1 else None


def _committed(folder: Path, name: str) -> tuple[Path, dict[str, Any]]:
    """A file of ours by name, or one of the user's by path, and what it says."""
    path = folder / f"{name}.toml"
    if not path.is_file():
        path = Path(name)
    if not path.is_file():
        there = ", ".join(sorted(each.stem for each in folder.glob("*.toml")))
        raise UserError(f"no {folder.name[:-1]} {name!r}: there are {there}, or name a TOML file")
    return path, _toml(path)


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise UserError(f"{path} is no TOML: {error}") from None


def _only(path: Path, content: Mapping[str, Any], known: set[str]) -> None:
    for key in content:
        if key not in known:
            raise UserError(
                f"{path}: {key!r} means nothing here; known: {', '.join(sorted(known))}"
            )


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except ValueError:
        return text
