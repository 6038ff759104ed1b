"""The declared data sets: where each file comes from, what it looks like, on what terms.

A data folder holds the files under the paths declared here. `classifier.readers` reads them, and
`classifier.download` fetches those that have an address; sizes and checksums are checked there.
"""

from dataclasses import dataclass
from pathlib import Path

_GOEMOTIONS = "https://github.com/google-research/google-research/raw/master/goemotions/data"
_TWEETEVAL = "https://raw.githubusercontent.com/cardiffnlp/tweeteval/main/datasets"
_DAIR_AI = "https://www.dropbox.com/s"
_NTUA = (
    "https://raw.githubusercontent.com/cbaziotis/ntua-slp-semeval2018/"
    "291038d032d9cc7604148345754958695eeb8f11/datasets/task1/E-c"
)
_TWEETEVAL_LICENCE = (
    "TweetEval is released without restrictions of its own; restrictions of the SemEval task and "
    "of X apply: research"
)


@dataclass(frozen=True)
class DataFile:
    """One file: its path in the data folder, and what the right one looks like."""

    path: str
    url: str  # empty: at no address is the file as it is read here; not fetched
    size: int  # bytes
    sha256: str


@dataclass(frozen=True)
class DataSet:
    """Files that belong together, and on what terms they are given."""

    name: str
    title: str
    home: str
    licence: str
    files: tuple[DataFile, ...]
    head: str = ""  # the head that learns from it; empty for unlabelled texts
    made_from: str = ""  # for files without an address: what they were made from, and how


def _goemotions(name: str, size: int, sha256: str) -> DataFile:
    return DataFile(f"goemotions/{name}", f"{_GOEMOTIONS}/{name}", size, sha256)


def _tweeteval(path: str, size: int, sha256: str) -> DataFile:
    return DataFile(f"tweeteval/{path}", f"{_TWEETEVAL}/{path}", size, sha256)


DATA_SETS = (
    DataSet(
        "goemotions",
        "GoEmotions: Reddit comments with 28 emotions, several at once",
        "https://github.com/google-research/google-research/tree/master/goemotions",
        "CC BY 4.0",
        (
            _goemotions(
                "train.tsv",
                3519053,
                "1c254a142be5c00e80d819b9ae1bbd36d94b2eeb8f4b1271846508d57e57d9c5",
            ),
            _goemotions(
                "dev.tsv",
                439059,
                "575489c079c9de1097062a01738f998590d6b7ead66dd1c9fd1d2ba01fd8bc62",
            ),
            _goemotions(
                "test.tsv",
                436706,
                "0587b2dd8b27b97352adbfc3fb083d46005c8946657fdc2b1ca8b1cc7f1f8be4",
            ),
        ),
        head="emotion",
    ),
    DataSet(
        "sentiment",
        "TweetEval sentiment (SemEval-2017 4A): tweets, negative, neutral or positive",
        "https://github.com/cardiffnlp/tweeteval",
        _TWEETEVAL_LICENCE,
        (
            _tweeteval(
                "sentiment/train_text.txt",
                4970029,
                "368f01052ea6fd8ffc408a2a2e6ac9669e31542581a0396ef16591ea26eb98a6",
            ),
            _tweeteval(
                "sentiment/train_labels.txt",
                91230,
                "122bfb1732fb6995b0e5c5f726c0ba457c469c3b6e60513007ce5037f23e65d4",
            ),
            _tweeteval(
                "sentiment/val_text.txt",
                219137,
                "e5b021e6fc45064c260b09814b803d8f56cada519c4d952d72f43d48a350a964",
            ),
            _tweeteval(
                "sentiment/val_labels.txt",
                4000,
                "b4566926c72e2e4e2916c864def94e76c4cdde52446af2c7ba4fc2006e057e51",
            ),
            _tweeteval(
                "sentiment/test_text.txt",
                1156877,
                "09a93a55c63fd93f97485ef7302889d7edb4091cd49733aa37da094f0bfa0675",
            ),
            _tweeteval(
                "sentiment/test_labels.txt",
                24568,
                "6afb4afe9374d1f983bcf9a7c79b108d0f37fdf020a83f30488309bed215db9d",
            ),
        ),
        head="polarity",
    ),
    DataSet(
        "suggestion",
        "SemEval-2019 task 9 A: forum sentences, a suggestion or not",
        "https://github.com/Semeval2019Task9/Subtask-A",
        "CC BY-NC-SA 4.0: non-commercial",
        (
            DataFile(
                "semeval2019-suggestion/train.csv",
                "",
                998669,
                "94afda9c0a30967d7b236668836145fd73e79d0ad0a367d02253d387d2bd188f",
            ),
            DataFile(
                "semeval2019-suggestion/trial.csv",
                "",
                67780,
                "4746d286e5a060b2f41e570b243050e87a39324f00500461e151230095db2468",
            ),
        ),
        head="suggestion",
        made_from="V1.4_Training.csv and the labelled trial test of its home at commit"
        " 3cd21f039e94455c53f882a54d689745271e6fae: header added, doubled outer quotes removed,"
        " trial text from the UTF-8 copy",
    ),
    DataSet(
        "topics",
        "X-Topic, English, first fold: tweets with 19 topic domains, several at once",
        "https://github.com/anon7331/tweet_topicXL",
        "MIT; terms of X apply to the tweets",
        (
            DataFile(
                "topics/xtopic_en_train.csv",
                "",
                153302,
                "441da7d73ca582f12770b3af1b99f55dd78cd693d60c1f4b4766d7733a9b0558",
            ),
            DataFile(
                "topics/xtopic_en_validation.csv",
                "",
                17058,
                "ebfa1812b19fecc7abc0a10ca2619c0d2798767724a36688143d81619c14bc00",
            ),
        ),
        head="topic",
        made_from="data/en/cross_validation/en_train_0.jsonl and en_validation_0.jsonl of its home"
        " at commit 2b5db0d017f8084db65741b7868c327d32a6231e: JSON Lines to CSV, a column a topic",
    ),
    DataSet(
        "emotion6",
        "Emotion (CARER, Saravia et al. 2018): short lower-case texts, one of six emotions",
        "https://github.com/dair-ai/emotion_dataset",
        "educational and research purposes only",
        (
            DataFile(
                "emotion6/train.txt",
                f"{_DAIR_AI}/1pzkadrvffbqw6o/train.txt?dl=1",
                1658616,
                "3ab03d945a6cb783d818ccd06dafd52d2ed8b4f62f0f85a09d7d11870865b190",
            ),
            DataFile(
                "emotion6/validation.txt",
                f"{_DAIR_AI}/2mzialpsgf9k5l3/val.txt?dl=1",
                204240,
                "34faaa31962fe63cdf5dbf6c132ef8ab166c640254ab991af78f3aea375e79ef",
            ),
            DataFile(
                "emotion6/test.txt",
                f"{_DAIR_AI}/ikkqxfdbdec3fuj/test.txt?dl=1",
                206760,
                "60f531690d20127339e7f054edc299a82c627b5ec0dd5d552d53d544e0cfcc17",
            ),
        ),
        head="emotion6",
    ),
    DataSet(
        "tweet_emotion",
        "TweetEval emotion (from SemEval-2018 1): tweets, one of four emotions",
        "https://github.com/cardiffnlp/tweeteval",
        _TWEETEVAL_LICENCE,
        (
            _tweeteval(
                "emotion/train_text.txt",
                306630,
                "2c62f67aeb3eac1aea0e5a9c3d0f4bc337992581f3f858061786a1fb4d79d95e",
            ),
            _tweeteval(
                "emotion/train_labels.txt",
                6514,
                "987e767d8679e18abdf7de37a6d2bcd0a40a296ddd704e8d515cf0e3033c8d9c",
            ),
            _tweeteval(
                "emotion/val_text.txt",
                34556,
                "e2e30c86b8cbb97944d6543aedc06eace3bb275cb2f381aba787b838b4f23ca5",
            ),
            _tweeteval(
                "emotion/val_labels.txt",
                748,
                "313730630160b7e0a6b4235b800c76683f4aeeb72d094eb69646630cd5cfe338",
            ),
            _tweeteval(
                "emotion/test_text.txt",
                132523,
                "7e1070f5d3e3fcece5bc73680bff9981e90d8f7b2f1009bfe7a01d059d1c6091",
            ),
            _tweeteval(
                "emotion/test_labels.txt",
                2842,
                "245072348c711961785be6d395997f97cf7fcda3effeae7805664171dc75f913",
            ),
        ),
        head="tweet_emotion",
    ),
    DataSet(
        "semeval2018-ec",
        "SemEval-2018 1 E-c, English: tweets, several of eleven emotions or none",
        "https://competitions.codalab.org/competitions/17751",
        "given out by the task for research; terms of X apply",
        (
            DataFile(
                "semeval2018-ec/train.tsv",
                f"{_NTUA}/E-c-En-train.txt",
                909855,
                "498893ef1ecc5698d44ba9fd815d3ee88278f24fc549b202ddf36a4452f96675",
            ),
            DataFile(
                "semeval2018-ec/dev.tsv",
                f"{_NTUA}/E-c-En-dev.txt",
                117699,
                "1124cf56bd255fadea9e734a13133a9bd2202022f6d8a0ea560f076d8562517f",
            ),
        ),
        head="affect",
    ),
)

REBUILT = DataFile(
    "tweeteval/sentiment/train_rebuilt.tsv.gz",
    "",
    2654406,
    "9e8ff61c2516da55b7fb6d58367766007a105d1314f27fec0a60a19226f85c47",
)
"""Stands in for sentiment's two train files where those are not at hand; not fetched."""

MORE_DEV = DataFile(
    "tweeteval/sentiment/extra_2016devtest.tsv.gz",
    "",
    113910,
    "d62a8aa17c23c412ded042ab19a2dad7a16b87009aab7045761eec7c22579942",
)
"""Tweets that TweetEval leaves out; polarity is calibrated on them too; not fetched."""

CORPORA = (
    DataSet(
        "tweets",
        "Unlabelled tweets: the texts of ten public sets' train splits",
        "http://help.sentiment140.com/for-students and https://github.com/cardiffnlp/tweeteval",
        "that of each set: Sentiment140, SemEval and TweetEval for research, CrowdFlower public as"
        " its vendor says, X-Topic MIT; terms of X apply",
        (
            DataFile(
                "corpus/tweets.tsv.gz",
                "",
                9852055,
                "8e292c6034d53547be8aa1ed0c666c6e09a1fdfbc988b904e660d2e2b1141c2d",
            ),
        ),
        made_from="train splits of Sentiment140, CrowdFlower emotion, SemEval-2017 4A, SemEval-2018"
        " E-c, X-Topic and TweetEval's emoji, offensive, emotion, irony and stance: addresses and"
        " mentions masked, repeats and texts of held-out splits dropped",
    ),
    DataSet(
        "reddit",
        "Unlabelled titles and openings of Reddit posts of August 2013",
        "https://github.com/umbrae/reddit-top-2.5-million",
        "Public Domain Dedication and Licence 1.0",
        (
            DataFile(
                "corpus/reddit.tsv.gz",
                "",
                30460132,
                "df3576d74b7cdd505ff66904f97372a0e203a0254bacf315d734e9928dade5cb",
            ),
        ),
        made_from="500,000 English texts drawn from its home at commit"
        " d0efcade504b8ed735a48ddc2b15552fa924c9d9, without posts marked over_18: addresses and"
        " mentions masked, texts of held-out splits dropped",
    ),
)
"""Unlabelled texts for pre-training and for the teacher to label; not fetched."""


def files(data_set: DataSet, folder: Path) -> tuple[DataFile, ...]:
    """What is read of a set from this folder: the declared files, or what stands in for them."""
    if data_set.head == "polarity" and sentiment_is_rebuilt(folder):
        return (REBUILT, *(file for file in data_set.files if "/train_" not in file.path))
    return data_set.files


def missing(data_set: DataSet, folder: Path) -> tuple[DataFile, ...]:
    """The files of a set that the folder lacks."""
    return tuple(file for file in files(data_set, folder) if not (folder / file.path).exists())


def sentiment_is_rebuilt(folder: Path) -> bool:
    """Whether the folder has the rebuilt train split in place of the official one."""
    official = folder / "tweeteval/sentiment/train_text.txt"
    return not official.exists() and (folder / REBUILT.path).exists()


def used_files(folder: Path) -> list[Path]:
    """The labelled files that training and evaluation read from this folder: of whole sets only."""
    whole = (each for each in DATA_SETS if not missing(each, folder))
    found = [folder / file.path for each in whole for file in files(each, folder)]
    return sorted(found + [path for path in (folder / MORE_DEV.path,) if path.exists()])
