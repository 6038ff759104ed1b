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
MAX_NAME = 512
"""Characters of a recogniser's name: it goes into each record."""

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
        UserError: there is none of this name, what it needs is not installed, or it is not as
            `Recogniser` says.
    """
    if not setting:
        return None
    kind, _colon, name = setting.partition(":")
    if kind not in _KINDS or not name or (kind == "python" and "." not in name.strip(".")):
        raise UserError(f"{SETTING}: must be spacy:MODEL or python:MODULE.NAME (docs/entities.md)")
    recogniser = _KINDS[kind](name)
    _check_description(recogniser)
    return recogniser


def recognised(
    recogniser: Recogniser, texts: Sequence[str], languages: Sequence[str]
) -> list[Found | None]:
    """Asks about the texts in a language of the recogniser's; the others get None.

    Args:
        recogniser: the one to ask.
        texts: posts, as written.
        languages: what each is in. A text too short to tell, often a bare name, is asked about.

    Raises:
        UserError: the recogniser answers with something else than `Recogniser` says.
    """
    read = {*recogniser.languages, UNKNOWN} if recogniser.languages else set(languages)
    asked = [number for number, language in enumerate(languages) if language in read]
    answers: list[Found | None] = [None] * len(texts)
    found = recogniser.recognise([texts[number] for number in asked]) if asked else []
    if not isinstance(found, Sequence) or len(found) != len(asked):
        raise UserError(f"{SETTING}: {recogniser.name} gives no list with an answer for each text")
    for number, entities in zip(asked, found, strict=True):
        answers[number] = _checked(entities, recogniser.name)
    return answers


def _checked(entities: object, name: str) -> Found:
    """Gives what was found in one text, if it is what `Recogniser` says."""
    if not isinstance(entities, list | tuple):
        raise UserError(f"{SETTING}: {name} gives no tuple of entities for a text")
    for one in entities:
        if not isinstance(one, Entity):
            raise UserError(f"{SETTING}: {name} gives what is no stream.posts.Entity")
        if one.type not in TYPES:
            raise UserError(f"{SETTING}: {name} gives a type that is none of {', '.join(TYPES)}")
    return tuple(entities)


def _check_description(recogniser: Recogniser) -> None:
    """Sees that it says what it is: a string of languages would be read letter by letter."""
    name, languages = recogniser.name, recogniser.languages
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME:
        raise UserError(f"{SETTING}: its `name` must be a text of up to {MAX_NAME} characters")
    if not isinstance(languages, list | tuple | set | frozenset) or not all(
        isinstance(one, str) for one in languages
    ):
        raise UserError(f'{SETTING}: its `languages` must be a tuple of texts, as ("en",)')


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
        make = getattr(importlib.import_module(module_name), name, None)
    except Exception as error:  # noqa: BLE001 - the user's own code may raise anything
        raise UserError(f"{SETTING}: {module_name} cannot be imported: {_said(error)}") from None
    if make is None:
        raise UserError(f"{SETTING}: the module {module_name} has no {name}")
    if not callable(make):
        raise UserError(f"{SETTING}: {path} is no class or function that makes a recogniser")
    try:
        made: Recogniser = make()
    except Exception as error:  # noqa: BLE001 - as above
        raise UserError(f"{SETTING}: {path} cannot be made: {_said(error)}") from None
    for needed in ("name", "languages", "recognise"):
        if not hasattr(made, needed):
            raise UserError(f"{SETTING}: what {path} makes has no `{needed}` (docs/entities.md)")
    return made


def _said(error: Exception) -> str:
    reason = str(error).partition("\n")[0]
    return reason if isinstance(error, ImportError) else f"{type(error).__name__}: {reason}"


_KINDS = {"spacy": _spacy, "python": _own}
