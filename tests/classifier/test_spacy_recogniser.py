"""Models of spaCy find names: a trained one from its folder, and rules."""

from pathlib import Path

import pytest
import spacy

from classifier.recogniser import TYPES
from classifier.spacy_recogniser import LABELS, MAX_CHARACTERS, SpacyRecogniser
from stream.errors import UserError
from stream.posts import Entity
from tests.classifier.spacy_models import ruled, trained


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("spacy") / "model")


def test_a_trained_model_finds_names_and_says_what_each_is(folder: Path) -> None:
    recogniser = SpacyRecogniser.load(str(folder))
    found = recogniser.recognise(
        ["I love Mira so much", "the bus is late", "", "we met Coastrail at noon",
         "no news from Saltmere yet"]
    )  # fmt: skip
    assert found == [
        (Entity(type="Person", text="Mira"),),
        (),
        (),
        (Entity(type="Organization", text="Coastrail"),),
        (Entity(type="Place", text="Saltmere"),),
    ]
    assert (recogniser.name, recogniser.languages) == ("spacy:en_tiny@1.2.3", ("en",))


def test_a_date_is_no_name(folder: Path) -> None:
    nlp = spacy.load(folder)
    assert [one.label_ for one in nlp("Tuesday made my day").ents] == ["DATE"]
    assert SpacyRecogniser(nlp).recognise(["Tuesday made my day"]) == [()]


def test_only_what_finds_entities_runs(folder: Path) -> None:
    nlp = spacy.load(folder)
    assert nlp.pipe_names == ["tok2vec", "tagger", "ner"]
    SpacyRecogniser(nlp)
    assert nlp.pipe_names == ["tok2vec", "ner"]


def test_words_that_were_met_once_are_not_remembered(folder: Path) -> None:
    nlp = spacy.load(folder)
    recogniser = SpacyRecogniser(nlp)
    recogniser.recognise(["the first text"])
    before = list(nlp.vocab.strings), {one.orth for one in nlp.vocab}
    recogniser.recognise([f"neverseen{n} oncemore{n}" for n in range(500)])
    assert (list(nlp.vocab.strings), {one.orth for one in nlp.vocab}) == before


@pytest.mark.parametrize(
    ("words", "text", "name"),
    [
        ("Mira's", "Mira's show", "Mira"),
        ("Mira’s", "Mira’s show", "Mira"),
        ("# Mira", "# Mira!", "Mira"),
        ("Mira \n Solenne", "Mira \n Solenne sang", "Mira Solenne"),
    ],
)
def test_a_name_is_given_without_what_stands_around_it(words: str, text: str, name: str) -> None:
    found = SpacyRecogniser(ruled(("PERSON", words))).recognise([text])
    assert found == [(Entity(type="Person", text=name),)]


def test_a_name_that_a_text_has_twice_is_found_once_and_a_mention_is_none() -> None:
    recogniser = SpacyRecogniser(ruled(("PERSON", "Mira"), ("PERSON", "@mira")))
    found = recogniser.recognise(["Mira, Mira! @mira"])
    assert found == [(Entity(type="Person", text="Mira"),)]


def test_the_rest_of_a_very_long_text_is_not_looked_at() -> None:
    recogniser = SpacyRecogniser(ruled(("PERSON", "Mira")))
    texts = ["x " * (MAX_CHARACTERS // 2) + "Mira", "Mira" + " x" * MAX_CHARACTERS]
    assert [len(found) for found in recogniser.recognise(texts)] == [0, 1]


def test_half_a_surrogate_pair_stops_nothing() -> None:
    recogniser = SpacyRecogniser(ruled(("PERSON", "Mira")))
    assert len(recogniser.recognise(["Mira \ud83d"])[0]) == 1


@pytest.mark.parametrize(("of_spacy", "ours"), [("xx", ()), ("nb", ("nb", "no")), ("de", ("de",))])
def test_a_model_reads_its_own_language_or_all(of_spacy: str, ours: tuple[str, ...]) -> None:
    assert SpacyRecogniser(ruled(("PER", "Mira"), language=of_spacy)).languages == ours


def test_every_label_has_one_of_our_types() -> None:
    assert set(LABELS.values()) == set(TYPES)


def test_a_model_that_finds_nothing_of_ours_is_refused_and_its_labels_are_named() -> None:
    with pytest.raises(UserError, match=r"none of the labels we know, only COLOUR, DATE: .*own"):
        SpacyRecogniser(ruled(("DATE", "today"), ("COLOUR", "red")))
    with pytest.raises(UserError, match="finds no entities: it has no `ner`"):
        SpacyRecogniser(spacy.blank("en"))


def test_a_model_that_is_not_there_or_broken_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no model en_none: .*spacy download en_none"):
        SpacyRecogniser.load("en_none")
    (tmp_path / "meta.json").write_text("{}")
    with pytest.raises(UserError, match=r"cannot load .*meta\.json[^\n]*$"):
        SpacyRecogniser.load(str(tmp_path))
