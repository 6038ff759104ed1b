"""The compiled loops beside the array arithmetic: the same tokens and ids, to the last bit."""

import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier import kernels
from classifier.predictor import Predictor
from classifier.text import tokenise
from classifier.vocabulary import Vocabulary

PIECES = (  # noqa: SIM905
    "not so good NOT GOOD don't dont ' '' ’ . .. … .… ! ?! : ; < = - ^ ) ( D 3 :) :-( ;) :'( <3 <-3"
    " :::) :D :DD :/x aaa ÄÄÄ \U0001f602 ❤️ 🤷🏽‍♂️ ４２ \ud83d \x00 \u200b \x1e # #SoGood @me [NAME]"
    " &amp; https://x.y/z www.z é e\u0301 שלום ½ ㍿ ﷺ"
).split(" ")
texts = st.lists(
    st.text(st.characters(exclude_categories=[]), max_size=60)
    | st.lists(st.sampled_from([*PIECES, " "]), max_size=20).map("".join)
    | st.lists(st.sampled_from(PIECES), max_size=20).map(" ".join),
    max_size=6,
)


@pytest.fixture(autouse=True)
def arrays_again() -> Iterator[None]:
    before = kernels.loaded
    yield
    kernels.loaded = before


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    learned = ["NOT SO good :) ..", "not so good don't", "so good ! <3", "GOOD NOT SO"] * 4
    return Vocabulary.build([tokenise(learned)], max_words=30, max_phrases=30)


def both(
    vocabulary: Vocabulary, texts: Sequence[str]
) -> list[list["np.ndarray[tuple[int], np.dtype[np.int64]]"]]:
    """The fields of tokens and bags: by array arithmetic, and by compiled loops."""
    ways = []
    for compiled in (False, True):
        kernels.loaded = None
        assert not compiled or kernels.load()
        tokens = tokenise(texts)
        ways.append([*astuple(tokens), *astuple(vocabulary.bags(tokens))])
    return ways


@given(texts=texts)
def test_compiled_loops_give_the_same_tokens_and_ids(
    vocabulary: Vocabulary, texts: list[str]
) -> None:
    for one, other in zip(*both(vocabulary, texts), strict=True):
        assert one.dtype == other.dtype
        assert one.tolist() == other.tolist()


def test_they_find_phrases_and_capitals_in_every_text(vocabulary: Vocabulary) -> None:
    _, compiled = both(vocabulary, ["not so good", "", "NOT NOT", "NOT SO GOOD", "so"])
    ids, offsets = compiled[6], compiled[7]
    said = [vocabulary.entries[number] for number in ids.tolist()]
    assert said[: offsets[1]] == ["not", "so", "not so", "good", "so good", "not so good"]
    assert said[offsets[2] : offsets[3]] == ["not", "not", "<caps>"]


def test_a_predictor_says_the_same_with_and_without_them() -> None:
    texts = ["I love this SO MUCH :)", "", "was für ein Tag", "they don't… care", "😂😂😂"]
    plain = Predictor.load().predict(texts)
    compiled = Predictor.load(compiled_after=0)
    assert kernels.loaded
    assert compiled.predict(texts) == plain


def test_they_are_compiled_for_the_arrays_that_come() -> None:
    Predictor.load(compiled_after=0).predict(["for once", "SO LOUD HERE"])
    assert kernels.loaded
    assert len(kernels.loaded.split.signatures) == len(kernels.loaded.bags.signatures) == 1


def test_a_predictor_takes_them_once_they_pay_and_says_the_same() -> None:
    kernels.loaded = None
    predictor = Predictor.load(compiled_after=5)
    texts = ["we love it :)", "NOT NOT good"]
    plain = [predictor.predict(texts), predictor.predict(texts)]
    assert kernels.loaded is None
    predictor.predict(texts)
    assert predictor.later
    predictor.later.join()
    assert kernels.loaded
    assert [predictor.predict(texts)] * 2 == plain


def test_without_numba_array_arithmetic_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    kernels.loaded = None
    monkeypatch.delitem(sys.modules, "classifier.compiled", raising=False)
    monkeypatch.delattr("classifier.compiled", raising=False)
    monkeypatch.setitem(sys.modules, "numba", None)
    assert not kernels.load()
    assert tokenise(["still here"]).strings() == [["still", "here"]]


def test_where_numba_may_keep_nothing_array_arithmetic_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    kernels.loaded = None
    monkeypatch.delitem(sys.modules, "classifier.compiled", raising=False)
    monkeypatch.delattr("classifier.compiled", raising=False)
    monkeypatch.setattr("numba.core.caching.CacheImpl._locator_classes", [])
    with caplog.at_level(logging.WARNING):
        assert not kernels.load()
    assert "cannot cache" in caplog.text
    assert tokenise(["still here"]).strings() == [["still", "here"]]
