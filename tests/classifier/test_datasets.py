import re
from pathlib import Path

from classifier import datasets
from classifier.datasets import CORPORA, DATA_SETS, REBUILT, DataSet
from classifier.heads import HEADS


def put(folder: Path, *paths: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("")


def of(head: str) -> DataSet:
    return next(each for each in DATA_SETS if each.head == head)


def test_every_declared_file_has_a_size_and_a_checksum_of_its_own() -> None:
    files = [file for each in (*DATA_SETS, *CORPORA) for file in each.files] + [REBUILT]
    assert len({file.path for file in files}) == len({file.sha256 for file in files}) == len(files)
    for file in files:
        assert file.size > 0
        assert re.fullmatch("[0-9a-f]{64}", file.sha256)


def test_a_file_has_an_address_or_its_set_says_what_it_was_made_from() -> None:
    for each in (*DATA_SETS, *CORPORA):
        assert each.licence and each.home
        for file in each.files:
            assert file.url.startswith("https://") or each.made_from


def test_every_head_has_one_data_set() -> None:
    assert sorted(each.head for each in DATA_SETS) == sorted(HEADS)
    assert all(each.head == "" for each in CORPORA)


def test_a_set_lacks_what_is_not_in_the_folder(tmp_path: Path) -> None:
    put(tmp_path, "semeval2018-ec/dev.tsv")
    (lacking,) = datasets.missing(of("affect"), tmp_path)
    assert lacking.path == "semeval2018-ec/train.tsv"
    put(tmp_path, lacking.path)
    assert datasets.missing(of("affect"), tmp_path) == ()


def test_the_rebuilt_train_split_stands_in_for_the_official_one(tmp_path: Path) -> None:
    official = [file.path for file in of("polarity").files]
    put(tmp_path, REBUILT.path, *(path for path in official if "/train_" not in path))
    assert datasets.sentiment_is_rebuilt(tmp_path)
    assert datasets.missing(of("polarity"), tmp_path) == ()
    assert tmp_path / REBUILT.path in datasets.used_files(tmp_path)
    put(tmp_path, *official)
    assert not datasets.sentiment_is_rebuilt(tmp_path)
    assert datasets.used_files(tmp_path) == sorted(tmp_path / path for path in official)


def test_only_whole_sets_count_as_used(tmp_path: Path) -> None:
    put(tmp_path, "semeval2018-ec/dev.tsv", *(file.path for file in of("topic").files))
    used = [path.relative_to(tmp_path).as_posix() for path in datasets.used_files(tmp_path)]
    assert used == ["topics/xtopic_en_train.csv", "topics/xtopic_en_validation.csv"]
