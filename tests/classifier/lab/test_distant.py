"""Hashtags make a training set, and a report says how far it can be trusted."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from classifier import artifact, own_texts
from classifier.lab import quality
from classifier.lab.distant import Limits, gather
from classifier.lab.shapes import Sample
from classifier.predictor import Predictor
from stream.hashtags import HashtagLabels
from tests import forks
from tests.classifier.conftest import made_up

TAGS = HashtagLabels({"happy": "joy", "angry": "anger", "thanks": "gratitude"})


def words(text: str, tags: str = "joy", **more: Any) -> Sample:
    return Sample(text, distant=tuple(tags.split()), **more)


def test_each_post_that_cannot_teach_is_left_out_for_a_reason_that_is_counted() -> None:
    posts = [
        words("we won the cup at last"),
        words("We WON the cup, at last!!"),
        words("we lost the cup again", ""),
        words("so it goes with the cup", "joy anger"),
        words("@you http://a.example yes"),
        words("wir haben heute endlich das Spiel gewonnen"),
        words("it is in the test split"),
        Sample("they lost the cup again #angry #sport"),
    ]
    posts[0] = replace(posts[0], key="lab:1")
    found = gather(posts, TAGS, frozenset({"itisinthetestsplit"}), Limits())
    assert {row["key"] for row in found.rows} == {"lab:1", ""}, "by which a deletion finds it"
    assert sorted((row["text"], row["labels"]) for row in found.rows) == [
        ("they lost the cup again #sport", ["anger"]),
        ("we won the cup at last", ["joy"]),
    ]
    assert dict(found.left_out) == {
        "a text that was there before": 1,
        "no labelling hashtag": 1,
        "labels that contradict one another": 1,
        "fewer than 3 words": 1,
        "not in English": 1,
        "in a dev or test split": 1,
    }


def test_no_label_and_no_author_has_more_than_its_share() -> None:
    posts = [words(f"what a day it is {n}", author=f"lab:author:{n % 9}") for n in range(90)]
    posts += [words(f"this made the day number {n}", "joy gratitude") for n in range(3)]
    found = gather(posts, None, frozenset(), Limits(per_label=10, per_author=5))
    assert found.labels == {"joy": 13, "gratitude": 3}, "the three count for the rarer label"
    assert found.left_out["an author's posts beyond 5"] == 90 - 9 * 5
    again = gather(posts, None, frozenset(), Limits(per_label=10, per_author=5))
    assert again.rows == found.rows, "the draw is the same each time"
    places = {int(row["text"].split()[-1]) for row in found.rows if row["labels"] == ["joy"]}
    assert max(places) > 9, "and not of the first posts alone"


def test_average_precision_is_what_its_definition_says() -> None:
    scores = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]])
    right = torch.tensor([[1, 0], [0, 0], [1, 0], [0, 0]])
    found = quality.average_precision(scores, right)
    assert found.tolist() == pytest.approx([(1 / 1 + 2 / 3) / 2, 0])


def test_the_report_tells_good_labels_from_bad_ones(small_run: Path, small_data: Path) -> None:
    model = Predictor(artifact.load(small_run / "artifact"))
    rows = [{"text": text, "labels": ["joy" if label == "neutral" else label]}
            for text, label in made_up(40, 300)]  # fmt: skip
    found = quality.quality(rows, model, small_data)
    assert found["anger"]["agrees"] > 0.8
    assert found["joy"]["agrees"] < 0.6, "a half of them are neutral"
    assert found["joy"]["instead"] == "neutral"
    assert found["anger"]["tags"] > 2 * found["anger"]["chance"]
    assert found["joy"]["tags"] < found["joy"]["raters"]


def test_the_command_writes_a_set_that_train_takes(
    small_run: Path, small_data: Path, tmp_path: Path
) -> None:
    lines = [f"{text} #{tag}" for text, label in made_up(41, 60)
             if (tag := {"joy": "happy", "anger": "angry"}.get(label))]  # fmt: skip
    (tmp_path / "posts.txt").write_text("\n".join(lines) + "\nno hashtag here at all\n")
    done = forks.told(
        "classifier", "distant", "--from", str(tmp_path / "posts.txt"), "--labels",
        "--out", str(tmp_path / "set.ndjson"), "--report", str(tmp_path / "report.json"),
        EMOSTREAM_DATA_DIR=str(small_data), EMOSTREAM_MODEL=str(small_run / "artifact"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"{len(lines) + 1} posts read, {len(lines)} texts labelled" in done.stdout
    assert "1  no labelling hashtag" in done.stdout
    assert (tmp_path / "set.ndjson").stat().st_mode & 0o077 == 0, "its owner alone reads it"
    labelled = own_texts.read([tmp_path / "set.ndjson"])["emotion"]
    assert len(labelled) == len(lines)
    assert not any("#" in text for text in labelled.texts)
    assert json.loads((tmp_path / "report.json").read_text())["labels"]["joy"] > 0
    assert own_texts.HASHTAGS in (tmp_path / "set.ndjson").read_text()
