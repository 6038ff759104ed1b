"""What a model of the laboratory learns from, is fitted on and is measured on stays apart."""

import shutil
from pathlib import Path

from classifier import repeats
from classifier.lab import cells
from classifier.readers import Labelled


def keys(part: Labelled) -> set[str]:
    return {repeats.key(text) for text in part.texts}


def test_no_held_out_text_is_learnt_and_no_test_text_is_fitted_on(
    small_data: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(small_data, data)
    comments = data / "goemotions"
    of_test = (comments / "test.tsv").read_text().splitlines()[:5]
    of_dev = (comments / "dev.tsv").read_text().splitlines()[:5]
    of_tweets = (data / "tweeteval/sentiment/test_text.txt").read_text().splitlines()[:5]
    again = [*of_test, *of_dev, *(f"{text.upper()}!\t0\tid" for text in of_tweets)]
    with (comments / "train.tsv").open("a") as train:
        train.writelines(f"{line}\n" for line in again)
    texts = cells.read(data, ("emotion",), "train", None)
    learnt = keys(texts.task.train["emotion"])
    assert len(learnt) > 300
    assert not learnt & keys(texts.test["emotion"])
    assert not learnt & keys(texts.task.dev["emotion"])
    assert not learnt & {repeats.key(text) for text in of_tweets}, "held out of another head"
    assert keys(texts.to_calibrate["emotion"]) == keys(texts.task.dev["emotion"])
