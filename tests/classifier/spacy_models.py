"""Small models of spaCy, made here: a trained one and rules.

python -m tests.classifier.spacy_models FOLDER      writes the trained one, to try things with
"""

import sys
from pathlib import Path

import spacy
from spacy.language import Language
from spacy.training import Example
from thinc.api import fix_random_seed

NAMES = {
    "Mira": "PERSON",
    "Ilja": "PERSON",
    "Saltmere": "GPE",
    "Brackwater": "GPE",
    "Veyra": "ORG",
    "Coastrail": "ORG",
    "Tuesday": "DATE",
}
TEXTS = ("I love {} so much", "we met {} at noon", "{} made my day", "no news from {} yet")
LISTENER = {"@architectures": "spacy.Tok2VecListener.v1", "width": 96}


def trained(folder: Path) -> Path:
    """Trains a tagger and an entity recogniser on one embedding, in seconds, into a folder."""
    fix_random_seed(1)
    nlp = spacy.blank("en", meta={"name": "tiny", "version": "1.2.3"})
    nlp.add_pipe("tok2vec")
    tagger = {"@architectures": "spacy.Tagger.v2", "tok2vec": LISTENER}
    nlp.add_pipe("tagger", config={"model": tagger})
    parser = {
        "@architectures": "spacy.TransitionBasedParser.v2",
        "state_type": "ner",
        "extra_state_tokens": False,
        "hidden_width": 64,
        "maxout_pieces": 2,
        "use_upper": True,
        "tok2vec": LISTENER,
    }
    nlp.add_pipe("ner", config={"model": parser})
    examples = [_example(nlp, text, name) for name in NAMES for text in TEXTS]
    optimiser = nlp.initialize(lambda: examples)
    for _round in range(60):
        nlp.update(examples, sgd=optimiser)
    nlp.to_disk(folder)
    return folder


def ruled(*patterns: tuple[str, str], language: str = "en") -> Language:
    """A pipeline that finds these words, (label, words), and no others."""
    nlp = spacy.blank(language)
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": label, "pattern": words} for label, words in patterns])  # type: ignore[attr-defined]
    return nlp


def _example(nlp: Language, text: str, name: str) -> Example:
    document = nlp.make_doc(text.format(name))
    start = text.index("{}")
    return Example.from_dict(
        document,
        {"entities": [(start, start + len(name), NAMES[name])], "tags": ["X"] * len(document)},
    )


if __name__ == "__main__":
    print(trained(Path(sys.argv[1])))
