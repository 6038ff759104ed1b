import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from classifier.predictor import Predictor
from classifier.robustness import (
    CHANGES,
    LONG,
    LONG_TEXTS,
    emoji_of,
    macro_f1,
    macro_recall,
    markdown,
    measure,
    typos,
    write,
)

TEXT = "What a LOVELY day, don't you think? 😂❤"


def test_typos_change_some_letters_of_some_long_words_and_nothing_else() -> None:
    words = ["because", "wonderful", "yes", "don't", "4,000", "really"] * 50
    hurt = typos(1.0)(" ".join(words), random.Random(1)).split(" ")
    changed = [word != other for word, other in zip(words, hurt, strict=True)]
    assert not any(changed[n] for n, word in enumerate(words) if word in ("yes", "don't", "4,000"))
    assert sum(changed) > 140
    assert all(abs(len(a) - len(b)) <= 1 for a, b in zip(words, hurt, strict=True))
    assert typos(0.0)(TEXT, random.Random(1)) == TEXT


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("as it is", TEXT),
        ("upper case", TEXT.upper()),
        ("lower case", TEXT.lower()),
        ("no punctuation", "What a LOVELY day dont you think 😂❤"),
    ],
)
def test_a_change_does_what_its_name_says(name: str, expected: str) -> None:
    assert CHANGES[name](TEXT, random.Random(1)) == expected


@pytest.mark.parametrize("name", [name for name in CHANGES if "," in name])
def test_signs_that_nobody_sees_are_put_between_the_others(name: str) -> None:
    hurt = CHANGES[name](TEXT * 20, random.Random(1))
    added = len(hurt) - len(TEXT * 20)
    assert added > 20
    seen = iter(hurt)
    assert all(sign in seen for sign in TEXT * 20)


def test_only_emoji_are_left() -> None:
    assert emoji_of(TEXT) == "😂 ❤"
    assert emoji_of("none, none :)") == ""


def test_scores_are_those_of_the_labels_that_occur() -> None:
    targets = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0]], dtype=bool)
    given = np.array([[1, 0, 0], [0, 1, 0], [0, 1, 0]], dtype=bool)
    assert macro_f1(given, targets) == pytest.approx(2 / 3)
    assert macro_recall(given, targets) == pytest.approx((0.5 + 1.0) / 2)


def test_the_table_has_every_change_and_invisible_signs_change_nothing(
    small_run: Path, small_data: Path, tmp_path: Path
) -> None:
    measured = measure(Predictor.load(small_run / "artifact"), small_data)
    rows = measured["changes"]
    assert list(CHANGES) == list(rows)[: len(CHANGES)]
    clean = rows["as it is"]
    assert (clean["same_primary"], clean["same_polarity"]) == (1.0, 1.0)
    for name in ("lower case", "zero-width characters, a third"):
        same = {key: rows[name][key] for key in clean if key != "milliseconds"}
        assert same == {key: clean[key] for key in same}
    assert rows["a typo in 20 % of the words"]["same_primary"] < 1.0
    assert rows["the same, repeated to 100 kB"]["emotion_texts"] == min(LONG_TEXTS, 100)
    assert LONG == 100_000
    folder = shutil.copytree(small_run / "artifact", tmp_path / "artifact")
    assert json.loads(write(measured, folder).read_text()) == measured
    assert all(name in markdown(measured) for name in rows)
