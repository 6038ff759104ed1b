import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from classifier import readers, repeats
from classifier.labels import AFFECTS, TOPICS
from classifier.readers import Labelled, Split
from stream.errors import UserError

SECRET = "a text that stays out of messages"


def put(folder: Path, path: str, *rows: str) -> Path:
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    content = ("\n".join(rows) + "\n").encode()
    target.write_bytes(gzip.compress(content) if path.endswith(".gz") else content)
    return target


def columns(*numbers: int, width: int, between: str) -> str:
    return between.join("1" if number in numbers else "0" for number in range(width))


def test_goemotions_rows_keep_all_their_labels_and_their_quotes(tmp_path: Path) -> None:
    rows = '"quoted\t3,27\tid1', "line sep\u2028inside\t0\tid2"
    put(tmp_path, "goemotions/train.tsv", *rows)
    found = readers.goemotions(tmp_path, "train")
    assert found == Labelled(('"quoted', "line sep\u2028inside"), ((3, 27), (0,)))


@pytest.mark.parametrize(
    ("read", "folder", "label"),
    [(readers.sentiment, "sentiment", 2), (readers.tweet_emotion, "emotion", 3)],
)
def test_tweeteval_texts_and_labels_line_up_and_dev_is_its_val(
    tmp_path: Path, read: Callable[[Path, Split], Labelled], folder: str, label: int
) -> None:
    put(tmp_path, f"tweeteval/{folder}/val_text.txt", 'say "hi', "it's\x85 \u2028 ")
    put(tmp_path, f"tweeteval/{folder}/val_labels.txt", "0", str(label))
    assert read(tmp_path, "dev") == Labelled(('say "hi', "it's\x85 \u2028 "), ((0,), (label,)))


def test_the_rebuilt_sentiment_is_read_until_the_official_one_is_there(tmp_path: Path) -> None:
    folder = "tweeteval/sentiment"
    rows = "tweet_id\tsource\tlabel\ttext", '1\tx\tpositive\tso "good', "2\tx\tnegative\tbad"
    put(tmp_path, f"{folder}/train_rebuilt.tsv.gz", *rows)
    assert readers.sentiment(tmp_path, "train") == Labelled(('so "good', "bad"), ((2,), (0,)))
    put(tmp_path, f"{folder}/train_text.txt", "official")
    put(tmp_path, f"{folder}/train_labels.txt", "1")
    assert readers.sentiment(tmp_path, "train") == Labelled(("official",), ((1,),))


def test_emotion6_has_its_label_behind_the_last_semicolon(tmp_path: Path) -> None:
    put(tmp_path, "emotion6/validation.txt", "i feel so; so;joy", "i feel low;sadness")
    found = readers.emotion6(tmp_path, "dev")
    assert found == Labelled(("i feel so; so", "i feel low"), ((1,), (0,)))


def test_affect_has_several_labels_or_none_and_no_test(tmp_path: Path) -> None:
    header = "\t".join(["ID", "Tweet", *AFFECTS])
    none, two = (columns(*one, width=11, between="\t") for one in ((), (0, 10)))
    put(tmp_path, "semeval2018-ec/train.tsv", header, f'1\t"open\t{none}', f"2\tclosed\t{two}")
    assert readers.affect(tmp_path, "train") == Labelled(('"open', "closed"), ((), (0, 10)))
    assert readers.affect(tmp_path, "test") == Labelled((), ())


def test_suggestions_may_hold_quotes_commas_and_newlines(tmp_path: Path) -> None:
    rows = "id,sentence,label", '1_1,"add ""dark"", please', 'soon",1', "1_2,fine,0"
    put(tmp_path, "semeval2019-suggestion/trial.csv", *rows)
    found = readers.suggestion(tmp_path, "dev")
    assert found == Labelled(('add "dark", please\nsoon', "fine"), ((0,), ()))


def test_topics_are_the_columns_that_are_1(tmp_path: Path) -> None:
    header = ",".join(["id", "text", *TOPICS])
    row = columns(9, 16, width=19, between=",")
    put(tmp_path, "topics/xtopic_en_validation.csv", header, f'1,"game, on",{row}')
    assert readers.topic(tmp_path, "test") == Labelled(("game, on",), ((9, 16),))


def numbered(count: int) -> list[str]:
    """Sentences, and each again in another dress."""
    plain = [f"please add feature {number} to it" for number in range(count)]
    return [*plain, *(f"{one.upper()}!" for one in plain)]


def suggestions(folder: Path) -> tuple[Labelled, Labelled]:
    rows = [f"1,{one},{number % 2}" for number, one in enumerate(numbered(200))]
    put(folder, "semeval2019-suggestion/train.csv", "id,sentence,label", *rows)
    return readers.suggestion(folder, "train"), readers.suggestion(folder, "test")


def topics(folder: Path) -> tuple[Labelled, Labelled]:
    rest = columns(1, width=19, between=",")
    rows = [f"1,{one},{rest}" for one in numbered(200)]
    put(folder, "topics/xtopic_en_train.csv", ",".join(["id", "text", *TOPICS]), *rows)
    return readers.topic(folder, "train"), readers.topic(folder, "dev")


@pytest.mark.parametrize("read", [suggestions, topics])
def test_a_split_by_digest_parts_every_row_and_keeps_repeats_together(
    tmp_path: Path, read: Callable[[Path], tuple[Labelled, Labelled]]
) -> None:
    train, held_out = read(tmp_path)
    keys, others = ({repeats.key(one) for one in part.texts} for part in (train, held_out))
    assert sorted([*train.texts, *held_out.texts]) == sorted(numbered(200))
    assert not keys & others
    assert 2 * len(keys) == len(train) and 2 * len(others) == len(held_out)
    assert 20 <= len(held_out) <= 60
    assert read(tmp_path) == (train, held_out)


def test_a_split_by_digest_is_the_same_on_every_machine(tmp_path: Path) -> None:
    held_out = suggestions(tmp_path)[1].texts
    assert [one.split()[3] for one in held_out[:5]] == ["1", "37", "49", "53", "61"]


def test_rows_of_a_text_in_any_dress_are_dropped() -> None:
    data = Labelled(("Good DAY!", "bad day", "😀"), ((1,), (0,), (1,)))
    keys = frozenset({repeats.key("@you good day https://x.y"), repeats.key("one")})
    assert readers.without(data, keys) == Labelled(("bad day", "😀"), ((0,), (1,)))


@pytest.mark.parametrize(
    ("read", "path", "rows", "complaint"),
    [
        (readers.goemotions, "goemotions/train.tsv", [f"{SECRET}\t28\tid"], "row 1: wanted"),
        (readers.goemotions, "goemotions/train.tsv", [f"{SECRET}\t-1\tid"], "row 1: wanted"),
        (readers.goemotions, "goemotions/train.tsv", ["a\t1\tid", SECRET], "row 2: wanted"),
        (readers.emotion6, "emotion6/train.txt", [f"{SECRET};happiness"], "label of sadness, joy"),
        (
            readers.sentiment,
            "tweeteval/sentiment/train_rebuilt.tsv.gz",
            ["tweet_id\tsource\tlabel\ttext", f"1\tx\tgood\t{SECRET}"],
            "label of negative, neutral, positive",
        ),
        (
            readers.affect,
            "semeval2018-ec/train.tsv",
            ["ID\tTweet\tanger", f"1\t{SECRET}\t0"],
            "each of 11 emotions",
        ),
        (
            readers.suggestion,
            "semeval2019-suggestion/train.csv",
            ["id,sentence,label", f"1,{SECRET}"],
            "row 1: wanted a sentence",
        ),
        (
            readers.suggestion,
            "semeval2019-suggestion/train.csv",
            ["id,sentence,label", f"1,{SECRET},2"],
            "label of 0 or 1",
        ),
        (readers.topic, "topics/xtopic_en_train.csv", ["id,text", f"1,{SECRET}"], "19 topics"),
    ],
)
def test_a_row_that_is_not_as_declared_is_named_without_its_text(
    tmp_path: Path,
    read: Callable[[Path, Split], Labelled],
    path: str,
    rows: list[str],
    complaint: str,
) -> None:
    put(tmp_path, path, *rows)
    with pytest.raises(UserError) as raised:
        read(tmp_path, "train")
    assert complaint in str(raised.value) and Path(path).name in str(raised.value)
    assert SECRET not in str(raised.value)


def test_a_wrong_tweeteval_label_is_named(tmp_path: Path) -> None:
    put(tmp_path, "tweeteval/emotion/val_text.txt", "a", "b")
    put(tmp_path, "tweeteval/emotion/val_labels.txt", "3", "4")
    with pytest.raises(UserError, match=r"val_labels\.txt, row 2: wanted .* from 0 to 3"):
        readers.tweet_emotion(tmp_path, "dev")


def test_texts_and_labels_of_different_length_are_refused(tmp_path: Path) -> None:
    put(tmp_path, "tweeteval/sentiment/val_text.txt", "a", "b")
    put(tmp_path, "tweeteval/sentiment/val_labels.txt", "1")
    with pytest.raises(UserError, match="val has 2 texts and 1 labels"):
        readers.sentiment(tmp_path, "dev")


def test_a_missing_file_is_named_with_the_way_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"dev\.tsv is not there.*classifier download"):
        readers.goemotions(tmp_path, "dev")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = put(tmp_path, "corpus/tweets.tsv.gz", "source\ttext", "x\tone two")
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(UserError, match=r"tweets\.tsv\.gz is not whole"):
        list(readers.corpora(tmp_path))
    put(tmp_path, "goemotions/dev.tsv").write_bytes(b"\xff\t1\tid\n")
    with pytest.raises(UserError, match=r"dev\.tsv is not UTF-8"):
        readers.goemotions(tmp_path, "dev")


def test_a_corpus_is_the_last_column_of_a_table_or_lines(tmp_path: Path) -> None:
    table = put(tmp_path, "own.tsv.gz", "source\ttext", "x\tone two", "x\tthree")
    plain = put(tmp_path, "plain.txt", "one two", "three")
    assert list(readers.corpus(table)) == list(readers.corpus(plain)) == ["one two", "three"]


def test_the_corpora_are_those_that_are_there(tmp_path: Path) -> None:
    assert list(readers.corpora(tmp_path)) == []
    put(tmp_path, "corpus/reddit.tsv.gz", "kind\tsubreddit\ttext", 'title\tpics\ta "cat')
    assert list(readers.corpora(tmp_path)) == ['a "cat']
    put(tmp_path, "corpus/tweets.tsv.gz", "source\ttext", "x\tone two")
    assert list(readers.corpora(tmp_path)) == ["one two", 'a "cat']
