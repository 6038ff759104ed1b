"""A model of spaCy as a recogniser; the only module that imports spaCy.

Of the model's pipeline only what finds entities runs: tagging and parsing would cost most of the
time. Models: https://spacy.io/models
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import spacy
from spacy.language import Language
from spacy.tokens import Span

from classifier.recogniser import SETTING, Found
from stream.errors import UserError
from stream.posts import Entity

LABELS = {
    "PERSON": "Person", "PER": "Person", "PRS": "Person", "PERSNAME": "Person",
    "GPE": "Place", "LOC": "Place", "FAC": "Place", "GPE_LOC": "Place", "PLACENAME": "Place",
    "GEOGNAME": "Place", "PLACE": "Place",
    "ORG": "Organization", "GPE_ORG": "Organization", "ORGNAME": "Organization",
    "ORGANIZATION": "Organization",
    "PRODUCT": "Product", "PROD": "Product",
    "EVENT": "Other", "EVT": "Other", "EVN": "Other", "WORK_OF_ART": "Other", "WRK": "Other",
    "MISC": "Other", "OTHER": "Other",
}  # fmt: skip
"""The labels of spaCy's own models, in upper case, to our types.

Others are left out: dates and quantities name nothing; NORP is people's nationality, religion or
party, which is nobody's name.
"""

LANGUAGES: dict[str, tuple[str, ...]] = {"": (), "xx": (), "nb": ("nb", "no")}
"""Languages of spaCy that are none of ours, or several: `xx` is a model for many."""

MAX_CHARACTERS = 10_000
"""Of a text, from its start: as much as a comment on YouTube has; the rest is not looked at."""
MAX_NAME = 512


class SpacyRecogniser:
    """Finds entities with one model."""

    def __init__(self, nlp: Language) -> None:
        """Takes a pipeline and switches off what entities do not need.

        Raises:
            UserError: it finds no entities, or none whose labels we know.
        """
        meta = nlp.meta
        self.name = f"spacy:{meta['lang']}_{meta['name']}@{meta['version']}"
        self.languages = LANGUAGES.get(nlp.lang or "", (nlp.lang or "",))
        finders = [one for one in nlp.pipe_names if "doc.ents" in nlp.get_pipe_meta(one).assigns]
        if not finders:
            raise UserError(f"{SETTING}: {self.name} finds no entities: it has no `ner`")
        labels = sorted({label for one in finders for label in nlp.pipe_labels.get(one, ())})
        if not any(label.upper() in LABELS for label in labels):
            raise UserError(
                f"{SETTING}: {self.name} has none of the labels we know, only {', '.join(labels)}: "
                "give them spaCy's usual names, or use a recogniser of your own (docs/entities.md)"
            )
        nlp.select_pipes(enable=[one for one in nlp.pipe_names if _serves(nlp, one, finders)])
        self._nlp = nlp

    @classmethod
    def load(cls, model: str) -> Self:
        """Loads an installed model by its name, or one from its folder.

        Raises:
            UserError: there is none, or it needs what is not installed.
        """
        try:
            nlp = spacy.load(model)
        except (OSError, ValueError, ImportError) as error:
            if isinstance(error, OSError) and not Path(model).exists():
                raise UserError(
                    f"{SETTING}: spaCy has no model {model}: name a model's folder, or install one "
                    f"of spaCy's own: python -m spacy download {model}"
                ) from None
            reason = str(error).partition("\n")[0]
            raise UserError(f"{SETTING}: spaCy cannot load {model}: {reason}") from None
        return cls(nlp)

    def recognise(self, texts: Sequence[str]) -> list[Found]:
        """Gives the entities of each text, each once."""
        # Outside a memory zone the model would remember every word that it ever met.
        with self._nlp.memory_zone():
            documents = self._nlp.pipe(map(_readable, texts))
            return [tuple(dict.fromkeys(_entities(one.ents))) for one in documents]


def _readable(text: str) -> str:
    # Half a surrogate pair cannot be written as UTF-8, which spaCy does.
    return text[:MAX_CHARACTERS].encode(errors="replace").decode()


def _serves(nlp: Language, component: str, finders: Sequence[str]) -> bool:
    """Says whether a component finds entities, or makes the vectors of one that does."""
    listeners = getattr(nlp.get_pipe(component), "listening_components", ())
    return component in finders or not set(listeners).isdisjoint(finders)


def _entities(spans: Sequence[Span]) -> Iterator[Entity]:
    for span in spans:
        kind = LABELS.get(span.label_.upper())
        name = " ".join(span.text.split()).removeprefix("#")
        name = name.removesuffix("'s").removesuffix("’s").strip()
        # A mention is a field of its own.
        if kind and name and len(name) <= MAX_NAME and not name.startswith("@"):
            yield Entity(type=kind, text=name)
