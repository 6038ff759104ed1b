"""Live posts are compared with what the model learned from, and a sentence says what to do."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from scipy.stats import chi2_contingency

from classifier import artifact
from classifier.lab import drift
from classifier.lab import profile as profiles
from classifier.lab.profile import FEATURES, Profile
from stream.errors import UserError
from tests import forks
from tests.classifier.conftest import made_up


def profile(texts: int = 1000, **counts: Mapping[str, int]) -> Profile:
    """A profile in which the first bin of each feature that is not given has every text."""
    found = Profile("m@1", "a test", texts)
    for name, bins in FEATURES.items():
        found.counts[name].update(counts.get(name.replace(" ", "_"), {bins[0]: texts}))
    return found


def verdicts(then: Profile, now: Profile) -> dict[str, str]:
    return {one.name: one.verdict for one in drift.compare(then, now).features}


def test_the_index_and_the_chance_are_those_of_their_definitions() -> None:
    then, now = {"a": 300, "b": 600, "c": 100, "d": 0}, {"a": 90, "b": 80, "c": 30, "d": 0}
    shares = [((then[one] + 0.5) / 1002, (now[one] + 0.5) / 202) for one in then]
    wanted = sum((p - q) * math.log(p / q) for p, q in shares)
    assert drift.stability(then, now) == pytest.approx(wanted)
    table = [[then[one] for one in "abc"], [now[one] for one in "abc"]]
    assert drift.by_luck(then, now) == pytest.approx(float(chi2_contingency(table).pvalue))
    assert drift.stability(then, then) == 0
    assert drift.by_luck(then, then) == 1


def test_equal_profiles_have_not_moved_and_few_posts_alone_do_not_cry_wolf() -> None:
    assert not drift.compare(profile(), profile()).found
    wide = dict(zip(FEATURES["emotion"], [40] * 29, strict=True))
    few = dict(zip(FEATURES["emotion"], [1, 0] * 14 + [1], strict=True))
    found = drift.compare(profile(emotion=wide), profile(200, emotion=few))
    moved = next(one for one in found.features if one.name == "emotion")
    assert moved.index > drift.MUCH, "the index alone would have"
    assert moved.verdict == "as before"


def test_more_unknown_words_are_a_reason_to_train_anew_and_the_new_words_are_named() -> None:
    now = profile(unknown_words={"none": 300, "to 35%": 700})
    now.new_words = {"skibidi": 40, "onlyone": 1}
    found = drift.compare(profile(), now)
    assert found.retrain
    text = drift.table(found)
    assert "Train anew: posts have more words that the model does not know" in text
    assert "skibidi" in text
    assert "onlyone" not in text
    fewer = drift.compare(profile(unknown_words={"to 35%": 1000}), profile())
    assert fewer.found
    assert not fewer.retrain, "fewer unknown words harm nobody"


def test_other_label_shares_alone_ask_for_a_review_and_another_length_for_nothing() -> None:
    other = profile(emotion={"joy": 200, "anger": 800})
    found = drift.compare(profile(emotion={"joy": 800, "anger": 200}), other)
    assert found.found
    assert not found.retrain
    assert "people may feel otherwise" in drift.table(found)
    longer = drift.compare(profile(), profile(length={"to 32": 1000}))
    assert not longer.found
    assert {one.name for one in longer.features if one.verdict == "much"} == {"length"}


def test_what_cannot_be_compared_is_one_line() -> None:
    other = profile()
    other.model = "m@2"
    with pytest.raises(UserError, match="the profile is of m@2"):
        drift.compare(other, profile())
    with pytest.raises(UserError, match="199 texts, and 200 are needed"):
        drift.compare(profile(), profile(199))


def test_a_model_keeps_a_profile_and_the_command_says_what_moved(
    small_run: Path, small_data: Path, tmp_path: Path
) -> None:
    settings = {
        "EMOSTREAM_DATA_DIR": str(small_data),
        "EMOSTREAM_MODEL": str(small_run / "artifact"),
    }

    def run(*words: str) -> tuple[int, str, str]:
        done = forks.told("classifier", *words, **settings)
        return done.returncode, done.stdout, done.stderr

    alike = [text for text, _ in made_up(60, 300)]
    strange = [f"{text} brandnewword verily unheard {n}" for n, text in enumerate(alike)]
    for name, texts in (("then", alike[::-1] * 2), ("alike", alike), ("strange", strange)):
        (tmp_path / name).write_text("\n".join(texts))
    mine = str(tmp_path / "mine.json")
    assert run("profile", "--from", str(tmp_path / "then"), "--out", mine)[0] == 0
    assert "verily" not in (tmp_path / "mine.json").read_text()

    code, told, _ = run("drift", "--from", str(tmp_path / "alike"), "--profile", mine)
    assert code == 0, told
    assert "no reason to train anew" in told
    code, told, _ = run("drift", "--from", str(tmp_path / "strange"), "--profile", mine, "--json")
    assert code == 1
    found = json.loads(told)
    assert found["retrain"]
    assert "brandnewword" in found["why"][0]
    code, _, told = run("drift", "--from", str(tmp_path / "alike"))
    assert code == 2
    assert "make it with: python -m classifier profile" in told


def test_the_profile_of_a_model_is_of_its_own_heads_and_of_its_reviewed_texts(
    small_run: Path, small_data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = artifact.load(small_run / "artifact")
    mine = tmp_path / "mine.ndjson"
    mine.write_text(json.dumps({"text": "nobody else wrote this", "labels": ["joy"]}) + "\n")

    def texts(of: Sequence[str], *own: Path) -> set[str]:
        record = {"texts": dict.fromkeys(of, 1), "own_texts": {mine.name: "of then"} if own else {}}
        made = replace(model, config={**model.config, "training": record})
        return {one.text for one in profiles.training_texts(made, small_data, own)}

    emotion, both = texts(["emotion"]), texts(["emotion", "polarity"])
    assert emotion < both
    assert texts(["emotion"], mine) == emotion | {"nobody else wrote this"}
    assert "mine.ndjson is not as it was" in caplog.text
    with pytest.raises(UserError, match=r"from mine\.ndjson, too: name it with --reviewed"):
        texts(["emotion"], tmp_path / "other.ndjson")
