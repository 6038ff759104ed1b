"""Finds the people, places, organisations and products that texts name, where a user asks for it.

`EMOSTREAM_RECOGNISER` names the recogniser: `spacy:MODEL` for a model of spaCy, or
`python:MODULE.NAME` for one of the user's own, a class or function that makes a `Recogniser`.
"""

import importlib
from collections.abc import Collection, Sequence
from typing import Protocol

from classifier.language import UNKNOWN
from stream.errors import UserError
from stream.posts import Entity

SETTING = "EMOSTREAM_RECOGNISER"
TYPES = ("Person", "Place", "Organization", "Product", "Other")
"""What an entity can be: the types of X's own annotations."""

Found = tuple[Entity, ...]


class Recogniser(Protocol):
    """Finds what texts name. It is made once at the start and asked from one thread."""

    @property
    def name(self) -> str:
        """Which recogniser and which version of its model: it goes into each record."""

    @property
    def languages(self) -> Collection[str]:
        """The languages it reads, BCP 47 primary subtags; none where it reads every one."""

    def recognise(self, texts: Sequence[str]) -> list[Found]:
        """Gives the entities of each text, in the texts' order; their types are `TYPES`."""


def load(setting: str | None) -> Recogniser | None:
    """Makes the recogniser that the setting names; None where it is unset.

    Raises:
        UserError: there is none of this name, or what it needs is not installed.
    """
    if not setting:
        return None
    kind, _colon, name = setting.partition(":")
    if kind not in _KINDS or not name or (kind == "python" and "." not in name.strip(".")):
        raise UserError(f"{SETTING}: must be spacy:MODEL or python:MODULE.NAME (docs/entities.md)")
    return _KINDS[kind](name)


def recognised(
    recogniser: Recogniser, texts: Sequence[str], languages: Sequence[str]
) -> list[Found | None]:
    """Asks about the texts in a language of the recogniser's; the others get None.

    Args:
        recogniser: the one to ask.
        texts: posts, as written.
        languages: what each is in. A text too short to tell, often a bare name, is asked about.
    """
    read = {*recogniser.languages, UNKNOWN} if recogniser.languages else set(languages)
    asked = [number for number, language in enumerate(languages) if language in read]
    answers: list[Found | None] = [None] * len(texts)
    found = recogniser.recognise([texts[number] for number in asked]) if asked else []
    for number, entities in zip(asked, found, strict=True):
        answers[number] = entities
    return answers


def _spacy(model: str) -> Recogniser:
    try:
        from classifier.spacy_recogniser import SpacyRecogniser
    except ModuleNotFoundError as error:
        if error.name != "spacy":
            raise
        raise UserError(
            f"{SETTING}: spaCy is not installed: pip install -c constraints.txt -e '.[entities]'"
        ) from None
    return SpacyRecogniser.load(model)


def _own(path: str) -> Recogniser:
    module_name, _dot, name = path.rpartition(".")
    try:
        make = getattr(importlib.import_module(module_name), name)
    except ImportError as error:
        raise UserError(f"{SETTING}: {module_name} cannot be imported: {error}") from None
    except AttributeError:
        raise UserError(f"{SETTING}: the module {module_name} has no {name}") from None
    if not callable(make):
        raise UserError(f"{SETTING}: {path} is no class or function that makes a recogniser")
    made: Recogniser = make()
    for needed in ("name", "languages", "recognise"):
        if not hasattr(made, needed):
            raise UserError(f"{SETTING}: what {path} makes has no `{needed}` (docs/entities.md)")
    return made


_KINDS = {"spacy": _spacy, "python": _own}
