"""Reviewers get their posts without waiting for them each time, and none that measures a model."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from classifier import heads, own_texts, repeats
from classifier.lab.shapes import Sample
from classifier.predictor import Predictor
from stream.settings import Settings
from tests.classifier.conftest import made_up
from web import reviewing
from web.problems import Problem
from web.reviewing import AT_ONCE, Given, Reviewing


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often the posts were read; there are 300 and one of the test split."""
    times: list[int] = []

    def read(*_: Any) -> Iterator[Sample]:
        times.append(1)
        yield Sample("this is in the test split")
        yield from (Sample(text, key=f"lab:{n}") for n, (text, _) in enumerate(made_up(90, 300)))

    monkeypatch.setattr(reviewing, "read", read)
    return times


@pytest.fixture
def page(
    predictor: Predictor, tmp_path: Path, asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> Reviewing:
    del asked
    held_out = frozenset({repeats.key("This is in the test split!")})
    monkeypatch.setattr(heads, "held_out_keys", lambda _: held_out)
    return Reviewing(tmp_path / "reviews", predictor, Settings())


def test_the_ranked_posts_of_a_person_are_kept_for_a_while(
    page: Reviewing, asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = page.choose("ann")
    assert len(first) == AT_ONCE
    for one in first:
        page.keep(Given(by="ann", post=one["post"], labels=["joy"]))
    second = page.choose("ann")
    assert len(second) == AT_ONCE
    assert not {one["post"] for one in first} & {one["post"] for one in second}
    assert len(asked) == 1
    page.choose("bob")
    assert len(asked) == 2
    monkeypatch.setattr(reviewing, "KEPT_SECONDS", 0.0)
    page.choose("ann")
    assert len(asked) == 3


def test_nobody_is_asked_about_a_held_out_text(page: Reviewing) -> None:
    found = []
    while posts := page.choose("ann"):
        found += [one["text"] for one in posts]
        for one in posts:
            page.keep(Given(by="ann", post=one["post"], labels=None))
    assert len(found) > 100
    assert "this is in the test split" not in found


def test_blind_keeps_the_labels_of_the_model_from_a_person_and_says_so(
    page: Reviewing, tmp_path: Path
) -> None:
    seen, unseen = page.choose("ann"), page.choose("bob", blind=True)
    assert any(one["labels"] for one in seen)
    assert not any(one["labels"] for one in unseen)
    page.keep(Given(by="bob", post=unseen[0]["post"], labels=["joy"], blind=True))
    (row,) = own_texts.rows(tmp_path / "reviews/bob.ndjson")
    assert row["shown"] is False
    with pytest.raises(Problem):
        page.keep(Given(by="bob", post="neverasked", labels=["joy"]))
