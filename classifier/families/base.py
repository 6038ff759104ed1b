"""What every family is asked for, and what it is given: the same texts, splits and tokens."""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, get_args, get_origin, get_type_hints, runtime_checkable

from torch import Tensor

from classifier.heads import columns
from classifier.readers import Labelled
from classifier.vocabulary import Vocabulary
from stream.errors import UserError


@dataclass(frozen=True)
class Task:
    """What is to be learnt: the heads, their texts, and the words that are known."""

    heads: tuple[str, ...]
    train: Mapping[str, Labelled]
    dev: Mapping[str, Labelled]
    vocabulary: Vocabulary
    soft: tuple[Sequence[str], Tensor] | None = None  # texts, a teacher's logits of all HEADS

    @property
    def columns(self) -> dict[str, slice]:
        """Where each head's labels stand in the logits of its models."""
        return columns(self.heads)


class OutOfTime(Exception):
    """The budget is spent; the checkpoint keeps what was done."""


@dataclass(frozen=True)
class Budget:
    """How long training may go on, and how often it saves where it is."""

    until: float = float("inf")  # of time.monotonic()
    save_every: float = 30.0  # seconds between two checkpoints; one is also left at the end

    @classmethod
    def of(cls, minutes: float | None) -> "Budget":
        """So many minutes from now, or without end."""
        return cls() if minutes is None else cls(time.monotonic() + 60 * minutes)

    def check(self, done: str) -> None:
        """Raises OutOfTime, which says how far it got, when the time is spent."""
        if time.monotonic() > self.until:
            raise OutOfTime(done)


@dataclass
class Record:
    """What training says of itself."""

    seconds: float = 0.0  # over all the times it was resumed
    history: list[dict[str, float]] = field(default_factory=list)  # a row an epoch


class Model(Protocol):
    """A trained model of any family."""

    @property
    def heads(self) -> tuple[str, ...]:
        """What it answers, in the order of its logits."""

    def logits(self, texts: Sequence[str]) -> Tensor:
        """The logits of its heads side by side, (texts, labels), float64, before calibration."""

    def parameters(self) -> int:
        """How many numbers it has learnt, or been given."""

    def save(self, folder: Path) -> dict[str, Any]:
        """Writes model.safetensors and its own files; gives what config.json keeps of it.

        `files` in it names its own files, so that the manifest covers them.
        """


@dataclass(frozen=True)
class Attention:
    """How much a model looked at each word that it read of some texts, whatever the label."""

    ids: Tensor  # of the words of all texts in a row, in the vocabulary; 0 for the unknown
    shares: Tensor  # of each word, (words,); those of a text sum to 1
    offsets: Tensor  # where each text starts, and the end of the last, (texts + 1,)


@runtime_checkable
class Attentive(Model, Protocol):
    """A model that says how much it looks at each word."""

    def looked(self, texts: Sequence[str]) -> tuple[Tensor, Attention]:
        """What `logits` gives, and the attention that it came by."""

    def attention(self, text: str) -> tuple[tuple[str, ...], list[float]]:
        """The tokens of a text that are read and the share of each, which sum to 1."""


class Family(Protocol):
    """A module of this package."""

    Options: type[Any]

    def fit(
        self, task: Task, options: Any, seed: int, run: Path, budget: Budget, *, quiet: bool
    ) -> tuple[Model, Record]:
        """Trains; goes on from the checkpoint in `run` where there is one.

        Raises:
            OutOfTime: the budget did not do; call again to go on.
        """

    def load(self, folder: Path, config: Mapping[str, Any], vocabulary: Vocabulary) -> Model:
        """Reads what `Model.save` wrote; any fault in it is a ValueError, KeyError or TypeError."""


def made(options: type[Any], given: Mapping[str, Any], name: str) -> Any:
    """The options of a family with some of them given.

    Raises:
        UserError: there is no such option, or its value is of another kind.
    """
    kinds = get_type_hints(options)
    for key, value in given.items():
        if key not in kinds:
            raise UserError(f"{name} has no option {key!r}: it has {', '.join(sorted(kinds))}")
        if not _fits(value, kinds[key]):
            raise UserError(f"{name}.{key} must be {_told(kinds[key])}, not {value!r}")
    try:
        return options(**{key: _cast(value, kinds[key]) for key, value in given.items()})
    except ValueError as error:  # of the options' own checks
        raise UserError(f"{name}: {error}") from None


def stored(options: type[Any], config: Mapping[str, Any]) -> Any:
    """The options that config.json keeps; a ValueError names one that cannot be."""
    try:
        return made(options, config["options"], "options")
    except UserError as error:
        raise ValueError(str(error)) from None


LARGEST = 2**31
"""No number of an option gets here; of tensors it would be a size that no memory holds."""

RANGES: dict[str, Callable[[float], bool]] = {
    "above 0": lambda value: value > 0,
    "0 or more": lambda value: value >= 0,
    "1 or more": lambda value: value >= 1,
    "from 1 to 100": lambda value: 1 <= value <= 100,
    "from 0 to 1": lambda value: 0 <= value <= 1,
    "from 0 to below 1": lambda value: 0 <= value < 1,
}


def within(options: Any, span: str, *names: str) -> None:
    """Raises a ValueError that names the first of some options that is not in a span of RANGES."""
    for name in names:
        value = getattr(options, name)
        if not (abs(value) < LARGEST and RANGES[span](value)):
            raise ValueError(f"{name} must be {span}, not {value:g}")


def as_json(options: Any) -> dict[str, Any]:
    """Options as config.json keeps them."""
    return dataclasses.asdict(options)


def _fits(value: Any, kind: Any) -> bool:
    if choices := get_args(kind):
        if get_origin(kind) is tuple:
            return isinstance(value, list | tuple) and all(_fits(v, choices[0]) for v in value)
        return value in choices
    if kind is float:
        return type(value) in (int, float)
    return type(value) is kind


def _cast(value: Any, kind: Any) -> Any:
    if get_origin(kind) is tuple:
        return tuple(value)
    return float(value) if kind is float else value


def _told(kind: Any) -> str:
    choices = get_args(kind)
    if get_origin(kind) is tuple:
        return f"a list of {_told(choices[0])}"
    return (
        " or ".join(map(str, choices))
        if choices
        else {"str": "text"}.get(kind.__name__, f"of type {kind.__name__}")
    )
