"""The families of models that can be trained, compared and served, by name.

A family is a module with `Options` (a frozen dataclass), `fit` and `load`; `base.Family` says what
they take. It is imported when it is asked for, so that a station loads only what its artifact
names. Families whose packages are extras say which to install.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from stream.errors import UserError

if TYPE_CHECKING:
    from classifier.families.base import Family


@dataclass(frozen=True)
class Entry:
    """One name: the module that trains it, and what sets it apart from others of that module."""

    module: str
    about: str
    options: Mapping[str, Any] = field(default_factory=dict)
    extra: str = ""  # the extra of pyproject.toml that it needs


FAMILIES = {
    "lexicon": Entry("lexicon", "VADER's four scores and a linear layer", extra="lab"),
    "tfidf": Entry("tfidf", "tf-idf of words and characters, logistic regression", extra="lab"),
    "ann": Entry("ann", "layers over the mean and the maximum of a text's embeddings"),
    "cbow": Entry("cbow", "the bag of embeddings that ships, trained on the same texts"),
    "shipped": Entry("cbow", "the artifact that ships, as it is", {"shipped": True}),
    "rnn": Entry("recurrent", "a plain recurrent network, last state", {"cell": "rnn"}),
    "lstm": Entry("recurrent", "an LSTM, last state"),
    "bilstm": Entry("recurrent", "an LSTM in both directions, last states", {"both": True}),
    "bilstm-attention": Entry(
        "recurrent",
        "an LSTM in both directions with additive attention",
        {"both": True, "pool": "attention"},
    ),
    "transformer": Entry(
        "transformer", "a transformer, fine-tuned; MiniLM if no other is named", extra="teacher"
    ),
    "sentences": Entry("sentences", "frozen sentence embeddings, linear", extra="teacher"),
    "ensemble": Entry("ensemble", "the mean probability of others"),
    "cascade": Entry("cascade", "a quick model, and a slow one for what it is not sure of"),
}


def entry(name: str) -> Entry:
    """What is known of a family; raises UserError with the names there are."""
    if name not in FAMILIES:
        raise UserError(f"no family {name!r}: there are {', '.join(FAMILIES)}")
    return FAMILIES[name]


def family(name: str) -> "Family":
    """The module of a family.

    Raises:
        UserError: there is no such family, or its packages are not installed.
    """
    found = entry(name)
    try:
        module = import_module(f"classifier.families.{found.module}")
    except ImportError as error:
        if not found.extra or (error.name or "").startswith("classifier"):
            raise
        raise UserError(
            f"{error.name} is not installed, and the family {name} needs it:"
            f" pip install -e '.[{found.extra}]'"
        ) from None
    return cast("Family", module)
