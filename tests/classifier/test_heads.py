from pathlib import Path

import pytest

from classifier import heads
from classifier.datasets import DATA_SETS
from classifier.heads import HEADS
from classifier.labels import AFFECTS, EMOTIONS, POLARITIES
from stream.errors import UserError

AFFECT_HEADER = "\t".join(["ID", "Tweet", *AFFECTS])
ANGER = "\t".join(["1", *"0" * 10])


def put(folder: Path, path: str, *rows: str) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text("\n".join(rows) + "\n", encoding="utf-8")


def put_goemotions(folder: Path) -> None:
    put(folder, "goemotions/train.tsv", "thanks\t15\t1", "Oh, No!\t25\t2", "😀\t17\t3")
    put(folder, "goemotions/dev.tsv", "oh no\t25\t4", "🙂\t17\t5")
    put(folder, "goemotions/test.tsv", "a good day\t17\t6")


def put_tweets(folder: Path) -> None:
    for split, text in (("train", "so calm"), ("val", "we lost"), ("test", "@user Grr!")):
        put(folder, f"tweeteval/emotion/{split}_text.txt", text)
        put(folder, f"tweeteval/emotion/{split}_labels.txt", "0")
    rows = (f"{text}\t{ANGER}" for text in ("1\t@jo grr", "2\twe lost...", "3\tleft", "4\tkept"))
    put(folder, "semeval2018-ec/train.tsv", AFFECT_HEADER, *rows)
    put(folder, "semeval2018-ec/dev.tsv", AFFECT_HEADER, f"5\tLeft\t{ANGER}")


def test_the_declared_labels_are_those_of_the_data_in_its_order() -> None:
    assert len(EMOTIONS) == len(set(EMOTIONS)) == 28
    assert (EMOTIONS[0], EMOTIONS[17], EMOTIONS[27]) == ("admiration", "joy", "neutral")
    assert POLARITIES == ("negative", "neutral", "positive")


def test_the_columns_of_all_heads_stand_side_by_side() -> None:
    where = heads.columns()
    assert list(where) == list(HEADS)
    covered = [number for one in where.values() for number in range(one.start, one.stop)]
    assert covered == list(range(sum(len(head.labels) for head in HEADS.values())))


def test_a_head_can_be_trained_when_all_its_files_are_there(tmp_path: Path) -> None:
    assert heads.trainable(tmp_path) == ()
    put_goemotions(tmp_path)
    assert heads.trainable(tmp_path) == ("emotion",)
    put_tweets(tmp_path)
    assert heads.trainable(tmp_path) == ("emotion", "tweet_emotion", "affect")
    (tmp_path / "tweeteval/emotion/val_text.txt").unlink()
    assert heads.trainable(tmp_path) == ("emotion", "affect")


def test_what_is_left_out_is_one_line_with_the_files_it_lacks(tmp_path: Path) -> None:
    put_goemotions(tmp_path)
    put_tweets(tmp_path)
    line = heads.left_out(tmp_path)
    assert line.startswith("left out: polarity (no tweeteval/sentiment/train_text.txt, ")
    assert "topic (no topics/xtopic_en_train.csv, topics/xtopic_en_validation.csv)" in line
    assert "affect" not in line and "\n" not in line


def test_nothing_is_left_out_of_a_whole_folder(tmp_path: Path) -> None:
    for each in DATA_SETS:
        for file in each.files:
            put(tmp_path, file.path)
    assert heads.left_out(tmp_path) == ""
    assert heads.trainable(tmp_path) == tuple(HEADS)


def test_train_rows_of_any_heads_held_out_texts_are_dropped(tmp_path: Path) -> None:
    put_goemotions(tmp_path)
    put_tweets(tmp_path)
    sentiment = tmp_path / "tweeteval/sentiment"
    sentiment.mkdir(parents=True)
    for split, text in {"train": "fine\nwe lost", "val": "meh\nmeh", "test": "ok\nok"}.items():
        (sentiment / f"{split}_text.txt").write_text(text + "\n")
        (sentiment / f"{split}_labels.txt").write_text("1\n0\n")
    labelled = heads.training(tmp_path)
    assert {name: part.texts for name, part in labelled.items()} == {
        "emotion": ("thanks", "😀"),
        "polarity": ("fine",),
        "tweet_emotion": ("so calm",),
        "affect": ("kept",),
    }
    assert heads.held_out_keys(tmp_path) == {
        *("ohno", "agoodday", "welost", "grr", "left"),
        *("meh", "ok"),
    }


def test_without_the_files_of_the_required_head_nothing_is_trained(tmp_path: Path) -> None:
    put_tweets(tmp_path)
    with pytest.raises(UserError, match=r"goemotions/train\.tsv is not there.*download"):
        heads.training(tmp_path)
