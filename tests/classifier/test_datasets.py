import gzip
import re
import shutil
from pathlib import Path

import pytest

from classifier import datasets
from classifier.datasets import DATA_SETS, Labelled
from classifier.labels import EMOTIONS, LABEL_SETS
from stream.errors import UserError


def test_the_declared_labels_are_those_of_the_data_in_its_order() -> None:
    assert len(EMOTIONS) == len(set(EMOTIONS)) == 28
    assert (EMOTIONS[0], EMOTIONS[17], EMOTIONS[27]) == ("admiration", "joy", "neutral")
    assert LABEL_SETS["polarity"] == ("negative", "neutral", "positive")


def test_every_declared_file_has_an_official_address_a_size_and_a_checksum() -> None:
    files = [file for data_set in DATA_SETS for file in data_set.files]
    assert len({file.path for file in files}) == len({file.sha256 for file in files}) == len(files)
    for file in files:
        assert file.url.startswith("https://") and file.url.endswith(Path(file.path).name)
        assert file.size > 0
        assert re.fullmatch("[0-9a-f]{64}", file.sha256)
    assert all(data_set.licence and data_set.home for data_set in DATA_SETS)


def test_goemotions_rows_keep_all_their_labels_and_their_quotes(tmp_path: Path) -> None:
    path = tmp_path / "goemotions/train.tsv"
    path.parent.mkdir()
    path.write_text('"quoted\t3,27\tid1\nline sep\u2028inside\t0\tid2\n', encoding="utf-8")
    assert datasets.goemotions(tmp_path, "train") == Labelled(
        ('"quoted', "line sep\u2028inside"), ((3, 27), (0,))
    )


def test_the_rebuilt_train_split_stands_in_for_the_official_one(tmp_path: Path) -> None:
    folder = tmp_path / "tweeteval/sentiment"
    folder.mkdir(parents=True)
    rows = 'tweet_id\tsource\tlabel\ttext\n1\tx\tpositive\tso "good\n2\tx\tnegative\tbad\n'
    (folder / "train_rebuilt.tsv.gz").write_bytes(gzip.compress(rows.encode()))
    assert datasets.sentiment_is_rebuilt(tmp_path)
    assert datasets.sentiment(tmp_path, "train") == Labelled(('so "good', "bad"), ((2,), (0,)))
    assert any(path.name == "train_rebuilt.tsv.gz" for path in datasets.used_files(tmp_path))
    (folder / "train_text.txt").write_text("official\n")
    (folder / "train_labels.txt").write_text("1\n")
    assert datasets.sentiment(tmp_path, "train") == Labelled(("official",), ((1,),))
    assert all(path.suffix != ".gz" for path in datasets.used_files(tmp_path))


def test_training_texts_that_stand_in_a_held_out_split_are_dropped(
    small_data: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    shutil.copytree(small_data, folder)
    leaked = datasets.goemotions(folder, "test").texts[0]
    train = folder / "goemotions/train.tsv"
    before = len(datasets.training(folder)["emotion"])
    train.write_text(train.read_text() + f"{leaked.upper()}!\t3\tleak\n{leaked}\t3\tleak\n")
    after = datasets.training(folder)["emotion"]
    assert len(after) == before + 1  # the sign of exclamation is a token: another text
    assert leaked not in after.texts


def test_a_missing_file_is_named_with_the_way_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"dev\.tsv is not there.*classifier download"):
        datasets.goemotions(tmp_path, "dev")


def test_texts_and_labels_of_different_length_are_refused(small_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(small_data, folder)
    (folder / "tweeteval/sentiment/val_labels.txt").write_text("1\n")
    with pytest.raises(UserError, match="val has 100 texts and 1 labels"):
        datasets.sentiment(folder, "val")


def test_a_corpus_is_the_last_column_of_a_table_or_lines(tmp_path: Path) -> None:
    table = tmp_path / "tweets.tsv.gz"
    table.write_bytes(gzip.compress(b"source\ttext\nx\tone two\nx\tthree\n"))
    lines = tmp_path / "plain.txt"
    lines.write_text("one two\nthree\n")
    assert list(datasets.corpus(table)) == list(datasets.corpus(lines)) == ["one two", "three"]
